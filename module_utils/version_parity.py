# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""May the rented Plex work on home's library? Not when it is newer: what comes back could not be read at home.

Private to this collection and pure. A newer Plex brings a library up to its own schema and an older one cannot undo
that in every case. Home's version is known when it was given; else the newest migration of its library says between
which versions it lies.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

SAME, OLDER, NEWER, TOO_OLD, UNKNOWN = "same", "older", "newer", "too_old", "unknown"

# Newest dated migration -> the series of Plex it was first seen in: read from the databases of 1.32.8, from
# published schemas of 1.40, 1.42 and 1.43. A library whose newest migration lies between two rows is of the series
# of the earlier row, or of one between them.
_SEEN_IN = (
    ("202206291100", (1, 32)),
    ("202309200919", (1, 40)),
    ("202507311200", (1, 42)),
    ("202510021115", (1, 43)),
)
_DIGITS = 12


@dataclass(frozen=True)
class Parity:
    """How the rented Plex compares with home's: same, older, newer, too_old or unknown, and a sentence for people."""

    state: str
    sentence: str = ""

    @property
    def refused(self) -> bool:
        """Whether the run must not begin unless it was told that this is meant."""
        return self.state in {NEWER, TOO_OLD}


def numbers(version: str) -> tuple[int, ...]:
    """Read 1.43.3.10861-07dfddaeb as numbers; empty for what is no version, such as "latest"."""
    found = re.match(r"\d+(?:\.\d+){1,3}", version)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def _newest(migrations: Iterable[str]) -> str:
    return max((version[:_DIGITS] for version in migrations if re.match(r"20\d{10}", version)), default="")


def _of_numbers(rented: str, home: str) -> Parity:
    left, right = (numbers(version) for version in (rented, home))
    shared = min(len(left), len(right))
    if left[:shared] == right[:shared]:
        return Parity(SAME)
    if left > right:
        return Parity(
            NEWER,
            f"The rented Plex {rented} is newer than home's {home}: what comes back could not be read there. Update"
            f" home first, rent home's version (plex_docker_tag), or allow it.",
        )
    return Parity(OLDER, f"The rented Plex {rented} is older than home's {home}; home will bring the library up again.")


def parity(rented: str, migrations: Iterable[str], home: str = "") -> Parity:
    """Compare the rented Plex's version with home's, given or guessed from the migrations of home's library."""
    for version in (rented, home):
        if not numbers(version) and (version or version is rented):
            return Parity(UNKNOWN, f'"{version}" is no version of Plex; one looks like 1.43.3.10861-07dfddaeb.')
    if home:
        return _of_numbers(rented, home)
    return _of_migrations(rented, migrations)


def _of_migrations(rented: str, migrations: Iterable[str]) -> Parity:
    newest, series = _newest(migrations), numbers(rented)[:2]
    if not newest:
        return Parity(UNKNOWN, "The library has no dated migration, so home's version cannot be guessed.")
    later = [(since, name) for since, name in _SEEN_IN if since > newest]
    earlier = [name for since, name in _SEEN_IN if since <= newest]
    if later and series >= later[0][1]:
        return Parity(
            NEWER,
            f"The rented Plex {rented} is newer than home's, whose library ends with migration {newest} (before"
            f" {'.'.join(map(str, later[0][1]))}): what comes back could not be read there. Update home first, rent"
            " home's version (plex_docker_tag), or allow it.",
        )
    if earlier and series < earlier[-1]:
        return Parity(
            TOO_OLD,
            f"The rented Plex {rented} is older than home's library, which has migration {newest} (since"
            f" {'.'.join(map(str, earlier[-1]))}), and would refuse it: rent home's version (plex_docker_tag).",
        )
    return Parity(UNKNOWN, "Home's exact version is not known; give it to compare more than the series.")
