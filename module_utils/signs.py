# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What one sample shows: why the server is not quiet, and whether anything moves.

A sign that could not be read (no answer, a locked database, no CPU figure yet) is never taken for quiet
and never taken for life.
"""

from __future__ import annotations

import typing as t
from itertools import pairwise

from .media_analysis import COUNTED as MEDIA_COUNTED
from .processes import ANALYSER, MEDIA, SCANNER
from .samples import RETRY, Sample

# Housekeeping of the account, not work on media.
IGNORED_ACTIVITIES = ("provider.",)
BUTLER = "butler"
# The butler's task whose children are no scan is none either; what else names no section is waited for.
DEEP_ANALYSIS = "DeepMediaAnalysis"
COUNTED = (
    *("items", "items_deleted", "parts", "parts_deleted", "tracks", "analysed", "vectors", "changed_at"),
    *MEDIA_COUNTED,
)


def counts(sample: Sample) -> dict[str, int | None] | None:
    """The counts of a sample, None when the database could not be read."""
    found = sample.get("counts")
    return t.cast("dict[str, int | None]", found) if isinstance(found, dict) else None


def activities(sample: Sample, section: int | None) -> list[dict[str, t.Any]]:
    """The media work in a sample.

    Of one section: work of another is left out, and so is the deep analysis; other work that names none is ours.
    """
    return [
        entry
        for entry in sample.get("activities") or []
        if not str(entry.get("type", "")).startswith(IGNORED_ACTIVITIES)
        and (section is None or (entry.get("section") in (None, section) and entry.get("title") != DEEP_ANALYSIS))
    ]


def processes(sample: Sample, kind: str) -> int:
    """How many processes of a kind a sample saw."""
    return int((sample.get("processes") or {}).get(kind, 0))


def busy_reasons(sample: Sample, cpu_percent: float, section: int | None = None) -> list[str]:
    """Why the server is not quiet, as words for people; empty when it is."""
    reasons = []
    if sample.get("container") != "running":
        reasons.append(f"container {sample.get('container')}")
    if sample.get("http") != 200:
        reasons.append(f"server does not answer ({sample.get('http_words') or sample.get('http')})")
    if sample.get("database") != "ok":
        reasons.append(f"database {sample.get('database')}")
    reasons += [_activity_words(entry) for entry in activities(sample, section)]
    if sample.get("refreshing"):
        reasons.append("section is refreshing")
    if processes(sample, SCANNER):
        reasons.append(f"{processes(sample, SCANNER)} scanner running")
    # A section that is scanned may have its new files looked into meanwhile; that is no scan.
    if section is None and processes(sample, MEDIA):
        reasons.append(f"{processes(sample, MEDIA)} media analysis running")
    usage = sample.get("cpu_percent")
    if usage is None:
        reasons.append("CPU not known yet")
    elif usage >= cpu_percent:
        reasons.append(f"CPU {usage:.0f} %")
    return reasons


def quiet_streak(samples: t.Sequence[Sample], cpu_percent: float, section: int | None = None) -> int:
    """How many samples at the end are quiet without a break."""
    streak = 0
    for sample in reversed(samples):
        if busy_reasons(sample, cpu_percent, section):
            break
        streak += 1
    return streak


def still(samples: t.Sequence[Sample], number: int) -> bool:
    """Whether all counts of the last samples are readable and the same."""
    last = [counts(sample) for sample in samples[-number:]]
    return len(last) == number and last[0] is not None and all(entry == last[0] for entry in last)


def last_life(lines: t.Sequence[Sample], cpu_percent: float, kinds: t.Collection[str], gap_seconds: float) -> float:
    """When something last moved: a count, a process of these kinds, or CPU. The begin counts as life."""
    known = counts(lines[0])

    def alive(sample: Sample) -> bool:
        nonlocal known
        now, before = counts(sample), known
        known = now or known
        usage = sample.get("cpu_percent")
        if now is not None and before is not None and any(now.get(name) != before.get(name) for name in COUNTED):
            return True
        return any(processes(sample, kind) for kind in kinds) or (usage is not None and usage >= cpu_percent)

    return last_when(lines, alive, gap_seconds)


def last_when(lines: t.Sequence[Sample], holds: t.Callable[[Sample], bool], gap_seconds: float) -> float:
    """When something last held; the begin and each further try count as such a time.

    So does what the server is not to blame for: a container that somebody froze on purpose, and a gap in the
    samples, when nobody looked.
    """
    latest = previous = float(lines[0]["at"])
    for sample in lines[1:]:
        at = float(sample["at"])
        innocent = sample.get("kind") == RETRY or sample.get("container") == "paused" or at - previous > gap_seconds
        if holds(sample) or innocent:
            latest = at
        previous = at
    return latest


def scan_seen(lines: t.Sequence[Sample], section: int | None) -> bool:
    """Whether anything proves that the scan took place: work seen or logged, counts changed or a new scan time."""
    begin = lines[0]
    for sample in lines[1:]:
        if sample.get("refreshing") or processes(sample, SCANNER) or sample.get("scanner_exits"):
            return True
        if any(entry.get("section") == section for entry in activities(sample, section)):
            return True
        if counts(sample) is not None and counts(begin) is not None and counts(sample) != counts(begin):
            return True
        if sample.get("scanned_at") is not None and sample.get("scanned_at") != begin.get("scanned_at"):
            return True
    return False


def restarts(lines: t.Sequence[Sample]) -> list[float]:
    """When another process of the server was seen than before: it had ended and was started again."""
    seen = [(float(line["at"]), line["server_pid"]) for line in lines if line.get("server_pid") is not None]
    return [at for (_, before), (at, pid) in pairwise(seen) if pid != before]


def this_try(lines: t.Sequence[Sample]) -> t.Sequence[Sample]:
    """The lines since the work was last begun, by the begin of the phase or by a further try."""
    for position in range(len(lines) - 1, 0, -1):
        if lines[position].get("kind") == RETRY:
            return lines[position:]
    return lines


def analysing(sample: Sample) -> bool:
    """Whether the butler or an analyser process is at work."""
    return bool(processes(sample, ANALYSER)) or any(
        "MusicAnalysis" in entry["title"] or "music.analysis" in entry["type"] or entry["type"] == BUTLER
        for entry in activities(sample, None)
    )


def analysing_media(sample: Sample, section: int | None) -> bool:
    """Whether the server looks into files of this section."""
    return bool(processes(sample, MEDIA)) or any(
        entry["type"] == "library.refresh.items" for entry in activities(sample, section)
    )


def _activity_words(entry: dict[str, t.Any]) -> str:
    words = " ".join(part for part in (entry.get("title"), entry.get("subtitle")) if part)
    progress = entry.get("progress")
    return (words or str(entry.get("type"))) + (f" {progress} %" if progress is not None and progress >= 0 else "")
