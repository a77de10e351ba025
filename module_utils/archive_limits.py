# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How much an archive may make us read: what was made to fill a disk or a memory ends here.

Private to this collection.
"""

from __future__ import annotations

from typing import IO

# Names and attributes of one member. tarfile takes them into memory, however long an archive says they are.
HEADERS = 4 << 20
# Databases were seen to shrink to a seventh. What grows more than this, and beyond a size that harms nobody, is a bomb.
GROWTH, HARMLESS = 200, 1 << 30
GROWS = f"unpacks to more than {GROWTH} times its size, which no library does"
ENDLESS = "has a member whose name and attributes have no end"


class TooMuchError(Exception):
    """An archive is larger than it may be; the message says in which way."""


def most(size: int) -> int:
    """How many bytes an archive of that size may unpack to."""
    return max(HARMLESS, GROWTH * size)


class Counted:
    """A stream that knows how much was read from it, and how much may be.

    tarfile cannot tell a cut archive from a finished one, and knows no limit. limit is for the whole stream; allowed is
    moved on with every member.
    """

    def __init__(self, stream: IO[bytes], limit: int) -> None:
        """Begin to count."""
        self._stream, self._limit = stream, limit
        self.count, self.allowed = 0, min(limit, HEADERS)

    def read(self, size: int = -1) -> bytes:
        """Read on; raise TooMuchError beyond the limit."""
        data = self._stream.read(size)
        self.count += len(data)
        if self.count > self.allowed:
            raise TooMuchError(GROWS if self.allowed >= self._limit else ENDLESS)
        return data
