"""What can go wrong with a mount, by name: done on the machine of soak/mount_rig.py, or to the S3 behind its proxy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from soak.mount_rig import GUARD, PARENT, TARGET

# The next one, when there is none just now: 0 would be whoever kills.
_PID = (
    "$(for _ in $(seq 100); do pid=$(systemctl show -P MainPID plex-burst-mount); [ $pid = 0 ] || break; sleep 0.1;"
    " done; echo $pid)"
)
# Where Plex looks, because an earlier case may have unmounted the generation itself.
_CONNECTION = f"$(grep ' {TARGET} ' /proc/self/mountinfo | tail -1 | cut -d' ' -f3 | cut -d: -f2)"
# The process is moved into a group of its own that may hold next to nothing, beside one that takes all it can get; both
# cgroup versions. Given something to read instead, it often lived on with what it had.
_STARVE = rf"""
pid={_PID}
if group=$(sed -n 's/^[0-9]*:memory://p' /proc/$pid/cgroup) && [ -n "$group" ]; then
  group=/sys/fs/cgroup/memory$group/starved; limit=memory.limit_in_bytes
else
  group=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/$pid/cgroup)/starved; limit=memory.max
fi
mkdir -p $group && echo 1048576 > $group/$limit && echo $pid > $group/cgroup.procs
echo 1000 > /proc/$pid/oom_score_adj
(bash -c "echo \$\$ > $group/cgroup.procs; exec tail /dev/zero" >/dev/null 2>&1 &)
"""
# The guard's own directory without a byte of room, and then a reason to write.
_FILL = f"""
mount -t tmpfs -o size=256k,mode=0700 full /mnt && cp -a {GUARD}/. /mnt/ && mount --bind /mnt {GUARD} && umount /mnt
dd if=/dev/zero of={GUARD}/filler bs=4k 2>/dev/null; kill -KILL {_PID}
"""
# As an analysis does, many times over.
_BUSY = """
systemd-run --quiet --collect --unit busy bash -c 'for _ in $(seq 16); do (while :; do :; done) & done; wait'
"""


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    do, undo: commands on the machine. at_s3: a fault of the proxy with its parameters, before anything is done.
    lasts: seconds until it is undone; None: chance says. dead: it leaves no mount to read, so Plex has to stand still.
    innocent: the mount is as well as ever. reboot: the machine itself is restarted. restarts_plex: Plex has to be
    started again after it.
    """

    do: str = ""
    undo: str = ""
    at_s3: str = ""
    parameters: Mapping[str, float | str] = field(default_factory=dict)
    lasts: float | None = None
    dead: bool = False
    innocent: bool = False
    reboot: bool = False
    restarts_plex: bool = False

    @property
    def passes(self) -> bool:
        """Whether it has to be undone."""
        return bool(self.undo or self.at_s3)

    @property
    def elsewhere(self) -> bool:
        """Whether the mount is not to blame, so that a remount would help nobody."""
        return bool(self.at_s3 and not self.do) or self.innocent


NAMED = {
    "rclone killed": Fault(f"kill -KILL {_PID}", dead=True),
    "connection aborted": Fault(f"echo 1 > /sys/fs/fuse/connections/{_CONNECTION}/abort", dead=True),
    "rclone out of memory": Fault(_STARVE, dead=True),
    "DNS gone": Fault(
        "cp /etc/resolv.conf /run/resolv.kept; echo nameserver 192.0.2.1 > /etc/resolv.conf",
        "[ ! -e /run/resolv.kept ] || { cat /run/resolv.kept > /etc/resolv.conf; rm /run/resolv.kept; }",
        lasts=12,
    ),
    "rclone stopped": Fault(f"kill -STOP {_PID}", dead=True),
    "rclone ended": Fault(f"kill -TERM {_PID}", dead=True),
    "unmounted by hand": Fault(f"umount --lazy {TARGET}", dead=True),
    "generation unmounted": Fault("umount --lazy /srv/plex-burst/generation"),
    "parent unmounted": Fault(f"umount --lazy {PARENT}", dead=True),
    "unit restarted": Fault("systemctl restart plex-burst-mount", dead=True),
    "guard killed": Fault("systemctl kill --signal=KILL plex-burst-guard"),
    "rclone and guard killed": Fault(f"kill -KILL {_PID} $(systemctl show -P MainPID plex-burst-guard)"),
    "disk full, rclone killed": Fault(_FILL, f"rm -f {GUARD}/filler", dead=True),
    "processors busy": Fault(_BUSY, "systemctl stop busy", lasts=20, innocent=True),
    "Docker restarted": Fault("systemctl restart docker", restarts_plex=True),
    "machine rebooted": Fault(reboot=True, restarts_plex=True),
    "connections reset": Fault(at_s3="s3_reset"),
    "black hole 5 s": Fault(at_s3="s3_black_hole", lasts=5),
    "black hole 90 s": Fault(at_s3="s3_black_hole", lasts=90),
    "403": Fault(at_s3="s3_status", parameters={"status": 403}),
    "404, bucket gone": Fault(at_s3="s3_status", parameters={"status": 404}),
    "500": Fault(at_s3="s3_status", parameters={"status": 500}),
    "503, slow down": Fault(at_s3="s3_status", parameters={"status": 503}),
    "bodies cut": Fault(at_s3="s3_truncate", parameters={"bytes": 1000}),
    "50 kB/s": Fault(at_s3="s3_slow", parameters={"bytes_per_second": 50_000}),
    "5 s late": Fault(at_s3="s3_latency", parameters={"seconds": 5}),
    "rclone killed, times refused": Fault(
        f"kill -KILL {_PID}", at_s3="s3_status", parameters={"status": 403, "method": "HEAD"}
    ),
    "clock skewed": Fault(at_s3="s3_clock", parameters={"seconds": 3600}),
    "black hole 10 min": Fault(at_s3="s3_black_hole", lasts=600),
}
# Too long for a draw, and what ends the guard's reports says nothing in a pair.
ALONE = {"black hole 90 s", "black hole 10 min", "machine rebooted", "Docker restarted"}
# What chance may draw.
DRAWN = [name for name in NAMED if name not in ALONE]
# Does nothing where there is nothing to undo.
UNDO_ALL = "\n".join(fault.undo for fault in NAMED.values() if fault.undo)
