# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which sections are meant by the names a person gave."""

from __future__ import annotations

import typing as t
import unicodedata

# A section is at least {"name": …, "type": …}; the type is the database's number or the server's word.
Section = dict[str, t.Any]

PHOTO_TYPES = (13, "photo")


class UnknownSection(Exception):  # noqa: N818 - it reads as what it is where it is raised
    """A name that no section has; the text is one sentence for people."""


def choose(known: t.Sequence[Section], names: t.Sequence[str]) -> list[Section]:
    """The sections in the order they are known in: all but photo sections, or those that are named.

    A name is compared exactly, then without case. Two sections of the same name are both meant.
    """
    if not names:
        return [section for section in known if section["type"] not in PHOTO_TYPES]
    found = {name: _matching(known, name) for name in names}
    unknown = [name for name, matches in found.items() if not matches]
    if unknown:
        raise UnknownSection(
            f"Unknown section {_quoted(unknown)}: this library has "
            f"{_quoted([section['name'] for section in known]) or 'none'}. "
            "Name one of these with --section, or give no --section for all."
        )
    return [section for section in known if any(section in matches for matches in found.values())]


def _matching(known: t.Sequence[Section], name: str) -> list[Section]:
    """Accents may be spelled as one character or as two; that is no difference to a person."""
    wanted = _composed(name)
    exact = [section for section in known if _composed(section["name"]) == wanted]
    if exact:
        return exact
    return [section for section in known if _composed(section["name"]).casefold() == wanted.casefold()]


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _quoted(names: t.Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
