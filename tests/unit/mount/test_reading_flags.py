"""The formula of rclone's ranges and cache, as tables."""

from __future__ import annotations

import pytest

from module_utils.reading_flags import PHASES, flags, share

PROFILES = {"lite": 2048, "standard": 4096, "power": 32768, "superpower": 65536}


@pytest.mark.parametrize(
    ("machine", "expected"),
    [(1024, 192), (2048, 384), (4096, 768), (8192, 1536), (12288, 1536), (32768, 4096), (65536, 8192)],
)
def test_the_share_of_a_machine(machine: int, expected: int) -> None:
    assert share(machine) == expected


@pytest.mark.parametrize(
    ("profile", "objects", "phase", "chunk"),
    [
        ("lite", 10_000, "scan", "256Ki"),
        ("lite", 150_000, "both", "1Mi"),
        ("standard", 100_000, "sonic", "4Mi"),
        ("power", 500_000, "scan", "256Ki"),
        ("power", 500_000, "both", "1Mi"),
        ("superpower", 500_000, "sonic", "4Mi"),
    ],
)
def test_the_ranges_of_a_profile(profile: str, objects: int, phase: str, chunk: str) -> None:
    found = flags(share(PROFILES[profile]), 64, objects, phase)
    assert (found.chunk, found.chunk_limit, found.problem) == (chunk, "64Mi", "")


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("machine", [1024, *PROFILES.values()])
@pytest.mark.parametrize("readers", [1, 4, 16, 64])
def test_readers_never_exceed_the_share_or_the_formula_says_so(phase: str, machine: int, readers: int) -> None:
    for objects in (0, 10_000, 182_000, 500_000):
        found = flags(share(machine), readers, objects, phase)
        taken = 64 + objects * 1.4 / 1000 + readers * 1.0
        assert (taken <= found.memory) == (not found.problem), (objects, found)


def test_what_does_not_fit_is_said_with_what_does() -> None:
    found = flags(share(PROFILES["lite"]), 64, 500_000, "both")
    assert "500,000 files and 64 readers need 828 MiB" in found.problem
    assert f"enough for {found.objects:,} files" in found.problem
    assert 150_000 < found.objects < 200_000
    assert not flags(384, 64, found.objects, "both").problem
    assert flags(384, 64, found.objects + 1_000, "both").problem


@pytest.mark.parametrize(("disk", "cache"), [(0, 0), (10_240, 0), (12_000, 0), (20_480, 5_120), (102_400, 46_080)])
def test_a_cache_leaves_the_reserve_or_is_none(disk: int, cache: int) -> None:
    assert flags(1024, 4, 0, "both", disk).cache == cache
