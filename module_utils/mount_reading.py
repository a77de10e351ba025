# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Prove that a mounted tree can be read: choose files, read their first bytes as another user, with a deadline.

A read on a sick mount may never come back, so all reading happens in a child (see bounded).
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from . import bounded

READ_BYTES = 4096


def find_files(root: str, wanted: int, chooser: random.Random) -> list[str]:
    """Up to `wanted` files below root, each found by a random way down, so that big trees are not walked."""
    found: set[str] = set()
    for _ in range(wanted * 4):
        directory = root
        while len(found) < wanted:
            with os.scandir(directory) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
            files = [entry.path for entry in listed if entry.is_file()]
            directories = [entry.path for entry in listed if entry.is_dir()]
            if files and (not directories or chooser.random() < 0.5):
                found.add(chooser.choice(files))
                break
            if not directories:
                break
            directory = chooser.choice(directories)
    return sorted(found)


def read_tree(roots: Sequence[str], wanted: int, chooser: random.Random) -> dict[str, Any]:
    """Look into each root and read the first bytes of some of its files.

    Returns `{"read": [{"path", "bytes"}], "problems": [sentence]}`. An empty root is a problem: a mount of
    the wrong bucket or folder looks exactly so.
    """
    read: list[dict[str, Any]] = []
    problems: list[str] = []
    for root in roots:
        try:
            files = find_files(root, wanted, chooser)
        except OSError as error:
            problems.append(f"{root} cannot be listed: {error.strerror}.")
            continue
        if not files:
            problems.append(f"{root} holds no file.")
        for path in files:
            count, why = first_bytes(path)
            if why:
                problems.append(f"{path} cannot be read: {why}.")
            else:
                read.append({"path": path, "bytes": count})
    return {"read": read, "problems": problems}


def first_bytes(path: str) -> tuple[int, str]:
    """Read the beginning of a file: how many bytes came, and what went wrong, "" for nothing."""
    try:
        with Path(path).open("rb", buffering=0) as stream:
            return len(stream.read(READ_BYTES)), ""
    except OSError as error:
        return 0, os.strerror(error.errno or 0)


def as_user(work: Callable[[], bounded.Answer], uid: int, gid: int, timeout: float) -> tuple[bounded.Answer, str]:
    """Do work in a child that is uid and gid, in `timeout` seconds: its answer, and what went wrong, "" if none."""

    def in_child() -> bounded.Answer:
        become(uid, gid)
        return work()

    answer = bounded.run(in_child, timeout)
    if "timeout" in answer:
        return {}, f"no answer within {timeout:g} s: the mount hangs"
    if "error" in answer:
        return {}, f"the reader failed: {answer['error']}"
    return answer, ""


def read_as(roots: Sequence[str], wanted: int, uid: int, gid: int, timeout: float) -> dict[str, Any]:
    """read_tree in a child that is uid and gid and has `timeout` seconds.

    On a hang the result has one problem that says so.
    """

    chooser = random.Random()  # noqa: S311 - other files each time, no secret
    answer, why = as_user(lambda: read_tree(roots, wanted, chooser), uid, gid, timeout)
    return {"read": [], "problems": [f"reading {', '.join(roots)}: {why}."]} if why else answer


def become(uid: int, gid: int) -> None:
    """Take on another user's rights for good; only root can, everybody else stays."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
