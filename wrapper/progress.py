# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From an Ansible event to what a person wants to know, or None. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["task", "waiting", "told", "warning", "failure"]
Result = Mapping[str, Any]

# Modules whose result says in `message` what they are waiting for.
READINGS = frozenset(
    {"cloud_init_status", "mount_guard_status", "plex_phase", "plex_status", "plex_trash", "scaleway_server"}
)
# A look at a phase that goes on, without a new sample; to say that it was cut off is for the end of the stage.
MID_WAIT = "cancelled"
COLOUR = re.compile(r"\x1b\[[0-9;]*[mK]")
# Ansible's own words around the sentence that our modules and asserts wrote.
NOISE = re.compile(r"^(?:Task failed: |Module failed: |Action failed: |Failed to template .*?: )+")
# Where in which playbook: true, but not for the person who reads one sentence; it stays in Ansible's own output.
ORIGIN = re.compile(r"\n+Origin: .*", re.DOTALL)
HIDDEN = "its output is hidden because it handles secrets"


@dataclass(frozen=True)
class Update:
    """One change worth showing: a task began, a wait has news, a role told something, a warning, a failure."""

    kind: Kind
    text: str
    task: str = ""
    action: str = ""
    result: Result = field(default_factory=dict)


def update(event: Mapping[str, Any]) -> Update | None:
    """The one reduction: what this event changes for the person who watches."""
    data = event.get("event_data") or {}
    match event.get("event"):
        case "playbook_on_task_start" | "playbook_on_handler_task_start":
            change: Update | None = Update("task", _task(data), _task(data), _action(data))
        case "runner_retry":
            change = _waiting(data, retried=True)
        case "runner_on_ok" | "runner_item_on_ok":
            # The end of a loop over readings has no message of its own: each item has told its own.
            res = data.get("res") or {}
            told = _action(data) in READINGS and res.get("message") and res.get("verdict") != MID_WAIT
            change = _waiting(data, retried=False) if told else _warning(data) or _told(data)
        case "runner_on_failed" | "runner_on_async_failed" if not data.get("ignore_errors"):
            change = _failure(data, sentence(data))
        case "runner_on_unreachable":
            change = _failure(data, f"{data.get('host', 'The target')} does not answer: {sentence(data)}")
        case "verbose" | "error" | "warning" | "system_warning":
            change = _spoken(str(event.get("stdout") or ""))
        case _:
            change = None
    return change


def sentence(data: Mapping[str, Any]) -> str:
    """Why a task failed, without Ansible's packing."""
    result: Result = data.get("res") or {}
    if "censored" in result:
        return f'Task "{_task(data)}" failed; {HIDDEN}.'
    for failed in _failed_items(result):
        return sentence({**data, "res": failed})
    message = ORIGIN.sub("", NOISE.sub("", plain(result.get("msg") or ""))).strip()
    if message in {"", "non-zero return code"} or message.startswith("MODULE FAILURE"):
        return _from_output(result, _task(data), message)
    return message


def plain(value: object) -> str:
    """Text without terminal colours; a list becomes lines."""
    text = "\n".join(str(part) for part in value) if isinstance(value, list) else str(value)
    return COLOUR.sub("", text)


def _from_output(result: Result, task: str, message: str) -> str:
    """A command says why on stderr, and a crashed module in the last line of its trace."""
    for key in ("stderr", "module_stderr", "exception", "module_stdout", "stdout"):
        lines = [line for line in plain(result.get(key) or "").splitlines() if line.strip()]
        if lines and not lines[-1].startswith("(traceback unavailable"):
            code = f" (exit code {result['rc']})" if "rc" in result else ""
            return f'Task "{task}" failed{code}: {lines[-1].strip()}'
    return f'Task "{task}" failed: {message or "it gave no reason"}'


def _failed_items(result: Result) -> Iterator[Result]:
    """The failed items of a loop, in order."""
    for item in result.get("results") or ():
        if isinstance(item, Mapping) and (item.get("failed") or item.get("unreachable")):
            yield item


def _waiting(data: Mapping[str, Any], *, retried: bool) -> Update:
    result: Result = data.get("res") or {}
    message = plain(result.get("message") or "").strip()
    title = module_arguments(result).get("title")
    if message and title:
        message = f"{title}: {message}"
    if not message and retried:
        message = f"{_task(data)} (try {result.get('attempts', '?')} of {result.get('retries', '?')})"
    return Update("waiting", message or _task(data), _task(data), _action(data), result)


def _failure(data: Mapping[str, Any], text: str) -> Update:
    return Update("failure", text, _task(data), _action(data), data.get("res") or {})


def _warning(data: Mapping[str, Any]) -> Update | None:
    warnings = (data.get("res") or {}).get("warnings")
    return Update("warning", plain(warnings), _task(data), _action(data)) if warnings else None


def _told(data: Mapping[str, Any]) -> Update | None:
    """What a role says to whoever runs it, by `debug`: its verbose variables of `var` are not sentences."""
    said = (data.get("res") or {}).get("msg") if _action(data) == "debug" else None
    return Update("told", plain(said).strip(), _task(data), _action(data)) if said else None


def _spoken(text: str) -> Update | None:
    """What Ansible itself says, outside of any task."""
    text = plain(text).strip()
    for prefix in ("[ERROR]: ", "ERROR! "):
        if text.startswith(prefix):
            return Update("failure", ORIGIN.sub("", NOISE.sub("", text.removeprefix(prefix))))
    if text.startswith("[WARNING]: "):
        return Update("warning", text.removeprefix("[WARNING]: "))
    return None


def module_arguments(result: Result) -> Mapping[str, Any]:
    """What the module was called with, as its result repeats it."""
    invocation = result.get("invocation")
    arguments = invocation.get("module_args") if isinstance(invocation, Mapping) else None
    return arguments if isinstance(arguments, Mapping) else {}


def _task(data: Mapping[str, Any]) -> str:
    return str(data.get("task") or "")


def _action(data: Mapping[str, Any]) -> str:
    """Short name of the module, however it was called."""
    return str(data.get("task_action") or "").rpartition(".")[2]
