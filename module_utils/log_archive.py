# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Put logs of all kinds into one masked archive, with an index that says what is missing and why."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from .masking import masked

INDEX = "index.json"


def files_below(path: Path) -> Iterator[Path]:
    """The file itself, or all regular files of a directory in order; links are not followed."""
    if path.is_dir():
        for directory, _, names in os.walk(path):
            for name in sorted(names):
                file = Path(directory, name)
                if file.is_file() and not file.is_symlink():
                    yield file
    elif path.exists():
        yield path


def tail(path: Path, limit: int) -> bytes:
    """The last whole lines of a file, `limit` bytes at the most: what happened last is what explains a failure."""
    with path.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - limit))
        return whole_lines(stream.read(limit), cut=size > limit)


def whole_lines(content: bytes, *, cut: bool) -> bytes:
    """Content without its first line when that was cut: half a secret has no shape by which it could be masked."""
    return content.partition(b"\n")[2] if cut else content


def output_of(command: Sequence[str], timeout: float) -> tuple[bytes, str]:
    """What a command printed (both streams), and what went wrong as a sentence or an empty string.

    One that does not end in time is killed and not waited for: what hangs in the kernel, as df does on a dead mount,
    goes when the kernel lets it go.
    """
    try:
        process = subprocess.Popen(
            list(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
    except OSError as error:
        return b"", f"{command[0]} gave nothing: {error}."
    try:
        printed, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired as error:
        process.kill()
        return error.output or b"", f"{command[0]} did not end within {timeout:g} s."
    return printed, "" if process.returncode == 0 else f"{command[0]} ended with {process.returncode}."


class LogArchive:
    """An archive being written. Nothing that is missing stops it; the index tells."""

    def __init__(self, archive: tarfile.TarFile, secrets: Sequence[str], limit: int, total: int) -> None:
        self._archive = archive
        self._secrets = [secret for secret in secrets if secret]
        self._limit = limit
        self._room = total
        self.index: list[dict[str, Any]] = []

    def add_bytes(self, name: str, content: bytes, note: str = "", mask: bool = True) -> None:
        """Add one member, masked; of what does not fit any more only the end, or nothing."""
        if mask:
            content = masked(content.decode("utf-8", "replace"), self._secrets).encode()
        if len(content) > self._room:
            if not self._room:
                self.miss(name, f"the archive is full; {len(content)} bytes were left out.")
                return
            note = f"the last {self._room} of {len(content)} bytes, because the archive is full"
            content = content[-self._room :]
        self._room -= len(content)
        member = tarfile.TarInfo(name)
        member.size = len(content)
        member.mode = 0o600
        self._archive.addfile(member, io.BytesIO(content))
        self.index.append({"name": name, "bytes": len(content), "note": note})

    def miss(self, name: str, reason: str) -> None:
        """Note in the index that something is not there."""
        self.index.append({"name": name, "bytes": 0, "note": reason})

    def add_path(self, name: str, path: Path) -> None:
        """Add a file or a whole directory under a name."""
        found = False
        for file in files_below(path):
            found = True
            inside = f"{name}/{file.relative_to(path)}" if path.is_dir() else name
            try:
                size = file.stat().st_size
                note = f"the last {self._limit} of {size} bytes" if size > self._limit else ""
                self.add_bytes(inside, tail(file, self._limit), note)
            except OSError as error:
                self.miss(inside, f"{file} cannot be read: {error.strerror}.")
        if not found:
            self.miss(name, f"{path} does not exist or is empty.")

    def add_command(self, name: str, command: Sequence[str], timeout: float) -> None:
        """Add what a command prints."""
        content, problem = output_of(command, timeout)
        if content:
            self.add_bytes(name, whole_lines(content[-self._limit :], cut=len(content) > self._limit), problem)
        else:
            self.miss(name, problem or "it printed nothing.")

    def add_archive(self, name: str, path: Path) -> None:
        """Add the members of another archive of this kind; they are masked already."""
        try:
            with tarfile.open(path) as other:
                for member in other:
                    stream = other.extractfile(member)
                    if stream is not None:
                        self.add_bytes(f"{name}/{member.name}", stream.read(), mask=False)
        except (OSError, tarfile.TarError) as error:
            self.miss(name, f"{path} cannot be read: {error}.")


def write(
    dest: Path,
    sources: Sequence[Mapping[str, Any]],
    secrets: Sequence[str],
    limit: int,
    timeout: float,
    *,
    total: int = 500_000_000,
    moment: str = "",
) -> tuple[list[dict[str, Any]], bool]:
    """Write the archive; its index, and whether it holds anything new.

    Each source has a `name` and one of `path`, `command` (a list) or `archive`. limit is bytes per file,
    timeout is seconds per command, total is bytes of all files before compression; the sources that come first go
    first. The archive takes its name when it is whole. One that says the same as the one that is there, but for the
    readings of the moment (the members below the directory `moment`), is thrown away: then the old one stays.
    """
    partial = dest.with_name(dest.name + ".partial")
    try:
        index = _write(partial, sources, secrets, limit, timeout, total=total)
    except OSError:
        # What a full disk took of it is of no use, and somebody else may need the room.
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
    said = says(partial, moment)
    if said is not None and said == says(dest, moment):
        partial.unlink()
        return index, False
    partial.replace(dest)
    return index, True


def says(archive: Path, moment: str) -> dict[str, str] | None:
    """The digests of what an archive holds but its indexes and the readings of the moment; None without one."""
    found = {}
    try:
        with tarfile.open(archive) as opened:
            for member in opened:
                stream = opened.extractfile(member)
                if stream is None or member.name.endswith(INDEX) or (moment and member.name.startswith(f"{moment}/")):
                    continue
                found[member.name] = hashlib.sha256(stream.read()).hexdigest()
    except (OSError, EOFError, tarfile.TarError):
        return None
    return found


def _write(
    dest: Path, sources: Sequence[Mapping[str, Any]], secrets: Sequence[str], limit: int, timeout: float, *, total: int
) -> list[dict[str, Any]]:
    descriptor = os.open(dest, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream, tarfile.open(fileobj=stream, mode="w:gz") as archive:
        logs = LogArchive(archive, secrets, limit, total)
        for source in sources:
            if source.get("command"):
                logs.add_command(source["name"], source["command"], timeout)
            elif source.get("archive"):
                logs.add_archive(source["name"], Path(source["archive"]))
            else:
                logs.add_path(source["name"], Path(source["path"]))
        index = list(logs.index)
        # The index tells what was left out, so there is always room for it.
        text = masked(json.dumps(index, indent=2), secrets).encode()
        LogArchive(archive, (), limit, len(text)).add_bytes(INDEX, text, mask=False)
    return index
