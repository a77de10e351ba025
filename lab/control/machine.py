"""Machines: the Docker options that every one needs, and bare ones made by hand (or by molecule)."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from lab.scwsim.engine import Engine, EngineError
from lab.scwsim.machine import MachineDriver, MachineOptions

from . import docker, settings
from .errors import LabError

_SYS_RESOURCE = 24
_CGROUP2 = Path("/sys/fs/cgroup/cgroup.controllers")
_BOOT_SECONDS = 60


def lacks_sys_resource(status: str) -> bool:
    """Whether a /proc/<pid>/status says that CAP_SYS_RESOURCE cannot be had (then --privileged fails)."""
    for line in status.splitlines():
        if line.startswith("CapBnd:"):
            return not int(line.split()[1], 16) >> _SYS_RESOURCE & 1
    return False


def host_config(*, restricted: bool, cgroup2: bool) -> dict[str, Any]:
    """Docker's HostConfig of a container that is a machine.

    Restricted: on hosts that cannot give CAP_SYS_RESOURCE, everything else that --privileged means.
    """
    config: dict[str, Any] = {
        "Tmpfs": {"/run": "", "/run/lock": ""},
        "CgroupnsMode": "private" if cgroup2 else "host",
    }
    if not cgroup2:
        config["Binds"] = ["/sys/fs/cgroup:/sys/fs/cgroup:rw"]
    if not restricted:
        return {**config, "Privileged": True}
    fuse = {"PathOnHost": "/dev/fuse", "PathInContainer": "/dev/fuse", "CgroupPermissions": "rwm"}
    return {
        **config,
        "CapAdd": ["ALL"],
        "CapDrop": ["SYS_RESOURCE"],
        "SecurityOpt": ["seccomp=unconfined", "apparmor=unconfined"],
        # What `--security-opt systempaths=unconfined` means: no path of /proc and /sys is hidden.
        "MaskedPaths": [],
        "ReadonlyPaths": [],
        "Devices": [fuse],
    }


def options(image: str) -> MachineOptions:
    """How machines are made on this host."""
    restricted = lacks_sys_resource(Path("/proc/1/status").read_text())
    config = host_config(restricted=restricted, cgroup2=_CGROUP2.exists())
    metadata = f"{settings.CLOUD_ADDRESS}:{settings.CLOUD_PORT}"
    return MachineOptions(image, settings.NETWORK, config, settings.SUBNET, settings.LABEL, settings.PREFIX, metadata)


def container_name(name: str) -> str:
    """The container of a machine made by hand."""
    return f"{settings.PREFIX}-machine-{name}"


def up(name: str, image: str) -> dict[str, str]:
    """Make a bare machine, or find it running; it has no user-data and no SSH host keys."""
    if docker.inspect("network", settings.NETWORK) is None:
        raise LabError("There is no lab network for the machine; run script/lab up first.")
    driver = MachineDriver(Engine(), options(image))
    container = container_name(name)
    try:
        if driver.state(container) is None:
            driver.create(container, name, {"etc/cloud/cloud-init.disabled": ""})
        driver.start(container)
        _wait_for_systemd(container)
        state = driver.state(container)
    except EngineError as error:
        raise LabError(str(error)) from error
    if state is None or not state.running:
        raise LabError(f"The machine {name} stopped while it booted; see docker logs {container}.")
    return {"name": name, "container": container, "address": state.address}


def down(name: str) -> None:
    """Remove a machine made by hand; one that does not exist is fine."""
    remove(container_name(name))


def remove(container: str) -> None:
    """Remove the machine that is this container, with its disk."""
    try:
        MachineDriver(Engine(), options("")).destroy(container)
    except EngineError as error:
        raise LabError(str(error)) from error


def _wait_for_systemd(container: str) -> None:
    deadline = time.monotonic() + _BOOT_SECONDS
    while time.monotonic() < deadline:
        state = docker.attempt("exec", container, "systemctl", "is-system-running").stdout.strip()
        if state in {"running", "degraded"}:
            return
        time.sleep(0.2)
    raise LabError(f"systemd in {container} was not up after {_BOOT_SECONDS} s; see docker logs {container}.")
