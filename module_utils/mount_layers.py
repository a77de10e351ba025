# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Layers of mounts on one directory: see them, put one on top, take them all away.

A mount that died is never unmounted while something may look: between the unmount and the next mount the
directory would be empty, and a scanner that sees an empty directory forgets what was in it. The next
generation is mounted aside and bound over the dead one. mount(8) cannot do that, because it looks at the
directory first and a dead one answers with an error; mount(2) does not look.

Runs on the target by itself: `python3 -m plex_burst_guard.mount_layers VERB DIRECTORY...`, see `main`.
"""

from __future__ import annotations

import ctypes
import os
import re
import select
import sys
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

MOUNTINFO = Path("/proc/self/mountinfo")
_BIND = 4096
_RECURSIVE = 16384
_PRIVATE = 1 << 18
_SHARED = 1 << 20
_DETACH_NOFOLLOW = 2 | 8
# Far above what a run stacks up; a loop that meets it has met something else.
_MOST_LAYERS = 1000


@dataclass(frozen=True)
class Layer:
    """One mount: its numbers, where it is, which file system it shows (major:minor), of which type, from what."""

    number: str
    parent: str
    point: str
    device: str
    kind: str
    source: str

    @property
    def connection(self) -> str:
        """The FUSE connection's number in fusectl; empty for other file systems."""
        return self.device.partition(":")[2] if self.kind.startswith("fuse") else ""


def parse(table: str, point: str = "") -> list[Layer]:
    """Read the text of a mountinfo file, all of it or what is mounted on the way to a point."""
    layers = []
    for line in table.splitlines():
        fields = line.split(" ")
        if point and not f"{point}/".startswith(f"{_unescape(fields[4]).rstrip('/')}/"):
            continue
        kind, source = fields[fields.index("-") + 1 :][:2]
        layers.append(Layer(fields[0], fields[1], _unescape(fields[4]), fields[2], kind, _unescape(source)))
    return layers


def _unescape(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text) if "\\" in text else text


def at(point: str, table: str | None = None) -> list[Layer]:
    """List the layers on a directory that somebody who goes there can see, the top one last. Never goes there itself.

    The table's own order says little, and it lists mounts that are hidden: one below a directory that something else
    was mounted on later. So the way is gone as the kernel goes it, from the root down, each time to what lies on top.
    """
    text = MOUNTINFO.read_text(encoding="utf-8") if table is None else table
    found = parse(text, point)
    numbers = {layer.number for layer in found}
    mounted = {(layer.parent, layer.point): layer for layer in found}
    below = next((layer for layer in found if layer.point == "/" and layer.parent not in numbers), None)
    stack: list[Layer] = []
    for place in [*reversed(PurePosixPath(point).parents), PurePosixPath(point)]:
        stack = [below] if below and str(place) == "/" else []
        while below and (layer := mounted.get((below.number, str(place)))):
            stack.append(layer)
            below = layer
    return stack


class Watched:
    """The layers on a directory, read again only when the kernel says that its table of mounts has changed."""

    def __init__(self) -> None:
        # Open for the life of the service: the kernel counts the changes of each descriptor.
        table = os.open(MOUNTINFO, os.O_RDONLY | os.O_CLOEXEC)
        self._changes = select.poll()
        self._changes.register(table, select.POLLPRI)
        self._known: dict[str, list[Layer]] = {}

    def at(self, point: str) -> list[Layer]:
        """List them, the top one last."""
        if self._changes.poll(0):
            self._known.clear()
        if point not in self._known:
            self._known[point] = at(point)
        return self._known[point]


def _call(done: int, what: str) -> None:
    if done:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def mount(source: str, target: str, kind: str | None = None, flags: int = 0, options: str = "") -> None:
    """Call mount(2) without looking at the target first. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    kind_bytes = kind.encode() if kind else None
    done = libc.mount(os.fsencode(source), os.fsencode(target), kind_bytes, ctypes.c_ulong(flags), options.encode())
    _call(done, f"{source} cannot be mounted on {target}")


def bind(source: str, target: str) -> None:
    """Show what is mounted at source at target, too, on top of whatever is there, dead or alive.

    The source leaves its group first: a layer that is put on the target later would appear on the source as well.
    """
    if at(source):
        mount("none", source, flags=_PRIVATE)
    mount(source, target, flags=_BIND)


def share(parent: str) -> None:
    """Make a directory a shared mount: what is mounted below it from now on reaches the containers that bind it."""
    if not at(parent):
        bind(parent, parent)
        # Out of the group of the file system around it first, else all that is mounted below shows up there, too.
        mount("none", parent, flags=_PRIVATE)
    mount("none", parent, flags=_SHARED | _RECURSIVE)


def ensure_shared(parent: str) -> None:
    """Make it so where nothing is mounted: what is bound without its parent is hidden by one that is mounted later."""
    if not at(parent):
        share(parent)


def detach(target: str) -> None:
    """Take the top layer away, lazily; who is inside stays inside. Raises OSError when there is none."""
    libc = ctypes.CDLL(None, use_errno=True)
    _call(libc.umount2(os.fsencode(target), _DETACH_NOFOLLOW), f"{target} cannot be unmounted")


def clear(target: str) -> int:
    """Take every layer away and return how many there were."""
    removed = 0
    while at(target) and removed < _MOST_LAYERS:
        detach(target)
        removed += 1
    return removed


def main(words: list[str]) -> int:
    """Do what the unit of the mount asks; 2 for wrong usage, 1 with a sentence for a failure."""
    try:
        match words:
            case ["share", parent]:
                share(parent)
            case ["bind", source, target]:
                ensure_shared(str(Path(target).parent))
                bind(source, target)
            case ["clear", *targets] if targets:
                for target in targets:
                    clear(target)
            case _:
                print("usage: mount_layers share PARENT | bind SOURCE TARGET | clear TARGET...", file=sys.stderr)
                return 2
    except OSError as error:
        print(f"mount_layers: {error.strerror}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
