"""A machine: a container that behaves like a rented server."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import dataclass
from typing import Any

from .engine import Engine, EngineError

SEED = "var/lib/cloud/seed/nocloud"
# What a container's process 1 exits with when systemd asks the kernel to reboot (SIGHUP); a
# power-off is 130 (SIGINT).
REBOOT_EXIT_CODE = 129
# Below the machine's own cgroup; with cgroup v2 there is no such file and nothing to do.
_END_FROZEN = """
top=/sys/fs/cgroup/freezer$(sed -n 's/^[0-9]*:freezer://p' /proc/1/cgroup)
find "$top" -mindepth 2 -name freezer.state 2>/dev/null | while read -r state; do
  grep -q THAWED "$state" && continue
  kill -KILL $(cat "${state%freezer.state}cgroup.procs")
  echo THAWED >"$state"
done
"""


@dataclass(frozen=True)
class MachineOptions:
    """What every machine has in common.

    host_config is Docker's HostConfig; subnet is that of the Docker network; label marks what belongs to this lab, and
    the names of containers begin with prefix; metadata is the address and port behind the machines' link-local one.
    """

    image: str
    network: str
    host_config: dict[str, Any]
    subnet: str = "10.213.79.0/24"
    label: str = "plex-burst.lab"
    prefix: str = "plex-burst-lab"
    metadata: str = ""


@dataclass(frozen=True)
class MachineState:
    """What Docker says about a machine."""

    running: bool
    exit_code: int
    address: str


def archive(files: dict[str, str]) -> bytes:
    """Make a tar archive of files that only root may read, and run if they are scripts."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, content in files.items():
            data = content.encode()
            entry = tarfile.TarInfo(path)
            entry.size = len(data)
            entry.mode = 0o700 if content.startswith("#!") else 0o600
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def seed_files(instance_id: str, hostname: str, user_data: str, public_keys: list[str]) -> dict[str, str]:
    """What cloud-init's NoCloud source finds on the machine's first boot."""
    meta_data = {"instance-id": instance_id, "local-hostname": hostname, "public-keys": public_keys}
    return {f"{SEED}/meta-data": json.dumps(meta_data), f"{SEED}/user-data": user_data}


class MachineDriver:
    """Makes, starts, stops and removes machines."""

    def __init__(self, engine: Engine, options: MachineOptions) -> None:
        self._engine = engine
        self.options = options

    def create(self, name: str, hostname: str, files: dict[str, str], address: str | None = None) -> None:
        """Create a stopped machine that holds the files; an address outside the dynamic range is fixed."""
        network: dict[str, Any] = {"IPAMConfig": {"IPv4Address": address}} if address else {}
        docker_storage = {
            "Type": "volume",
            "Source": name,
            "Target": "/var/lib/docker",
            "VolumeOptions": {"Labels": {self.options.label: "1"}},
        }
        specification = {
            "Image": self.options.image,
            "Hostname": hostname[:63],
            "Labels": {self.options.label: "1", f"{self.options.label}.machine": name},
            "HostConfig": {
                **self.options.host_config,
                "NetworkMode": self.options.network,
                "Mounts": [docker_storage],
            },
            "NetworkingConfig": {"EndpointsConfig": {self.options.network: network}},
        }
        self._engine.create(name, specification)
        self._engine.put_archive(name, "/", archive(files))

    def start(self, name: str) -> None:
        """Boot the machine."""
        self._engine.start(name)

    def execute(self, name: str, script: str) -> None:
        """Run a shell script in the machine; EngineError if it fails."""
        code, printed = self._engine.execute(name, ["sh", "-c", script])
        if code:
            raise EngineError(f"A script in {name} ended with {code}: {printed.strip()}")

    def end_frozen(self, name: str) -> None:
        """End what is frozen in a running machine: cgroup v1 keeps even SIGKILL from it, so it could not be stopped."""
        state = self.state(name)
        if state is not None and state.running:
            self._engine.execute(name, ["sh", "-c", _END_FROZEN])

    def stop(self, name: str) -> None:
        """Shut the machine down, as its power button would."""
        self.end_frozen(name)
        self._engine.stop(name, grace_seconds=10)

    def destroy(self, name: str) -> None:
        """Remove the machine and its disk."""
        self.end_frozen(name)
        self._engine.remove(name)
        self._engine.remove_volume(name)

    def state(self, name: str) -> MachineState | None:
        """Read the machine's state, None if it does not exist."""
        facts = self._engine.inspect(name)
        if facts is None:
            return None
        endpoint = facts["NetworkSettings"]["Networks"].get(self.options.network, {})
        return MachineState(
            running=facts["State"]["Running"],
            exit_code=facts["State"]["ExitCode"],
            address=endpoint.get("IPAddress", ""),
        )
