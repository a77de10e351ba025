"""Synthetic samples: a begin and one sample per step, each step saying only what differs from a quiet one."""

from __future__ import annotations

import typing as t

from module_utils.verdicts import Thresholds

Sample = dict[str, t.Any]

STEP = 10.0
PATIENCE = Thresholds(quiet_samples=3, cpu_percent=20, stall_seconds=120, timeout_seconds=3600, grace_seconds=20)
SCANNING = {"type": "library.update.section", "title": "Scanning Music", "subtitle": "", "progress": 7, "section": 5}
BUTLER = {"type": "butler", "title": "MusicAnalysis", "subtitle": "", "progress": 42, "section": None}


def counts(**different: int | None) -> dict[str, int | None]:
    plain: dict[str, int | None] = {
        "items": 80,
        "items_deleted": 0,
        "parts": 62,
        "parts_deleted": 0,
        "tracks": 62,
        "analysed": 20,
        "vectors": 20,
        "changed_at": 900,
    }
    return {**plain, **different}


def sample(at: float, **different: t.Any) -> Sample:
    processes = {"scanner": 0, "deep": 0, "analyser": 0, "server": 1}
    quiet: Sample = {
        "kind": "sample",
        "at": at,
        "container": "running",
        "http": 200,
        "activities": [],
        "refreshing": False,
        "scanned_at": 1000,
        "processes": {**processes, **different.pop("processes", {})},
        "cpu_seconds": 1.0,
        "server_pid": 100,
        "cpu_percent": 3.0,
        "database": "ok",
        "counts": counts(),
    }
    return {**quiet, **different}


def series(*steps: Sample, **begin: t.Any) -> list[Sample]:
    """A begin at 0 and the steps at 10, 20, …"""
    first = {**sample(0, cpu_percent=None, **begin), "kind": "begin", "section": 5}
    return [first, *(sample(STEP * number, **dict(step)) for number, step in enumerate(steps, 1))]


def end(lines: list[Sample]) -> float:
    return float(lines[-1]["at"])
