"""Run the cases of a campaign, one after another, and keep what came of each as a line of JSON."""

from __future__ import annotations

import json
import os
import pkgutil
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

Case = dict[str, Any]


class BrokenPromiseError(Exception):
    """A promise did not hold; the text says which and how."""


class Campaign(Protocol):
    """What a module in `soak/campaigns` has; its docstring is the promise under fire."""

    __name__: str
    SAMPLE: int
    """How many cases script/test runs."""

    def cases(self, count: int, seed: int) -> Iterator[Case]:
        """Yield `count` cases, JSON objects that say all that `run` needs; the same seed yields the same ones."""

    def run(self, case: Case, workdir: Path) -> dict[str, Any]:
        """Do one case in an empty directory; return figures, raise BrokenPromiseError when the promise did not hold."""


def names() -> list[str]:
    """Every campaign there is."""
    package = import_module("soak.campaigns")
    return sorted(module.name for module in pkgutil.iter_modules(package.__path__))


def load(name: str) -> Campaign:
    """Find a campaign by its name; ValueError with the known names when there is none."""
    if name not in names():
        raise ValueError(f"{name!r} is no campaign; there are: {', '.join(names()) or 'none'}.")
    return cast("Campaign", import_module(f"soak.campaigns.{name}"))


def read(results: Path) -> list[dict[str, Any]]:
    """Results so far; a last line that a kill cut short is left out, so that its case is run again."""
    found = []
    for line in results.read_text(encoding="utf-8").splitlines() if results.exists() else []:
        try:
            found.append(dict(json.loads(line)))
        except ValueError:
            continue
    return found


def key(case: Case) -> str:
    """What makes two cases the same."""
    return json.dumps(case, sort_keys=True)


def run(
    campaign: Campaign,
    count: int,
    seed: int,
    results: Path,
    say: Callable[[str], None],
    *,
    part: tuple[int, int] = (1, 1),
) -> list[dict[str, Any]]:
    """Run the cases that have no result yet; return the results of all `count`.

    part: (2, 3) takes every third case from the second on; others may be adding theirs to the same file of results.
    """
    results.parent.mkdir(parents=True, exist_ok=True)
    first, parts = part
    wanted = [json.loads(key(case)) for case in campaign.cases(count, seed)][first - 1 :: parts]
    known = {key(result["case"]): result for result in read(results)}
    for number, case in enumerate(wanted, 1):
        if key(case) in known:
            continue
        result = _one(campaign, case)
        known[key(case)] = result
        with results.open("a", encoding="utf-8") as handle:
            # A line of its own even when the line before was cut short.
            handle.write(("\n" if handle.tell() else "") + json.dumps(result))
            handle.flush()
            os.fsync(handle.fileno())
        if not result["ok"]:
            say(f"{number}/{len(wanted)} broken: {result['why']} {key(case)}")
    return [known[key(case)] for case in wanted]


def _one(campaign: Campaign, case: Case) -> dict[str, Any]:
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="soak-") as place:
        try:
            figures, why = campaign.run(case, Path(place)), ""
        except BrokenPromiseError as broken:
            figures, why = {}, str(broken)
        except Exception as error:  # noqa: BLE001 - one odd case must not end a campaign of hundreds; it is a failed one
            figures, why = {}, f"{type(error).__name__}: {error}"
    seconds = round(time.monotonic() - started, 3)
    return {"case": case, "ok": not why, "why": why, "seconds": seconds, "figures": figures}


def summary(name: str, seed: int, results: list[dict[str, Any]], rows: int = 0) -> dict[str, Any]:
    """Put results into one object: how many held, which did not, min/median/max/total of each numeric figure.

    rows: so many cases are kept each with its figures, too, for a campaign (`KEEP_ROWS`) whose table is the result.
    """
    figures: dict[str, list[float]] = {}
    for result in results:
        for what, value in result["figures"].items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                figures.setdefault(what, []).append(value)
    return {
        "campaign": name,
        "seed": seed,
        "cases": len(results),
        "held": sum(result["ok"] for result in results),
        "broken": [{"case": result["case"], "why": result["why"]} for result in results if not result["ok"]],
        "seconds": round(sum(result["seconds"] for result in results), 1),
        "figures": {
            what: {
                "min": min(values),
                "median": statistics.median(values),
                "max": max(values),
                "total": round(sum(values), 3),
            }
            for what, values in sorted(figures.items())
        },
        **({"rows": [{**result["case"], **result["figures"]} for result in results[:rows]]} if rows else {}),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
    }
