"""`script/lab bill`: what everything cost that was rented from the Scaleway stand-in, by run."""

from __future__ import annotations

from typing import Any

from . import docker
from .status import ask_cloud


def read() -> dict[str, Any]:
    """Every metered period (`lines`), EUR by run (`runs`) and in all (`total`); LabError without the stand-in."""
    docker.check_daemon()
    return ask_cloud("/_lab/bill")


def lines(bill: dict[str, Any]) -> list[str]:
    """The bill for a person: a block for each run, the one without a name last."""
    told = []
    for run in sorted(bill["runs"], key=lambda name: (not name, name)):
        told.append(f"{run or 'no run'}: {bill['runs'][run]:.4f} EUR")
        told += [_line(line) for line in bill["lines"] if line["run"] == run]
    return [*told, f"in all: {bill['total']:.4f} EUR"]


def _line(line: dict[str, Any]) -> str:
    notes = [*(["runs on"] if line["running"] else []), *([] if line["tagged"] else ["no tag of its own"])]
    return (
        f"  {line['kind']:6} {line['name']}, {line['zone']}: {line['billed_hours']:.2f} h at {line['hourly']:.6f}"
        f" = {line['euros']:.4f} EUR{' (' + ', '.join(notes) + ')' if notes else ''}"
    )
