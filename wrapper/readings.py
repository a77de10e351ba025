# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the samples of a phase said: did it end before all was done, with which word? Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from wrapper.progress import Update, module_arguments

# Ends before all was done, the most telling first: it gives its word to the run.
EARLY_VERDICTS = ("mount_lost", "capped", "timed_out", "stalled", "partial", "refused")
FAILED_VERDICT = "failed"


@dataclass(frozen=True)
class EarlyEnd:
    """The word for an end before all was done and the sentence that goes with it; both empty when there is none."""

    verdict: str = ""
    sentence: str = ""

    def __bool__(self) -> bool:
        return bool(self.verdict)


@dataclass
class Readings:
    """The verdicts and counts per section, as far as they were seen go by."""

    verdicts: dict[str, str] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)
    first: dict[str, float] = field(default_factory=dict)
    last: dict[str, float] = field(default_factory=dict)

    def add(self, change: Update) -> None:
        """Remember a sample, if this is one."""
        given = module_arguments(change.result)
        if change.action != "plex_phase" or change.result.get("phase", given.get("phase")) != "sonic":
            return
        section = str(given.get("section", ""))
        self.verdicts[section] = str(change.result.get("verdict") or "")
        self.messages[section] = change.text
        if isinstance(done := change.result.get("done"), int | float):
            self.first.setdefault(section, done)
            self.last[section] = done

    @property
    def progressed(self) -> bool:
        """Whether any section has more than it had at the first sample."""
        return any(self.last[section] > first for section, first in self.first.items())

    @property
    def early(self) -> EarlyEnd:
        """The sections that ended too early; none if one failed."""
        return _early([(verdict, self.messages[section]) for section, verdict in self.verdicts.items()])


def early_end(result: Any) -> EarlyEnd:
    """The same from the result of the stage in the ledger: one entry per section, or one for all."""
    return _early([(str(entry.get("verdict", "")), _said(entry)) for entry in entries(result)])


def _early(ends: list[tuple[str, str]]) -> EarlyEnd:
    if any(verdict == FAILED_VERDICT for verdict, _ in ends):
        return EarlyEnd()
    found = [verdict for verdict, _ in ends]
    word = next((verdict for verdict in EARLY_VERDICTS if verdict in found), "")
    return EarlyEnd(word, "; ".join(message or verdict for verdict, message in ends if verdict in EARLY_VERDICTS))


def _said(entry: Mapping[str, Any]) -> str:
    return ": ".join(str(entry[key]) for key in ("title", "message") if entry.get(key))


def entries(result: Any) -> Iterator[Mapping[str, Any]]:
    """What the ledger holds of a phase, one entry per section."""
    if isinstance(result, Mapping):
        sections = result.get("sections")
        yield from entries(sections) if isinstance(sections, list) else [result]
    elif isinstance(result, list):
        yield from (entry for entry in result if isinstance(entry, Mapping))
