"""What the stand-in remembers, also across a restart: every resource and setting in one JSON file."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

Record = dict[str, Any]
# What somebody has to give back.
KINDS = ("servers", "volumes", "ips", "security_groups", "applications", "api_keys", "policies", "ssh_keys")
_METERS = "meters"


class Store:
    """All resources by kind and id, written to disk after every change.

    Hold `lock` while you read or change records; `save` before you let it go. Without a path nothing is written.
    What belongs to no zone has the zone "".
    """

    def __init__(self, path: Path | None) -> None:
        self.lock = threading.RLock()
        self._path = path
        self._records: dict[str, dict[str, Record]] = {kind: {} for kind in (*KINDS, _METERS)}
        self.values: dict[str, Any] = {}
        self._serial = 0
        if path is not None and path.exists():
            content = json.loads(path.read_text())
            self._records.update(content["records"])
            self._serial = content["serial"]
            self.values = content.get("values", {})

    def add(self, kind: str, record: Record) -> Record:
        """Remember a new resource."""
        self._serial += 1
        record["serial"] = self._serial
        self._records[kind][record["id"]] = record
        return record

    def find(self, kind: str, zone: str, identifier: str) -> Record | None:
        """The resource with this id in this zone."""
        record = self._records[kind].get(identifier)
        return record if record and record["zone"] == zone else None

    def has(self, kind: str) -> bool:
        """Whether there is such a kind."""
        return kind in self._records

    def remove(self, kind: str, identifier: str) -> None:
        """Forget a resource."""
        self._records[kind].pop(identifier, None)

    def records(self, kind: str, zone: str = "") -> list[Record]:
        """All resources of a kind (of one zone, if named), newest first."""
        found = [record for record in self._records[kind].values() if zone in {"", record["zone"]}]
        return sorted(found, key=lambda record: int(record["serial"]), reverse=True)

    def clear(self) -> None:
        """Forget everything."""
        for records in self._records.values():
            records.clear()
        self.values.clear()

    def save(self) -> None:
        """Write all records, so that a reader never sees half of them."""
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        partial = self._path.with_suffix(".partial")
        partial.write_text(json.dumps({"serial": self._serial, "values": self.values, "records": self._records}))
        partial.replace(self._path)
