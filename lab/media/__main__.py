"""Make the lab's media and the home library: ``python -m lab.media --output .lab/media --home .lab/home``."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path

from . import collection, encode, home


def specification(item: collection.Track | collection.Movie) -> str:
    """Name everything the content of a file depends on."""
    return hashlib.sha256(json.dumps([encode.arguments(item), item.mtime]).encode()).hexdigest()[:16]


def up_to_date(output: Path, known: dict[str, object] | None, item: collection.Track | collection.Movie) -> bool:
    """Tell whether a file is there as the last manifest says, made from the same words."""
    target = output / item.path
    if known is None or not target.is_file():
        return False
    stat = target.stat()
    return known["specification"] == specification(item) and known["size"] == stat.st_size


def main() -> int:
    """Make what is missing, say what was done."""
    parser = argparse.ArgumentParser(prog="python -m lab.media", description=__doc__)
    parser.add_argument("--output", type=Path, required=True, help="directory that becomes the bucket")
    parser.add_argument("--home", type=Path, required=True, help="directory of the home library archive")
    parser.add_argument(
        "--plex-image",
        default="",
        help="image of the Plex stand-in, which gives the archive the server's own full-text terms; else simpler ones",
    )
    options = parser.parse_args()
    wanted = collection.load()
    items: list[collection.Track | collection.Movie] = [*wanted.tracks, *wanted.movies]
    options.home.mkdir(parents=True, exist_ok=True)
    options.output.mkdir(parents=True, exist_ok=True)
    manifest_path = options.home / "manifest.json"
    old = json.loads(manifest_path.read_text()) if manifest_path.exists() else {"files": []}
    known = {file["path"]: file for file in old["files"]}
    missing = [item for item in items if not up_to_date(options.output, known.get(item.path), item)]
    for path in known.keys() - {item.path for item in items}:
        (options.output / path).unlink(missing_ok=True)
    encode.make_all(options.output, missing)
    home.settle_directories(options.output)
    files = [
        collection.facts(item)
        | {"size": (options.output / item.path).stat().st_size, "specification": specification(item)}
        for item in items
    ]
    made = home.make(options.home, options.output, wanted, options.plex_image)
    manifest = {"format": 1, "files": files, "home": made}
    manifest_path.write_text(json.dumps(manifest, ensure_ascii=False, indent=1) + "\n")
    print(
        f"{len(items)} media files ({len(missing)} made) in {options.output};"
        f" home library with {made['known_tracks']} tracks, {made['analysed_tracks']} analysed,"
        f" in {options.home / home.ARCHIVE}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
