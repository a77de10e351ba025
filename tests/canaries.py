"""Where a secret must not be: command lines, files that others may read, what a run keeps."""

from __future__ import annotations

import io
import subprocess
import tarfile
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# Processes of a machine of the lab are processes of its host, too.
PROC = Path("/proc")
EVERY_SECONDS = 0.1
# Files of the root disk, and of each disk that is not the bucket's: what may be written after the image was made.
PLACES = "/etc /home /opt /root /run /srv /tmp /usr/local /var /dev/shm"
# The words come by standard input: they are in no command line here either. `$1` is a test of find.
SCAN = f"""
umask 077
cat >/run/canaries
find {PLACES} -xdev -type f $1 ! -path /run/canaries -print0 | xargs -0 -r grep -lsaF -f /run/canaries
rm /run/canaries
"""


@contextmanager
def watched_argv(*secrets: str, look: Callable[[], None] = lambda: None) -> Iterator[list[str]]:
    """Command lines of any process here that had a secret in them while the body ran. look: called now and then."""
    found: list[str] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(EVERY_SECONDS):
            for path in PROC.glob("[0-9]*/cmdline"):
                with suppress(OSError):
                    line = path.read_bytes()
                    found.extend(line.decode(errors="replace") for secret in secrets if secret.encode() in line)
            look()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield found
    finally:
        over.set()
        watcher.join()


def holders_on(container: str, secrets: Collection[str], *, open_to_others: bool) -> list[str]:
    """Files of a machine that hold a secret: all of them, or those that anybody on it may read."""
    command = ["docker", "exec", "--interactive", container, "sh", "-c", SCAN, "scan"]
    done = subprocess.run(
        [*command, "-perm -o=r" if open_to_others else ""],
        input="".join(f"{secret}\n" for secret in secrets),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return sorted(done.stdout.splitlines())


def holders_in(directory: Path, secrets: Collection[str]) -> list[str]:
    """Files below a directory that hold a secret, in archives, too."""
    words = [secret.encode() for secret in secrets]
    found = []
    for path in sorted(path for path in directory.rglob("*") if path.is_file()):
        content = path.read_bytes()
        found += [str(path)] if any(word in content for word in words) else []
        if path.name.endswith(".tar.gz"):
            with tarfile.open(fileobj=io.BytesIO(content)) as archive:
                for member in archive:
                    packed = archive.extractfile(member)
                    text = packed.read() if packed else b""
                    found += [f"{path}:{member.name}"] if any(word in text for word in words) else []
    return found
