# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The libraries that a server without a database is given: what the file may say, and what is missing. Pure."""

from __future__ import annotations

import json
import typing as t
import unicodedata
from collections import Counter
from dataclasses import asdict, dataclass

# Agent and scanner of today's servers by type (GET /library/sections of 1.43; python-plexapi's library.add).
AGENTS = {
    "movie": ("tv.plex.agents.movie", "Plex Movie"),
    "show": ("tv.plex.agents.series", "Plex TV Series"),
    "artist": ("tv.plex.agents.music", "Plex Music"),
    "photo": ("com.plexapp.agents.none", "Plex Photo Scanner"),
}
LANGUAGE = "en-US"
FORM = '{"libraries": [{"title": "Music", "type": "artist", "paths": ["/media/library/Music"]}]}'
_REQUIRED = ("title", "type", "paths")
_OPTIONAL = ("agent", "scanner", "language")


class LibraryListError(Exception):
    """The file says something else than libraries; the text is one sentence for people."""


@dataclass(frozen=True)
class Library:
    """One library to be: paths are directories of the container."""

    title: str
    type: str
    agent: str
    scanner: str
    language: str
    paths: tuple[str, ...]

    def as_dict(self) -> dict[str, t.Any]:
        """The library as a module takes it."""
        return {**asdict(self), "paths": list(self.paths)}


def parse(text: str) -> list[Library]:
    """The libraries of a file. Raises LibraryListError with the first thing that is wrong."""
    try:
        content = json.loads(text)
    except ValueError as error:
        raise LibraryListError(f"it is not JSON ({error}); it must look like {FORM}") from None
    found = content.get("libraries") if isinstance(content, dict) else None
    if not isinstance(found, list) or not found:
        raise LibraryListError(f"it names no libraries; it must look like {FORM}")
    libraries = [_library(number, entry) for number, entry in enumerate(found, 1)]
    twice = [title for title, times in Counter(_folded(library.title) for library in libraries).items() if times > 1]
    if twice:
        raise LibraryListError(f"two libraries are called {twice[0]}; --section could not tell them apart")
    return libraries


def missing(libraries: t.Sequence[Library], titles: t.Iterable[str]) -> list[Library]:
    """Those whose title no library of the server has, in whatever case or spelling of accents."""
    there = {_folded(title) for title in titles}
    return [library for library in libraries if _folded(library.title) not in there]


def _folded(title: str) -> str:
    return unicodedata.normalize("NFC", title).casefold()


def _library(number: int, entry: t.Any) -> Library:
    which = f"library {number}"
    if not isinstance(entry, dict):
        raise LibraryListError(f"{which} is no object; it must look like {FORM}")
    lacking = [name for name in _REQUIRED if not entry.get(name)]
    if lacking:
        raise LibraryListError(f"{which} has no {' and no '.join(lacking)}; it must look like {FORM}")
    unknown = sorted(set(entry) - {*_REQUIRED, *_OPTIONAL})
    if unknown:
        raise LibraryListError(f"{which} has an unknown {unknown[0]}; known are {', '.join((*_REQUIRED, *_OPTIONAL))}")
    texts = ("title", "type", *_OPTIONAL)
    if not all(isinstance(entry.get(name, ""), str) for name in texts) or not str(entry["title"]).strip():
        raise LibraryListError(f"{which} has a {', '.join(texts[:-1])} or {texts[-1]} that is no text")
    if entry["type"] not in AGENTS:
        raise LibraryListError(f"{which} has the type {entry['type']}; Plex knows {', '.join(AGENTS)}")
    paths = entry["paths"]
    if not isinstance(paths, list) or not all(isinstance(path, str) and path.startswith("/") for path in paths):
        raise LibraryListError(f'{which} must have absolute paths, as ["/media/library/Music"]')
    agent, scanner = AGENTS[entry["type"]]
    return Library(
        title=entry["title"].strip(),
        type=entry["type"],
        agent=entry.get("agent") or agent,
        scanner=entry.get("scanner") or scanner,
        language=entry.get("language") or LANGUAGE,
        paths=tuple(paths),
    )
