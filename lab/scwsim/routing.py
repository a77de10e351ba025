"""Requests, responses and the table that brings one to the other."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .errors import ApiError, invalid_arguments

if TYPE_CHECKING:
    from .simulator import Simulator


@dataclass(frozen=True)
class Request:
    """One call; unknown query parameters and bodies on GET and DELETE are nobody's business."""

    method: str
    path: str
    query: Mapping[str, list[str]] = field(default_factory=dict)
    body: bytes = b""
    parameters: Mapping[str, str] = field(default_factory=dict)
    # The caller's own project, and those it may see; None: all.
    default_project: str = ""
    projects: frozenset[str] | None = None
    # Whence the call came.
    sender: str = ""
    sender_port: int = 0

    @property
    def zone(self) -> str:
        """The zone in the path."""
        return self.parameters.get("zone", "")

    @property
    def id(self) -> str:
        """The resource's id in the path."""
        return self.parameters["id"]

    def shows(self, record: Mapping[str, Any]) -> bool:
        """Whether the caller may see the resource in a list."""
        project = record.get("project", record.get("project_id"))
        return self.projects is None or project in self.projects

    def argument(self, name: str, default: str = "") -> str:
        """A query parameter's last value."""
        return self.query.get(name, [default])[-1]

    def number(self, name: str, default: int) -> int:
        """A query parameter that must be a number above zero."""
        text = self.argument(name, str(default))
        if not text.isdecimal() or int(text) < 1:
            raise invalid_arguments((name, "format", f"{text} is no number above zero"))
        return int(text)

    def json(self) -> dict[str, Any]:
        """The body; some clients send `null`."""
        try:
            content = json.loads(self.body or b"null")
        except ValueError as error:
            raise invalid_arguments(("body", "format", "the body is no JSON")) from error
        if content is not None and not isinstance(content, dict):
            raise invalid_arguments(("body", "format", "the body is no JSON object"))
        return content or {}


@dataclass(frozen=True)
class Response:
    """A status with a JSON body, or with text where body is a str; None is an empty body.

    With `lost_after` nothing of it is sent: the connection ends after so many seconds.
    """

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    lost_after: float | None = None


Handler = Callable[["Simulator", Request], Response]


@dataclass(frozen=True)
class Route:
    """Public routes need no token."""

    method: str
    pattern: re.Pattern[str]
    handler: Handler
    public: bool = False


def route(method: str, template: str, handler: Handler, *, public: bool = False) -> Route:
    """Make a route from a template such as `/instance/v1/zones/{zone}/servers/{id}`."""
    expression = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template)
    return Route(method, re.compile(f"{expression}/?$"), handler, public)


def find(routes: tuple[Route, ...], method: str, path: str) -> tuple[Route, dict[str, str]]:
    """The route for a call, with what stands in its place-holders."""
    matches = [(candidate, match) for candidate in routes if (match := candidate.pattern.match(path))]
    for candidate, match in matches:
        if candidate.method == method:
            return candidate, match.groupdict()
    if matches:
        raise ApiError(405, {"type": "method_not_allowed", "message": f"{method} is not allowed here"})
    raise ApiError(404, {"type": "unknown_resource", "message": f"no route matches {path}"})


def page_of(request: Request, name: str, views: list[dict[str, Any]]) -> Response:
    """One page of an Instance API list: `page`, `per_page` up to 100, X-Total-Count and Link."""
    size = min(request.number("per_page", 50), 100)
    page = request.number("page", 1)
    last = -(-len(views) // size)
    # Relative, and without what comes before the API's own collections: `/servers`, `/products/servers`.
    collection = request.path.rstrip("/").split(f"/zones/{request.zone}/")[-1]

    def link(number: int, relation: str) -> str:
        return f'</{collection}?page={number}&per_page={size}&>; rel="{relation}"'

    links = [link(page + 1, "next")] if page < last else []
    links.append(link(last, "last"))
    headers = {"X-Total-Count": str(len(views)), "Link": ",".join(links)}
    return Response(200, {name: views[(page - 1) * size : page * size]}, headers)


def counted_page_of(request: Request, name: str, views: list[dict[str, Any]]) -> Response:
    """One page of a list of the newer APIs: `page`, `page_size`, `total_count` in the body."""
    size = min(request.number("page_size", 50), 100)
    page = request.number("page", 1)
    return Response(200, {name: views[(page - 1) * size : page * size], "total_count": len(views)})


def has_tags(record: Mapping[str, Any], request: Request) -> bool:
    """Whether the record carries all tags that were asked for (comma separated or repeated)."""
    wanted = {tag for value in request.query.get("tags", []) for tag in value.split(",") if tag}
    return wanted <= set(record["tags"])


def owner(request: Request, body: Mapping[str, Any]) -> str:
    """The project a new resource belongs to."""
    return str(body.get("project") or body.get("project_id") or body.get("organization") or request.default_project)
