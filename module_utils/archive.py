# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read the members of a home library's archive, one after the other, without trusting any of them.

Private to this collection. tar, tar.gz, tar.zst (through the zstd program) and zip; nothing is extracted here.
"""

from __future__ import annotations

import gzip
import lzma
import re
import stat
import subprocess
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, cast

from .archive_limits import GROWS, HEADERS, Counted, TooMuchError, most
from .files import CHUNK

FILE, DIRECTORY, LINK, OTHER = "file", "directory", "link", "special file"
_BLOCK = 512
_DRIVE = re.compile(r"[A-Za-z]:")
READ_ERRORS = (
    *(tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, zipfile.BadZipFile),
    *(OverflowError, ValueError, RecursionError),
)


class ArchiveError(Exception):
    """An archive cannot be used; the message is one sentence."""


@dataclass(frozen=True)
class Member:
    """One entry of an archive. content is readable until the next entry is asked for."""

    name: str
    size: int
    kind: str
    target: str = ""
    content: IO[bytes] | None = None

    @property
    def path(self) -> PurePosixPath:
        """The name without a leading ./; a backslash separates too, as archivers on Windows write it."""
        return PurePosixPath(self.name.replace("\\", "/"))


def kind_of(path: Path) -> str:
    """Tell what an archive is by its content; its name may lie."""
    if path.is_dir():
        return "directory"
    if not path.is_file():
        raise ArchiveError(
            f"The archive {path} does not exist: give a .tar.gz, .tar, .tar.zst or .zip file, or a directory."
        )
    with path.open("rb") as file:
        head = file.read(_BLOCK)
    if head.startswith(b"\x1f\x8b"):
        return "tar.gz"
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        return "tar.zst"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if head[257:262] == b"ustar":
        return "tar"
    what = "is empty" if not head else "is no archive"
    raise ArchiveError(f"{path} {what}: give a .tar.gz, .tar, .tar.zst or .zip file, or a directory.")


@contextmanager
def _unzstd(path: Path) -> Iterator[IO[bytes]]:
    with tempfile.TemporaryFile() as complaints:
        try:
            process = subprocess.Popen(
                ["zstd", "--decompress", "--stdout", "--quiet", "--long=31", "--", str(path)],
                stdout=subprocess.PIPE,
                stderr=complaints,
            )
        except FileNotFoundError as error:
            raise ArchiveError(
                f"{path} is compressed with zstd, which is not installed here: apt-get install zstd, or give a .tar.gz."
            ) from error
        assert process.stdout is not None
        with process.stdout:
            try:
                yield process.stdout
            except BaseException:
                process.kill()
                raise
            finally:
                process.stdout.close()
                code = process.wait()
        if code:
            complaints.seek(0)
            words = complaints.read(300).decode(errors="replace").split("\n")[0]
            raise ArchiveError(f"{path} is truncated or damaged: zstd says {words}")


def decompressed(path: Path) -> AbstractContextManager[IO[bytes]]:
    """Open what is inside whatever compression there is. Reading it raises one of READ_ERRORS, or ArchiveError."""
    kind = kind_of(path)
    if kind == "tar.zst":
        return _unzstd(path)
    return cast("IO[bytes]", gzip.open(path)) if kind == "tar.gz" else path.open("rb")


def _tar_members(path: Path, stream: IO[bytes]) -> Generator[Member, None, None]:
    limit = most(path.stat().st_size)
    counted = Counted(stream, limit)
    with tarfile.open(fileobj=counted, mode="r|", bufsize=CHUNK, errors="surrogateescape") as tar:  # type: ignore[call-overload]  # see below
        # tarfile asks its stream for read() alone in this mode; its stubs want a whole file.
        for entry in tar:
            if entry.size < 0:
                raise ArchiveError(f"{path} is truncated or damaged: {entry.name} is shorter than nothing.")
            counted.allowed = min(limit, tar.offset + HEADERS)
            # A sparse file of a few bytes unpacks to as many zeros as it says.
            kind = FILE if entry.isreg() and not entry.issparse() else DIRECTORY if entry.isdir() else OTHER
            kind = LINK if entry.issym() or entry.islnk() else kind
            content = tar.extractfile(entry) if kind == FILE else None
            # A hard link's target is counted from the archive's root, a symbolic one's from where it is.
            yield Member(entry.name, entry.size, kind, entry.linkname if entry.issym() else "", content)
            tar.members = []  # keeps the memory flat: a Metadata tree has millions of entries
        end = tar.offset + _BLOCK
    counted.allowed = limit
    while counted.read(CHUNK):
        pass
    if counted.count < end:
        raise ArchiveError(f"{path} is truncated: it stops before the end mark of a tar archive.")


def _zip_members(path: Path) -> Generator[Member, None, None]:
    with zipfile.ZipFile(path) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > most(path.stat().st_size):
            raise TooMuchError(GROWS)
        for entry in archive.infolist():
            mode = stat.S_IFMT(entry.external_attr >> 16)
            kind = DIRECTORY if entry.is_dir() else LINK if stat.S_ISLNK(mode) else FILE
            kind = OTHER if mode and kind == FILE and not stat.S_ISREG(mode) else kind
            if entry.flag_bits & 0x1:
                raise ArchiveError(f"{path} is encrypted: give it without a password.")
            if kind == FILE:
                with archive.open(entry) as content:
                    yield Member(entry.filename, entry.file_size, kind, "", content)
            else:
                target = archive.read(entry).decode(errors="replace") if kind == LINK else ""
                yield Member(entry.filename, entry.file_size, kind, target)


def _checked(path: Path, found: Iterator[Member]) -> Iterator[Member]:
    for member in found:
        outside = member.path.is_absolute() or ".." in member.path.parts or "\0" in member.name
        if outside or _DRIVE.match(member.name):
            raise ArchiveError(
                f'{path} holds the member "{member.name}", which points outside: it was not made by a backup of'
                " Plex and is refused as a whole."
            )
        yield member


@contextmanager
def members(path: Path) -> Iterator[Iterator[Member]]:
    """Open an archive and hand out its members in their order; the end of the archive is checked too."""
    kind = kind_of(path)
    try:
        if kind == "zip":
            with closing(_zip_members(path)) as found:
                yield _checked(path, found)
        else:
            with decompressed(path) as stream, closing(_tar_members(path, stream)) as found:
                yield _checked(path, found)
    except READ_ERRORS as error:
        raise ArchiveError(f"{path} is truncated or damaged: {error or type(error).__name__}.") from error
    except TooMuchError as error:
        raise ArchiveError(f"{path} {error}: it is refused as a whole.") from error
    except NotImplementedError as error:
        raise ArchiveError(f"{path} is packed in a way we cannot read: {error}.") from error
