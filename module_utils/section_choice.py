# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which libraries are meant by the names a person gave."""

from __future__ import annotations

import typing as t
import unicodedata

Section = dict[str, t.Any]

PHOTO = "photo"


class UnknownSectionError(Exception):
    """A name that no library has; the text is one sentence for people."""


def choose(sections: t.Sequence[Section], names: t.Sequence[str], place: str = "this server") -> list[Section]:
    """The libraries in the order of the server: all but photo libraries, or those that are named.

    A name is compared exactly, then without case. Two libraries of the same name are both meant. `place` is where the
    libraries were found, for the sentence that refuses a name.
    """
    if not names:
        return [section for section in sections if section["type"] != PHOTO]
    unknown = [name for name in names if not _matching(sections, name)]
    if unknown:
        known = ", ".join(sorted({section["title"] for section in sections})) or "none"
        raise UnknownSectionError(
            f"Unknown section {', '.join(unknown)}: {place} has {known}. "
            "Name one of these with --section, or none for all."
        )
    chosen = {section["key"] for name in names for section in _matching(sections, name)}
    return [section for section in sections if section["key"] in chosen]


def _matching(sections: t.Sequence[Section], name: str) -> list[Section]:
    """Accents may be spelled in one or two characters; that is no difference to a person."""
    wanted = unicodedata.normalize("NFC", name)
    exact = [section for section in sections if unicodedata.normalize("NFC", section["title"]) == wanted]
    if exact:
        return exact
    folded = wanted.casefold()
    return [s for s in sections if unicodedata.normalize("NFC", s["title"]).casefold() == folded]
