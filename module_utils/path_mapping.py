# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules that move paths: read from path_mappings.json, applied to one path at a time.

Private to this collection and pure. A rule matches whole path segments, the longest rule wins, and a value
is rewritten once, so that swaps and chains of rules do what they say.
"""

from __future__ import annotations

import itertools
import json
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

URL = b"file://"


class MappingError(Exception):
    """The mappings file cannot be used; the message is one sentence."""


@dataclass(frozen=True)
class Rule:
    """One line of the mappings file: everything at or below old moves to new."""

    old: bytes
    new: bytes

    def __str__(self) -> str:
        """The rule as a person wrote it."""
        old, new = (side.decode("utf-8", "surrogateescape") or "/" for side in (self.old, self.new))
        return f"{old} -> {new}"

    def covers(self, path: bytes) -> bool:
        """Whether a path lies at or below the old side."""
        return path == self.old or path.startswith(self.old + b"/")

    def reached(self, path: bytes) -> bool:
        """Whether a path lies at or below the new side, as it does once the rule has been applied."""
        return path == self.new or path.startswith(self.new + b"/")


@dataclass
class PathMapping:
    """All rules together."""

    rules: tuple[Rule, ...]
    _by_old: dict[bytes, Rule] = field(init=False, repr=False)
    _lengths: tuple[int, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Index the rules by their old side."""
        self._by_old = {rule.old: rule for rule in self.rules}
        self._lengths = tuple(sorted({len(rule.old) for rule in self.rules}, reverse=True))

    def rule_for(self, path: bytes) -> Rule | None:
        """Find the longest rule that covers a path."""
        for length in self._lengths:
            if len(path) == length or path[length : length + 1] == b"/":
                rule = self._by_old.get(path[:length])
                if rule:
                    return rule
        return None

    def apply(self, path: bytes) -> bytes:
        """Move a path; one that no rule covers stays as it is."""
        rule = self.rule_for(path)
        return path if rule is None else rule.new + path[len(rule.old) :] or b"/"

    def apply_url(self, url: bytes) -> bytes:
        """Move the path inside a file:// URL; what follows the moved part is kept byte for byte."""
        rule = self.rule_for_url(url)
        if rule is None:
            return url
        segments = url[len(URL) :].split(b"/")
        kept = segments[rule.old.count(b"/") + 1 :]
        return URL + (b"/".join([_spelled(rule.new, url), *kept]) or b"/")

    def rule_for_url(self, url: bytes) -> Rule | None:
        """Find the rule that covers the path inside a file:// URL."""
        # An encoded slash inside a name cannot come from a file system; such a URL is not ours to read.
        if not url.startswith(URL) or b"%2f" in url.lower():
            return None
        return self.rule_for(urllib.parse.unquote_to_bytes(url[len(URL) :]))

    @property
    def leads_apart(self) -> bool:
        """Whether no rule leads to, above or below where another one leads: then two paths cannot meet."""
        sides = sorted(rule.new + b"/" for rule in self.rules)
        return not any(later.startswith(earlier) for earlier, later in itertools.pairwise(sides))

    @property
    def settles(self) -> bool:
        """Whether applying the rules twice is the same as once (it is not for swaps and chains)."""
        return all(self.apply(rule.new) == rule.new for rule in self.rules) and not any(
            other.old.startswith(rule.new + b"/") and self.apply(other.old) != other.old
            for rule in self.rules
            for other in self.rules
            if rule.old != rule.new
        )


def _spelled(path: bytes, url: bytes) -> bytes:
    """Spell a path the way the URL around it is spelled: Plex was seen to encode only percent and space."""
    raw = url[len(URL) :]
    if b" " in raw:
        return path
    encodes_all = any(byte >= 0x80 for byte in urllib.parse.unquote_to_bytes(raw)) and raw.isascii()
    safe = "/!$&'()*+,;=:@[]"
    if not encodes_all:
        return b"".join(
            urllib.parse.quote_from_bytes(bytes([byte]), safe).encode() if byte < 0x80 else bytes([byte])
            for byte in path
        )
    return urllib.parse.quote_from_bytes(path, safe).encode()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    for key in keys:
        if keys.count(key) > 1:
            raise MappingError(f'the key "{key}" stands there twice')
    return dict(pairs)


def _side(path: str, role: str) -> bytes:
    trimmed = path.rstrip("/")
    if not path.startswith("/") or any(part in {"", ".", ".."} for part in trimmed.split("/")[1:]):
        raise MappingError(f'the {role} "{path}" must be an absolute path without ".", ".." or doubled slashes')
    return trimmed.encode("utf-8", "surrogateescape")


def parse(text: str) -> PathMapping:
    """Read the rules out of the text of a mappings file."""
    try:
        content = json.loads(text, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        raise MappingError(f"it is not JSON (line {error.lineno}: {error.msg})") from error
    mappings = content.get("mappings") if isinstance(content, Mapping) else None
    if not isinstance(mappings, Mapping):
        raise MappingError('it must look like {"mappings": {"/old/path": "/new/path"}}')
    rules: dict[bytes, Rule] = {}
    for old, new in mappings.items():
        if old.startswith("_"):
            continue
        if not isinstance(new, str):
            raise MappingError(f'the new path for "{old}" must be a text, not {json.dumps(new)}')
        rule = Rule(_side(old, "old path"), _side(new, "new path"))
        if rule.old in rules:
            raise MappingError(f'the old path "{old}" stands there twice')
        rules[rule.old] = rule
    if not rules:
        raise MappingError('"mappings" holds no rule; leave the file out when nothing is to be mapped')
    return PathMapping(tuple(rules.values()))


def load(path: Path) -> PathMapping:
    """Read a mappings file."""
    try:
        return parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise MappingError(f"The mappings file {path} does not exist.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise MappingError(f"The mappings file {path} cannot be read: {error}.") from error
    except MappingError as error:
        raise MappingError(f"The mappings file {path} cannot be used: {error}.") from error
