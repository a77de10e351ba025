"""The errors of the API, in the JSON shapes that were recorded from it."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """An answer that is no success: HTTP status and JSON body."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(str(body.get("message", status)))
        self.status = status
        self.body = body


def denied_authentication(reason: str) -> ApiError:
    """The token is missing or is not ours."""
    return ApiError(
        401,
        {
            "type": "denied_authentication",
            "message": "authentication is denied",
            "method": "api_key",
            "reason": reason,
        },
    )


def permissions_denied(resource: str, action: str) -> ApiError:
    """The caller lacks a right; which one, the details say."""
    return ApiError(
        403,
        {
            "type": "permissions_denied",
            "message": "insufficient permissions",
            "details": [{"resource": resource, "action": action}],
        },
    )


def quotas_exceeded(resource: str, quota: int, current: int) -> ApiError:
    """The account has as many as it may have."""
    return ApiError(
        403,
        {
            "type": "quotas_exceeded",
            "message": "Quota exceeded for this resource.",
            "resource": resource,
            "quota": quota,
            "current": current,
        },
    )


def out_of_stock(resource: str) -> ApiError:
    """There is no node left for the type (the status is reported as 412 or 400)."""
    return ApiError(412, {"type": "out_of_stock", "message": "out of stock", "resource": resource})


def locked(resource: str, resource_id: str) -> ApiError:
    """The provider locked the resource (the status is assumed)."""
    return ApiError(
        423, {"type": "locked", "message": "resource is locked", "resource": resource, "resource_id": resource_id}
    )


def not_found(resource: str, resource_id: str) -> ApiError:
    """No such resource in this zone."""
    return ApiError(
        404,
        {
            "type": "not_found",
            "message": "resource is not found",
            "resource": resource,
            "resource_id": resource_id,
        },
    )


def invalid_arguments(*details: tuple[str, str, str]) -> ApiError:
    """Each detail: argument name, reason (required, format, constraint, unknown), help message."""
    return ApiError(
        400,
        {
            "type": "invalid_arguments",
            "message": "invalid argument(s)",
            "details": [
                {"argument_name": name, "reason": reason, "help_message": message} for name, reason, message in details
            ],
        },
    )


def invalid_request(message: str) -> ApiError:
    """A call that the state of the server does not allow (the body is assumed, not recorded)."""
    return ApiError(400, {"type": "invalid_request_error", "message": message})


def transient_state(resource: str, resource_id: str, state: str) -> ApiError:
    """The resource is on its way to another state: try again later."""
    return ApiError(
        409,
        {
            "type": "transient_state",
            "message": "resource is in a transient state",
            "resource": resource,
            "resource_id": resource_id,
            "current_state": state,
        },
    )


def still_in_use(help_message: str) -> ApiError:
    """The resource is attached to something."""
    return ApiError(
        412,
        {
            "type": "precondition_failed",
            "message": "precondition is not respected",
            "precondition": "resource_still_in_use",
            "help_message": help_message,
        },
    )
