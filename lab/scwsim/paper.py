"""Machines on paper: no container, only what was asked of them; for tests that need hundreds of servers."""

from __future__ import annotations

from .engine import Engine, EngineError
from .machine import MachineDriver, MachineOptions, MachineState


class PaperDriver(MachineDriver):
    """Remembers machines and their files; `broken` names the calls that fail."""

    def __init__(self) -> None:
        super().__init__(Engine(), MachineOptions("none", "none", {}))
        self.machines: dict[str, MachineState] = {}
        self.files: dict[str, dict[str, str]] = {}
        self.hostnames: dict[str, str] = {}
        self.scripts: dict[str, str] = {}
        self.broken: set[str] = set()

    def _may(self, call: str) -> None:
        if call in self.broken:
            raise EngineError(f"{call} is broken")

    def create(self, name: str, hostname: str, files: dict[str, str], address: str | None = None) -> None:
        """Write the machine down as stopped."""
        self._may("create")
        self.hostnames[name] = hostname
        self.machines[name] = MachineState(False, 0, address or "")
        self.files[name] = files

    def start(self, name: str) -> None:
        """Write the machine down as running."""
        self._may("start")
        self.machines[name] = MachineState(True, 0, self.machines[name].address)

    def execute(self, name: str, script: str) -> None:
        """Write the script down, the last one of each machine."""
        self._may("execute")
        self.scripts[name] = script

    def stop(self, name: str) -> None:
        """Write the machine down as powered off."""
        self._may("stop")
        self.exit(name, 130)

    def exit(self, name: str, code: int) -> None:
        """As if the guest had ended by itself: 130 is a power-off, 129 a reboot."""
        self.machines[name] = MachineState(False, code, self.machines[name].address)

    def destroy(self, name: str) -> None:
        """Forget the machine."""
        self._may("destroy")
        self.machines.pop(name, None)

    def state(self, name: str) -> MachineState | None:
        """What was written down last."""
        return self.machines.get(name)
