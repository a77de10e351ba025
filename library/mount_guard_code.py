#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: mount_guard_code
short_description: Put the code of the mount's guard on the machine, as a package of its own
description:
  - What the units of the mount run needs Python's standard library and what is beside it, so it is copied to the
    machine, from where modules have it, too. All of it in one call, which a copy for each file is not.
  - A file that belongs to the code no longer is removed.
author: ["plex-burst maintainers"]
extends_documentation_fragment: [attributes]
options:
  path:
    description: Directory of the package; made when it is missing. Its name is what the units import.
    type: path
    required: true
"""

EXAMPLES = r"""
- name: Copy the guard
  mount_guard_code:
    path: /opt/plex-burst/plex_burst_guard
"""

RETURN = r"""
written:
  description: Names of the files that were missing or different.
  returned: success
  type: list
  elements: str
removed:
  description: Names of the files that belong to the code no longer.
  returned: success
  type: list
  elements: str
"""

import ast
import pkgutil
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

# Ansible brings what a module imports, and what that imports; its text is what is wanted here.
from ..module_utils import guard, mount_layers, mount_times

RUN_BY_THE_UNITS = (guard, mount_layers, mount_times)


def needed() -> dict[str, bytes]:
    """Find the text of what the units run, and of all that it imports from beside it, by the name of the file."""
    found = {"__init__.py": b""}
    waiting = [module.__name__.rpartition(".")[2] for module in RUN_BY_THE_UNITS]
    while waiting:
        name = f"{waiting.pop()}.py"
        if name in found:
            continue
        text = pkgutil.get_data(guard.__package__, name)
        if text is None:
            raise LookupError(f"{name} of the guard did not come with this module")
        found[name] = text
        waiting += _beside(text)
    return found


def _beside(text: bytes) -> list[str]:
    imports = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom) and node.level == 1]
    return [
        name for node in imports for name in ([node.module] if node.module else [alias.name for alias in node.names])
    ]


def _write(path: Path, text: bytes) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(text)
    partial.chmod(0o644)
    # A guard that begins just now reads the old file or the new one.
    partial.replace(path)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec={"path": {"type": "path", "required": True}}, supports_check_mode=True)
    place = Path(module.params["path"])
    try:
        code = needed()
        there = {path.name: path.read_bytes() for path in place.glob("*.py")}
        written = sorted(name for name, text in code.items() if there.get(name) != text)
        removed = sorted(there.keys() - code.keys())
        if not module.check_mode:
            place.mkdir(parents=True, exist_ok=True)
            for name in written:
                _write(place / name, code[name])
            for name in removed:
                (place / name).unlink()
    except (LookupError, OSError) as error:
        module.fail_json(msg=f"The code of the guard could not be put into {place}: {error}.")
    module.exit_json(changed=bool(written or removed), written=written, removed=removed)


if __name__ == "__main__":
    main()
