# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How far a library's files and the bucket have drifted apart, and which rules would bring them together again.

Private to this collection and pure. A scan marks what it does not find as deleted; a file that was only moved comes
back as a new item, without its analysis. So moved files are found first: same name and size, the longest common tail
of folders deciding between several, and told as few rules of a mappings file.
"""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

CERTAIN, LIKELY = "certain", "likely"
Sizes = Mapping[str, int | None]


@dataclass(frozen=True)
class Proposal:
    """One rule that would bring files back together, how many, and how sure that is."""

    old: str
    new: str
    files: int
    confidence: str


@dataclass
class Drift:
    """What became of a library's files. Paths as Plex sees them; resized are there with another size."""

    unchanged: int = 0
    resized: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    moved: dict[str, str] = field(default_factory=dict)
    proposals: list[Proposal] = field(default_factory=list)

    @property
    def would_delete(self) -> int:
        """How many files a scan would not find where the library has them."""
        return len(self.gone) + len(self.moved)


def _key(path: str, size: int | None) -> tuple[str, int | None]:
    """Two spellings of one name, composed or not, are one name."""
    return unicodedata.normalize("NFC", path.rsplit("/", 1)[-1]), size


def _tail(left: str, right: str) -> int:
    """How many names at the end two paths share."""
    count = 0
    for one, other in zip(reversed(left.split("/")), reversed(right.split("/")), strict=False):
        if unicodedata.normalize("NFC", one) != unicodedata.normalize("NFC", other):
            break
        count += 1
    return count


def _heads(old: str, new: str, keep: int) -> tuple[str, str]:
    """What differs at the beginning of two paths, when keep names at their end are left off."""
    left, right = (path.split("/") for path in (old, new))
    return "/".join(left[: len(left) - keep]), "/".join(right[: len(right) - keep])


def _matched(gone: Iterable[str], new: Iterable[str], known: Sizes, found: Sizes) -> tuple[dict[str, str], set[str]]:
    """Pair what is gone with what is new; return the pairs, and which of them had no rival."""
    by_key: dict[tuple[str, int | None], tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for path in gone:
        by_key[_key(path, known[path])][0].append(path)
    for path in new:
        by_key[_key(path, found[path])][1].append(path)
    pairs: dict[str, str] = {}
    alone: set[str] = set()
    doubtful: list[tuple[list[str], list[str]]] = []
    for olds, news in by_key.values():
        if len(olds) == len(news) == 1:
            pairs[olds[0]] = news[0]
            alone.add(olds[0])
        elif olds and news:
            doubtful.append((olds, news))
    votes = Counter(_heads(old, new, _tail(old, new)) for old, new in pairs.items())
    for olds, news in doubtful:
        pairs |= _settled(olds, news, votes)
    return pairs, alone


def _settled(olds: list[str], news: list[str], votes: Counter[tuple[str, str]]) -> dict[str, str]:
    """What has rivals goes where its neighbours went, else where the tail is longest; an even match is none."""
    choices = []
    for old in olds:
        for new in news:
            tail = _tail(old, new)
            choices.append((-votes[_heads(old, new, tail)], -tail, old, new))
    pairs: dict[str, str] = {}
    free = set(news)
    for vote, tail, old, new in sorted(choices):
        rivals = sum(entry[:3] == (vote, tail, old) and entry[3] in free for entry in choices)
        if old not in pairs and new in free and rivals == 1:
            pairs[old] = new
            free.discard(new)
    return pairs


class _Tree:
    """Which folders still hold files that did not move: a rule must not cover those."""

    def __init__(self, staying: Iterable[str]) -> None:
        self._folders: set[tuple[str, ...]] = set()
        for path in staying:
            parts = tuple(path.split("/"))
            for length in range(len(parts), 0, -1):
                if parts[:length] in self._folders:
                    break
                self._folders.add(parts[:length])

    def holds(self, head: str) -> bool:
        """Whether a folder, or the root, does."""
        return not head or tuple(head.split("/")) in self._folders


def _led(rules: Mapping[str, str], path: str) -> tuple[str, str]:
    """Give the longest rule that covers a path, and where it leads; the path itself when none does."""
    head = path
    while head:
        if head in rules:
            return head, rules[head] + path[len(head) :]
        head = head.rpartition("/")[0]
    return "", path


def _proposals(moved: Mapping[str, str], staying: Iterable[str], alone: set[str]) -> list[Proposal]:
    tree = _Tree(staying)
    heads: dict[str, str] = {}
    for old, new in moved.items():
        keep = _tail(old, new)
        head = _heads(old, new, keep)
        while keep and (tree.holds(head[0]) or heads.get(head[0], head[1]) != head[1]):
            keep -= 1
            head = _heads(old, new, keep)
        heads[head[0]] = head[1]
    # Shortest first: a rule is only wanted where the shorter ones lead elsewhere.
    wanted: dict[str, str] = {}
    for old in sorted(heads, key=len):
        if _led(wanted, old)[1] != heads[old]:
            wanted[old] = heads[old]
    wanted |= {old: new for old, new in moved.items() if _led(wanted, old)[1] != new}
    files: Counter[str] = Counter()
    sure: Counter[str] = Counter()
    for old in moved:
        rule = _led(wanted, old)[0]
        files[rule] += 1
        sure[rule] += old in alone
    return [
        Proposal(old, wanted[old], count, CERTAIN if sure[old] * 2 > count else LIKELY)
        for old, count in sorted(files.items(), key=lambda entry: (-entry[1], entry[0]))
    ]


def compare(known: Sizes, found: Sizes) -> Drift:
    """Compare the library's files with what is there: path to size in bytes, None where the size is not known."""
    drift = Drift()
    gone = [path for path in known if path not in found]
    new = [path for path in found if path not in known]
    for path, size in known.items():
        if path in found:
            drift.unchanged += 1
            if size is not None and found[path] is not None and size != found[path]:
                drift.resized.append(path)
    drift.moved, alone = _matched(gone, new, known, found)
    drift.gone = sorted(path for path in gone if path not in drift.moved)
    taken = set(drift.moved.values())
    drift.new = sorted(path for path in new if path not in taken)
    drift.proposals = _proposals(drift.moved, (path for path in known if path in found), alone)
    return drift
