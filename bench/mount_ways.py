"""How each way mounts in bench.mount, and the work that is done on the machine."""

from __future__ import annotations

from dataclasses import dataclass, field

from lab.control import settings
from module_utils.reading_flags import flags, share

BUCKET = "bench"
WORKS = ("list", "tags", "again", "whole", "slow")
# What every way is measured at; `again` is only asked of ours: whether reading all tags beforehand would gain anything.
USUAL = ("list", "tags", "whole", "slow")
# The predecessor's, as its decisions and scripts have them.
PREDECESSOR = (
    "--allow-other --vfs-cache-mode full --vfs-cache-max-size 20G --vfs-cache-max-age 72h --vfs-read-ahead 512M "
    "--vfs-read-chunk-size 128M --vfs-read-chunk-size-limit 1G --buffer-size 512M --transfers 32 --checkers 64 "
    "--timeout 60m --contimeout 300s --low-level-retries 10 --retries 10 --retries-sleep 30s --dir-cache-time 24h "
    "--attr-timeout 8760h --poll-interval 1m --s3-no-head --no-checksum --uid 1000 --gid 1000"
)
OURS = (
    "--read-only --allow-other --vfs-cache-mode off --vfs-read-chunk-size {chunk} --vfs-read-chunk-size-limit {limit} "
    "--buffer-size 0 --dir-cache-time 1000h --attr-timeout 1000h --poll-interval 0 --disable ListR "
    "--checkers 64 --transfers 32 --no-checksum --timeout 30s --contimeout 10s --low-level-retries 10 "
    "--uid 1000 --gid 1000"
)
# What is done on the machine: the work's name and the mounted tree; a line of JSON comes back.
WORK = r"""
import concurrent.futures, json, os, sys, time
what, root = sys.argv[1:]
def found(folder):
    return sorted(os.path.join(d, f) for d, _, names in os.walk(os.path.join(root, folder)) for f in names)
def tags(path):
    with open(path, "rb", buffering=0) as f:
        size = os.fstat(f.fileno()).st_size
        for at in (0, size - 65536, 65536):
            f.seek(at); f.read(65536)
def whole(path):
    with open(path, "rb", buffering=0) as f:
        while f.read(1 << 20): pass
def slow(path):
    end = time.monotonic() + 16
    with open(path, "rb", buffering=0) as f:
        while time.monotonic() < end and f.read(65536): time.sleep(0.065)
# How many readers, what each does, in which folder, with how many files at most. Every track has tags; of whole tracks,
# 64 are enough. Slow readers get files that nobody has read ahead to their end.
readers = {
    "list": (1, None, "small", 0),
    "tags": (16, tags, "tracks", None),
    "again": (16, tags, "tracks", None),
    "whole": (8, whole, "tracks", 64),
    "slow": (64, slow, "long", 64),
}
count, read, folder, most = readers[what]
names = found(folder)[:most] if read else []
started = time.monotonic()
if what == "list":
    sum(os.stat(path).st_mtime for path in found("small"))
else:
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        if what == "again":
            list(pool.map(read, names))
            started = time.monotonic()
        list(pool.map(read, names))
print(json.dumps({"seconds": round(time.monotonic() - started, 2)}))
"""
TIMES = "PYTHONPATH=/bench python3 -m plex_burst_guard.mount_times /bench/mnt /bench/times.json"
FRESH = "curl -s --unix-socket /bench/rc.sock -X POST 'http://x/vfs/refresh?recursive=true' >/dev/null"
RC = "--rc --rc-addr unix:///bench/rc.sock --rc-no-auth"


@dataclass(frozen=True)
class Way:
    """One way to read the bucket.

    mount: the command that mounts it at /bench/mnt; empty: there is no mount. list_before: what is done before a
    listing, which counts. works: what it is measured at. instead: without a mount, the command that does a work.
    """

    mount: str
    list_before: str = ""
    works: tuple[str, ...] = USUAL
    instead: dict[str, str] = field(default_factory=dict)


def ways(endpoint: str, memory: int) -> dict[str, Way]:
    """Give every way but s3fs; the first is the baseline. memory: MiB of the machine.

    Ours is measured with the flags of the phase that a work belongs to, and with those that a run takes for both.
    """
    base = f"/bench/rclone mount b:{BUCKET} /bench/mnt --config /bench/conf --cache-dir /bench/cache --daemon"

    def ours(phase: str, more: str = "") -> str:
        chosen = flags(share(memory), 64, 100_000, phase)
        said = OURS.format(chunk=chosen.chunk, limit=chosen.chunk_limit)
        return f"rm -f /bench/rc.sock; GOMEMLIMIT={chosen.memory}MiB GOGC=300 {base} {said} {RC}{more}"

    server = " --use-server-modtime"
    read = "/bench/rclone --config /bench/conf"
    return {
        "predecessor": Way(f"{base} {PREDECESSOR}"),
        "ours, scan": Way(ours("scan", server), FRESH, ("list", "tags")),
        "ours, stored times": Way(ours("scan"), f"{FRESH}; {TIMES}", ("list",)),
        "ours, sonic": Way(ours("sonic", server), FRESH, ("whole", "slow")),
        "ours, both": Way(ours("both", server), FRESH, ("tags", "again", "whole", "slow")),
        "limit": Way(
            "",
            works=("list", "whole"),
            instead={
                "list": f"{read} lsf -R --fast-list --files-only b:{BUCKET}/small | wc -l",
                # A process for each reader, and not for each track: rclone takes a tenth of a second to begin.
                "whole": f"cd /tmp; {read} lsf -R --files-only b:{BUCKET}/tracks | sort | head -64 | "
                "split --number=r/8 - bench-reader. ; ls bench-reader.* | "
                f"xargs -P 8 -I {{}} {read} cat --files-from {{}} b:{BUCKET}/tracks >/dev/null",
            },
        ),
        "s3fs": Way(
            f"s3fs {BUCKET} /bench/mnt -o url={endpoint},use_path_request_style,passwd_file=/bench/passwd,ro"
            ",allow_other"
        ),
    }


def configuration(endpoint: str) -> str:
    """Say to a shell what writes the configurations of rclone and s3fs."""
    key, secret = settings.S3_READER
    return (
        f"printf '[b]\\ntype=s3\\nprovider=Other\\nendpoint={endpoint}\\naccess_key_id={key}\\n"
        f"secret_access_key={secret}\\n' > /bench/conf; echo {key}:{secret} > /bench/passwd; chmod 600 /bench/passwd"
    )
