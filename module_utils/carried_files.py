# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Metadata and Media that travel with the databases: many small files, none of them trusted.

Private to this collection. All land below one directory of ours; what is neither a plain file, a directory nor a
symbolic link that stays inside is left out and counted: Plex makes posters and previews again, it cannot make
databases again.
"""

from __future__ import annotations

import os
import posixpath
from pathlib import Path, PurePosixPath

from .archive import DIRECTORY, FILE, LINK, ArchiveError, Member
from .disk_room import need_room
from .files import write_stream

PLACE = "carried"


def _count(counts: dict[str, int], what: str, size: int = 0) -> None:
    counts[what] = counts.get(what, 0) + 1
    counts["bytes"] = counts.get("bytes", 0) + size


def _stays_inside(inside: PurePosixPath, target: str) -> bool:
    if not target or target.startswith("/"):
        return False
    meant = posixpath.normpath(posixpath.join(str(inside.parent), target))
    return meant.split("/")[0] == inside.parts[0]


def _through_a_link(place: Path, inside: PurePosixPath) -> bool:
    """Whether a link that came earlier stands in the way: writing through it is how archives break out."""
    return any((place / parent).is_symlink() for parent in (inside, *inside.parents))


def carry_member(member: Member, target: Path, inside: PurePosixPath, counts: dict[str, int]) -> None:
    """Write one member below target/carried; raise ArchiveError when there is no room or it is cut short."""
    place = target / PLACE
    if _through_a_link(place, inside) or member.kind not in {FILE, DIRECTORY, LINK}:
        _count(counts, "left_out")
    elif member.kind == DIRECTORY:
        (place / inside).mkdir(mode=0o755, parents=True, exist_ok=True)
    elif member.kind == LINK:
        if not _stays_inside(inside, member.target) or (place / inside).exists():
            _count(counts, "left_out")
            return
        (place / inside).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        (place / inside).symlink_to(member.target)
        _count(counts, "links")
    elif (place / inside).exists():
        _count(counts, "left_out")
    else:
        assert member.content is not None
        need_room(target, member.size, member.name)
        (place / inside).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        if write_stream(member.content, place / inside, member.size, durable=False) != member.size:
            raise ArchiveError(f"{member.name} is not as long as the archive says: the archive is damaged.")
        _count(counts, "files", member.size)


def carry_directory(source: Path, target: Path, root: str, counts: dict[str, int]) -> None:
    """Do the same with a directory tree; one that is not there is nothing to carry."""
    for folder, folders, files in os.walk(source):
        for path in (Path(folder, name) for name in sorted([*files, *folders])):
            inside = PurePosixPath(root, path.relative_to(source).as_posix())
            if path.is_symlink():  # os.walk lists one that leads to a directory among the directories
                carry_member(Member(str(path), 0, LINK, str(path.readlink())), target, inside, counts)
            elif path.is_file():
                with path.open("rb") as content:
                    size = path.stat().st_size
                    carry_member(Member(str(path), size, FILE, "", content), target, inside, counts)
            elif not path.is_dir():
                _count(counts, "left_out")
