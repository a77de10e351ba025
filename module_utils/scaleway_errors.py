# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Scaleway's answers, and one sentence for each that was not a success: what happened and what helps."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

# A listing is never missing in a zone that exists.
ZONE_LISTING = re.compile(r"GET /instance/v1/zones/([^/]+)/servers")


@dataclass(frozen=True)
class Answer:
    """What the API said; status 0 means it said nothing, and text then says why."""

    status: int
    body: Any = None
    text: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the call was done."""
        return self.status in (200, 201, 202, 204)

    @property
    def error(self) -> dict[str, Any]:
        """The error object, empty when there is none."""
        return self.body if isinstance(self.body, dict) else {}

    @property
    def kind(self) -> str:
        """The API's own word for the error: dispatch on it before the status."""
        return str(self.error.get("type", ""))

    @property
    def details(self) -> list[dict[str, Any]]:
        """The parts of an error that name arguments, rights or quotas."""
        return [row for row in self.error.get("details") or [] if isinstance(row, dict)]


class ScalewayError(Exception):
    """The API refused, could not be reached or showed something unexpected; the message is a sentence."""

    def __init__(self, message: str, answer: Answer) -> None:
        super().__init__(message)
        self.answer = answer


class AmbiguousError(ScalewayError):
    """Nobody knows whether the call was done: look before doing it again."""


def refuse(sentence: str) -> ScalewayError:
    """An error of our own judgement, with no refusal of the API behind it."""
    return ScalewayError(sentence, Answer(200))


def explain(answer: Answer, call: str, api_url: str) -> str:
    """The sentence. A kind of error says more than its status."""
    said = answer.error.get("message") or answer.error.get("help_message") or answer.text[:200] or "nothing more"
    by_kind = {
        "out_of_stock": _out_of_stock,
        "quotas_exceeded": _quotas_exceeded,
        "invalid_arguments": _invalid_arguments,
    }
    by_status = {0: _silence, 401: _unauthenticated, 403: _forbidden, 429: _limited}
    zone = ZONE_LISTING.fullmatch(call)
    if zone and answer.status in (400, 404):
        return f'Scaleway has no zone "{zone[1]}"; fr-par-1, nl-ams-1 and pl-waw-1 are three it has.'
    judge = by_kind.get(answer.kind) or by_status.get(answer.status)
    return judge(answer, call, api_url) if judge else f"Scaleway answered {answer.status} to {call}: {said}."


def _silence(answer: Answer, call: str, api_url: str) -> str:
    return f"No answer from {api_url} to {call} ({answer.text}); check network and scaleway_instance_api_url."


def _out_of_stock(answer: Answer, _call: str, _api_url: str) -> str:
    resource = answer.error.get("resource", "The server type")
    return f"{resource} is out of stock; choose another profile or zone."


def _quotas_exceeded(answer: Answer, _call: str, _api_url: str) -> str:
    rows = answer.details or [answer.error]
    used = ", ".join(f"{row.get('resource')} ({row.get('current')} of {row.get('quota')})" for row in rows)
    return f"The quota of the Scaleway project is used up for {used}; raise it in the console."


def _unauthenticated(answer: Answer, _call: str, _api_url: str) -> str:
    reason = answer.error.get("reason") or answer.error.get("message") or "no reason given"
    return f"Scaleway refused the API key ({reason}); set SCW_SECRET_KEY to a valid key that has not expired."


def _forbidden(answer: Answer, call: str, _api_url: str) -> str:
    rights = ", ".join(f"{row.get('action')} {row.get('resource')}" for row in answer.details) or call
    return (
        f"The API key may not do this: {rights}; "
        "its IAM policy needs InstancesFullAccess and BlockStorageFullAccess on the project."
    )


def _invalid_arguments(answer: Answer, call: str, _api_url: str) -> str:
    named = "; ".join(
        f"{row.get('argument_name')}: {row.get('help_message') or row.get('reason')}" for row in answer.details
    )
    return f"Scaleway found {call} wrong ({named or answer.error.get('message', 'no details')})."


def _limited(_answer: Answer, call: str, _api_url: str) -> str:
    return f"Scaleway keeps limiting our rate at {call}; try again in a few minutes."
