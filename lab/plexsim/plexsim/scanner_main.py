"""``Plex Media Scanner``: scans a section, looks into its files, or reads into every file for the deep analysis."""

from __future__ import annotations

import argparse
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from . import extra_data, fault_names, media_analysis, rows
from .logs import Log
from .scanner import Scan
from .schema import complaint, connect, transaction
from .settings import Settings, from_environment, now
from .worker import Reporter, Trouble, spend

_BOTH = (rows.MOVIE_SECTION, rows.MUSIC_SECTION)
# option: the types of sections whose files are read
ANALYSES: dict[str, tuple[int, ...]] = {
    "--analyze": _BOTH,
    "--analyze-deeply": _BOTH,
    "--analyze-loudness": (rows.MUSIC_SECTION,),
    "--generate": (rows.MOVIE_SECTION,),
    "--index": (rows.MOVIE_SECTION,),
}


def parser() -> argparse.ArgumentParser:
    """Give the options of the real program that we have."""
    options = argparse.ArgumentParser(prog="Plex Media Scanner")
    options.add_argument("-s", "--scan", action="store_true")
    options.add_argument("-r", "--refresh", action="store_true")
    options.add_argument("-l", "--list", action="store_true")
    for name in ANALYSES:
        options.add_argument(name, action="append_const", dest="analyses", const=name)
    options.add_argument("--chapter-thumbs-only", action="store_true")
    options.add_argument("-x", "--force", action="store_true")
    options.add_argument("-c", "--section", type=int)
    options.add_argument("-d", "--directory", default="")
    options.add_argument("--activity")
    return options


def main(arguments: list[str]) -> int:
    """Do what the options ask."""
    options = parser().parse_args(arguments)
    settings = from_environment()
    reporter = Reporter(settings, options.activity)
    trouble = Trouble("scanner", fault_names.from_environment())
    with closing(connect(settings.library)) as library:
        if options.list:
            for section in library.execute("SELECT id, name FROM library_sections ORDER BY id"):
                print(f"{section['id']:>3}: {section['name']}")
        elif options.analyses == ["--analyze"] and options.section:

            def looked(percent: int, file: str) -> None:
                reporter(percent, file)
                spend(settings.seconds_per_track * trouble.slower)
                trouble()

            media_analysis.analyse(library, options.section, now(), looked)
        elif options.analyses:
            analyse(library, settings, reporter, trouble, options.analyses[0])
        elif options.scan:
            per_directory = float(os.environ.get("PLEXSIM_SCAN_SECONDS_PER_DIRECTORY") or 0.03)

            def report(percent: int, subtitle: str) -> None:
                time.sleep(per_directory * trouble.slower)
                reporter(percent, subtitle)
                trouble()

            log = Log(settings.logs / "Plex Media Scanner.log")
            scan = Scan(
                library,
                options.section,
                force=options.force,
                folder=options.directory,
                now=now(),
                report=report,
                log=log,
            )
            try:
                log(f"Scanned section {options.section}: {scan.run()}")
            except sqlite3.OperationalError as error:
                log(complaint(error), "ERROR")
                return 1
    return 0


def analyse(
    library: sqlite3.Connection, settings: Settings, reporter: Reporter, trouble: Trouble, analysis: str
) -> None:
    """Read into every file that an analysis is for; the deep one marks the part, none touches the sonic marker."""
    types = ANALYSES[analysis]
    parts = library.execute(
        "SELECT p.id, p.file, p.extra_data FROM media_parts p JOIN media_items m ON m.id = p.media_item_id"
        " JOIN library_sections s ON s.id = m.library_section_id"
        " WHERE p.deleted_at IS NULL AND s.section_type IN (?, ?) ORDER BY p.id",
        (types[0], types[-1]),
    ).fetchall()
    for position, part in enumerate(parts):
        reporter(100 * position // len(parts), part["file"])
        try:
            with Path(part["file"]).open("rb") as file:
                file.read(1 << 16)
        except OSError:
            continue
        if analysis == "--analyze-deeply":
            values = extra_data.decode(part["extra_data"]) | {"ma:deepAnalysisVersion": "6"}
            with transaction(library):
                rows.update(library, "media_parts", part["id"], {"extra_data": extra_data.to_json(values)})
        spend(settings.seconds_per_track * trouble.slower)
        trouble()
