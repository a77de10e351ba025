# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How rclone reads and caches on a machine of a given size: one formula, no copied numbers. Sizes are MiB.

The figures behind it were measured with 64 readers and with 520,000 objects; docs/mount.md has them.
"""

from __future__ import annotations

from dataclasses import dataclass

# rclone itself, before it has listed or opened anything.
PROGRAM = 64
# Directory entries with their times; the collector keeps it near this when GOMEMLIMIT presses.
MIB_PER_1000_OBJECTS = 1.4
# An open file without a buffer of its own: half of it measured over plain HTTP, as much again for TLS.
OPEN_FILE = 1.0
# What a disk keeps for databases, logs and images, whatever the cache wants.
DISK_RESERVE = 10 * 1024
SMALLEST_CACHE = 1024

# Each phase: first range, largest range. Tags are the first and last bytes of a file, so a scan wastes most of a
# range; an analysis reads every byte, and fewer ranges are fewer waits. A range costs no memory.
PHASES: dict[str, tuple[float, float]] = {
    "scan": (0.25, 64),
    "both": (1, 64),
    "sonic": (4, 64),
}


@dataclass(frozen=True)
class Flags:
    """What rclone is told. memory is GOMEMLIMIT, cache is 0 without a cache, problem is a sentence or empty."""

    memory: int
    chunk: str
    chunk_limit: str
    cache: int
    objects: int
    problem: str = ""


def share(machine: int) -> int:
    """rclone's share of a machine's memory: 3/16 of a small one, 1/8 of a large one."""
    return max(min(machine * 3 // 16, 1536), machine // 8)


def size(mebibytes: float) -> str:
    """Spell a size as rclone reads it: `256Ki`, `4Mi`."""
    return f"{int(mebibytes * 1024)}Ki" if mebibytes < 1 else f"{int(mebibytes)}Mi"


def flags(memory: int, readers: int, objects: int, phase: str, disk: int = 0) -> Flags:
    """Work the flags out.

    memory: rclone's share. readers: files that are open at once. objects: files in the bucket. phase: a key of PHASES.
    disk: size of the disk that may hold a cache; 0 means no cache. There is no read-ahead in memory to choose
    (`--buffer-size 0`): the kernel reads ahead, and the connection holds what comes.
    """
    chunk, limit = PHASES[phase]
    fits = max(0, int((memory - need(0, readers)) / MIB_PER_1000_OBJECTS * 1000))
    problem = ""
    if need(objects, readers) > memory:
        problem = (
            f"{objects:,} files and {readers} readers need {need(objects, readers):.0f} MiB and "
            f"rclone's share is {memory} MiB, which is enough for {fits:,} files; take a larger profile, or "
            "set fuse_rclone_readers or fuse_rclone_memory"
        )
    return Flags(memory, size(chunk), size(limit), _cache(disk), fits, problem)


def need(objects: int, readers: int) -> float:
    """What rclone takes with so many files listed and so many of them open."""
    return PROGRAM + objects * MIB_PER_1000_OBJECTS / 1000 + readers * OPEN_FILE


def _cache(disk: int) -> int:
    """Half of what the reserve leaves; none rather than a small one."""
    wanted = (disk - DISK_RESERVE) // 2
    return wanted if wanted >= SMALLEST_CACHE else 0
