# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The files that the guard reads now and then, and who is to blame when one cannot be read: the mount, S3 or the file.

A file may be unreadable by itself: deleted after the listing, in an archive class, with rights of its own. S3 refuses
such a file and gives another, and then it proves nothing and is left out.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class KnownFiles:
    """Paths relative to the mount; without any, a cold read looks for one itself, and S3 is asked for its listing."""

    names: Sequence[str] = ()
    failed: str = ""  # the mount did not give it, and S3 has not been asked for it yet
    refused: str = ""  # S3 did not give it, and has not been asked for another yet
    asked: str = ""  # what S3 is being asked for
    good: set[str] = field(default_factory=set)  # those that came once, from the mount or from S3
    left_out: list[str] = field(default_factory=list)  # those that nobody has been told of yet

    def draw(self, chooser: random.Random) -> str:
        """Choose one to read; empty when there is none."""
        return chooser.choice(self.names) if self.names else ""

    def ask(self, chooser: random.Random) -> str:
        """Choose what to ask S3 for: what could not be read, else one that came before; not what it just refused."""
        if self.failed and self.failed != self.refused:
            self.asked = self.failed
        else:
            others = [name for name in self.names if name != self.refused]
            others = [name for name in others if name in self.good] or others
            self.asked = chooser.choice(others) if others else ""
        return self.asked

    def gave(self) -> bool | None:
        """S3 gave what it was asked for: whether it is well, None when it has to be asked again."""
        self.good.add(self.asked)
        if self.refused:
            self._leave_out(self.refused)
        if self.asked == self.failed:
            self.failed = ""
            return True
        return None if self.failed else True

    def gave_not(self, late: bool) -> bool | None:
        """S3 did not give it, or not in time: whether it is well, None when it has to be asked for another."""
        if late or self.refused or len(self.names) < 2 or not self.asked:
            self.refused = ""
            return False
        self.refused = self.asked
        return None

    def _leave_out(self, name: str) -> None:
        self.good.discard(name)
        self.names = [other for other in self.names if other != name]
        self.left_out.append(name)
        self.failed = "" if self.failed == name else self.failed
        self.refused = ""
