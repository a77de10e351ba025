"""Bringing a large library in: unpack and verify, against tar and sqlite3 doing the same; same databases, same run.

`pieces` is what the target does with the databases, which travel cut and compressed; `archive` what it does with a
whole archive, when folders are carried along: either writes to the disk, proves checksums and looks at what it got. `at
home` is the full check, made once on the controller before anything is rented. The baseline is `tar -xf` of a zstd
archive followed by `PRAGMA quick_check`, which proves no checksum and waits for no disk.

python -m bench.inject [--tracks N] [--rounds N] [--save]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench.table import Measured, measured_apart, report, save
from lab.plexsim.plexsim.large_library import TRACKS, pair
from module_utils.arrival import Arrival, Shipment, receive
from module_utils.damage import damage
from module_utils.files import sha256
from module_utils.integrity import check
from module_utils.pieces import cut
from module_utils.place import Owner, place
from module_utils.plex_db import BLOBS, LIBRARY, migrations, reading
from module_utils.unpack import Staged

GOAL = 200
"""Megabytes of database a second."""


def packed(directory: Path, place: Path) -> Path:
    """Pack the pair into an archive."""
    archive = place / "home.tar.zst"
    program = ["--use-compress-program", "zstd -3 -T0"]
    subprocess.run(["tar", "-C", str(directory), *program, "-cf", str(archive), LIBRARY, BLOBS], check=True)
    return archive


def shipped(directory: Path, place: Path) -> Shipment:
    """Cut the pair into pieces as home does, and say what they are."""
    with reading(directory / LIBRARY) as connection:
        schema = len(migrations(connection))
    sizes = {name: (directory / name).stat().st_size for name in (LIBRARY, BLOBS)}
    checksums = {name: sha256(directory / name) for name in (LIBRARY, BLOBS)}
    staged = Staged(databases=sizes, checksums=checksums, schema_migrations=schema)
    return Shipment(cut(directory, place / "cut"), staged, {"path": str(place), "sha256": "0" * 64})


def tar(archive: Path, target: Path) -> None:
    """Let tar unpack, then ask SQLite about pages and rows."""
    target.mkdir()
    subprocess.run(["tar", "-C", str(target), "-xf", str(archive)], check=True)
    for name in (LIBRARY, BLOBS):
        with reading(target / name) as connection:
            assert damage(connection, quick=True)[0] == []


def pieces(shipment: Shipment, cut_into: Path, target: Path) -> None:
    """Take one piece after the other to its place, then look at the whole."""
    incoming = target.parent / "incoming"
    incoming.mkdir()
    found = Arrival()
    for piece in shipment.pieces:
        os.link(cut_into / piece.name, incoming / piece.name)
        found = receive(shipment, incoming, target, Owner())
    assert found.placed
    assert found.missing == []
    assert check(target, outline=True).problems == []


def archived(archive: Path, target: Path) -> None:
    """Unpack through the allow-list with checksums, then look at the whole."""
    assert set(place(archive, target, Owner()).staged.checksums) == {LIBRARY, BLOBS}
    assert check(target, outline=True).problems == []


def at_home(archive: Path, target: Path) -> None:
    """Unpack and check every row against every index."""
    place(archive, target, Owner())
    assert check(target).problems == []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", type=int, default=TRACKS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--save", action="store_true", help="keep the result in bench/results/")
    options = parser.parse_args()
    source = pair(options.tracks)
    megabytes = sum((source / name).stat().st_size for name in (LIBRARY, BLOBS)) / 1e6
    with tempfile.TemporaryDirectory(dir=source.parent) as base:
        archive, shipment = packed(source, Path(base)), shipped(source, Path(base))
        ways: dict[str, Callable[[Path], None]] = {
            "tar and quick_check": partial(tar, archive),
            "pieces": partial(pieces, shipment, Path(base) / "cut"),
            "archive": partial(archived, archive),
            "at home": partial(at_home, archive),
        }
        runs: dict[str, list[Measured]] = {name: [] for name in ways}
        for _ in range(options.rounds):
            for name, way in ways.items():
                with tempfile.TemporaryDirectory(dir=base) as work:
                    runs[name].append(measured_apart(partial(way, Path(work) / "Databases")))
    result = report("inject", runs, {}, {"tracks": options.tracks, "megabytes": round(megabytes)})
    print(f"\n{'megabytes of database':24}{'a second':>12}{'a second of processor':>24}{'goal':>8}")
    for name, row in result["ways"].items():
        row["mb_per_s"], row["mb_per_processor_s"] = (round(megabytes / row[key]) for key in ("elapsed", "processor"))
        goal = f"{GOAL:8}" if name in {"pieces", "archive"} else ""
        print(f"{name:24}{row['mb_per_s']:12}{row['mb_per_processor_s']:24}{goal}")
    if options.save:
        save(result)


if __name__ == "__main__":
    main()
