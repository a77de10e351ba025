"""Faults inside a machine: files that are laid down before its first boot."""

from __future__ import annotations

from collections.abc import Mapping

from .faults import strikes
from .simulator import Simulator
from .store import Record

_SCRIPT = "var/lib/cloud/scripts/per-boot/lab-fault"
_SSH = "etc/systemd/system/ssh.service.d/99-lab-fault.conf"
_KEY = "/etc/ssh/ssh_host_ed25519_key"
# cloud-init has written the keys of the user-data by the time the service starts.
_OTHER_KEY = f"""[Service]
ExecStartPre=
ExecStartPre=/bin/sh -c 'rm -f {_KEY}*; ssh-keygen -q -t ed25519 -N "" -f {_KEY}'
ExecStartPre=/usr/sbin/sshd -t
"""
_FILES: Mapping[str, tuple[str, str]] = {
    "cloud_init_fails": (_SCRIPT, "#!/bin/sh\nexit 1\n"),
    "cloud_init_never_ends": (_SCRIPT, "#!/bin/sh\nexec sleep infinity\n"),
    "ssh_never_opens": (_SSH, "[Unit]\nConditionPathExists=/nonexistent\n"),
    # cloud-init has written the keys of the user-data by the time the service starts.
    "wrong_host_key": (_SSH, _OTHER_KEY),
}


def fault_files(simulator: Simulator, server: Record) -> dict[str, str]:
    """The files of the faults that strike this machine."""
    return dict(file for name, file in _FILES.items() if strikes(simulator, name, server=server["name"]))
