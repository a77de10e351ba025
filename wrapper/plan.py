# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What was asked for, checked before anything is rented or written."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from module_utils.library_list import LibraryListError, parse
from wrapper import inventory
from wrapper.exits import InputError

PROFILES = ("lite", "standard", "power", "superpower")
MONITORING = ("local", "cloud")


@dataclass(frozen=True)
class Plan:
    """One run, fully decided."""

    root: Path
    runs_dir: Path
    inventory: inventory.Inventory
    profile: str
    monitoring: str
    sections: tuple[str, ...]
    archive: Path | None
    path_mappings: Path | None
    force_refresh: bool
    force_deep_scan: bool
    empty_trash: bool
    keep: bool
    max_eur: float | None = None
    libraries: Path | None = None

    def extravars(self, run_id: str) -> dict[str, Any]:
        """What every playbook is told. No secret is among it; what was not given stays Ansible's."""
        given = {
            "burst_archive": self.archive,
            "burst_path_mappings": self.path_mappings,
            "burst_libraries": self.libraries,
        }
        return {
            "burst_run_id": run_id,
            "burst_runs_dir": str(self.runs_dir),
            "profile": self.profile,
            "monitoring": self.monitoring,
            "burst_sections": list(self.sections),
            "burst_force_refresh": self.force_refresh,
            "burst_force_deep_scan": self.force_deep_scan,
            "burst_empty_trash": self.empty_trash,
            **{name: str(path) for name, path in given.items() if path is not None},
            # From scratch means without the archive that the environment or the inventory may name.
            **({"burst_archive": "", "burst_path_mappings": ""} if self.libraries else {}),
            **({} if self.max_eur is None else {"burst_max_eur": self.max_eur}),
        }


def plan(asked: Namespace, root: Path) -> Plan:
    """Check every input that can be checked here; InputError says what is wrong with the first bad one."""
    _one_of("instance", asked.instance, PROFILES)
    _one_of("monitoring", asked.monitoring, MONITORING)
    if any(not name.strip() for name in asked.section):
        raise InputError('A --section is empty; give the name of a library as Plex shows it, e.g. --section "Music".')
    archive, path_mappings = _archive(asked.archive), _mappings(asked.path_mappings)
    libraries = _libraries(asked.libraries)
    if libraries and (archive or path_mappings):
        raise InputError("--libraries begins from scratch: leave out --archive and --path-mappings, or --libraries.")
    max_eur = _money(asked.max_eur)
    # Last, because it takes Ansible seconds to read.
    where = inventory.load(asked.inventory, root)
    return Plan(
        root=root,
        runs_dir=asked.runs_dir.resolve(),
        inventory=where,
        profile=asked.instance or where.profile,
        monitoring=asked.monitoring or ("cloud" if where.rents else "local"),
        sections=tuple(dict.fromkeys(name.strip() for name in asked.section)),
        archive=archive,
        path_mappings=path_mappings,
        force_refresh=asked.force_refresh,
        force_deep_scan=asked.force_deep_scan,
        empty_trash=asked.empty_trash,
        keep=asked.keep,
        max_eur=max_eur,
        libraries=libraries,
    )


def _one_of(what: str, given: str | None, allowed: tuple[str, ...]) -> None:
    if given is not None and given not in allowed:
        raise InputError(f'Unknown --{what} "{given}". Choose one of {", ".join(allowed)}.')


def _money(given: float | None) -> float | None:
    # Not a number is not above zero either.
    if given is not None and not 0 < given < float("inf"):
        raise InputError(
            f"--max-eur {given:g} pays for nothing; an hour is billed at least. What it costs says: wrapper estimate"
        )
    return given


def _archive(given: Path | None) -> Path | None:
    if given is None:
        return None
    if not given.exists():
        raise InputError(
            f'There is no archive at "{given}"; --archive takes a .tar.gz, .tar, .tar.zst, .zip or a directory.'
        )
    return given.resolve()


def _libraries(given: Path | None) -> Path | None:
    if given is None:
        return None
    try:
        parse(given.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f'The list of libraries "{given}" cannot be read: {error.strerror}.') from error
    except (LibraryListError, UnicodeDecodeError) as error:
        raise InputError(f'The list of libraries "{given}" cannot be used: {error}.') from error
    return given.resolve()


def _mappings(given: Path | None) -> Path | None:
    if given is None:
        return None
    form = 'it must look like {"mappings": {"/old/path": "/new/path"}}'
    try:
        content = json.loads(given.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f'The path mappings "{given}" cannot be read: {error.strerror}.') from error
    except ValueError as error:
        raise InputError(f'The path mappings "{given}" are not JSON ({error}); {form}.') from error
    mappings = content.get("mappings") if isinstance(content, Mapping) else None
    if not isinstance(mappings, Mapping) or not all(isinstance(new, str) for new in mappings.values()):
        raise InputError(f'The path mappings "{given}" have another form; {form}.')
    return given.resolve()
