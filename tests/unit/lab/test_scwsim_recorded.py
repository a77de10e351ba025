"""Exchanges recorded from the real API, sent again to the stand-in: same statuses, headers and shapes.

What must differ is matched by what it is: ids one to one, times by their format, addresses of hardware by name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from lab.scwsim.catalogue import Catalogue
from lab.scwsim.in_process import LocalCloud, serving

RECORDED = Path(__file__).parents[4] / "shared" / "data" / "recorded"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}")
HARDWARE = {"mac_address", "cluster_id", "hypervisor_id", "node_id"}
SHAPE_ONLY = {"compatible_commercial_types"}
PATIENCE = 120


def recorded(name: str) -> Any:
    if not RECORDED.is_dir():
        pytest.skip("the recorded exchanges are not on this machine (../shared/data/recorded)")
    return json.loads((RECORDED / name).read_text())


class Replay:
    """Sends recorded requests with our ids in the place of the recorded ones."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud
        self.ids: dict[str, str] = {}
        address = urlsplit(cloud.url)
        self.connection = HTTPConnection(address.hostname or "", address.port, timeout=10)

    def ours(self, text: str) -> str:
        return UUID.sub(lambda match: self.ids.get(match[0], match[0]), text)

    def send(self, exchange: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
        asked = exchange["request_body"]
        body = self.ours(asked if isinstance(asked, str) else json.dumps(asked)).encode()
        path = self.ours(exchange["url"].removeprefix("https://api.scaleway.com"))
        self.connection.request(exchange["method"], path, body, {"X-Auth-Token": self.cloud.token})
        answer = self.connection.getresponse()
        text = answer.read().decode()
        as_json = answer.headers["Content-Type"] == "application/json" and text
        return answer.status, dict(answer.headers), json.loads(text) if as_json else text

    def send_until_it_is_so(self, exchange: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
        """Reads a server again, as time goes by, until it is in the recorded state."""
        wanted = state_of(exchange["status"], exchange["response_body"])
        for _ in range(PATIENCE if exchange["method"] == "GET" else 1):
            answer = self.send(exchange)
            if state_of(answer[0], answer[2]) == wanted:
                return answer
            with self.cloud.simulator.store.lock:
                self.cloud.simulator.advance(0.25)
        return answer

    def compare(self, theirs: Any, ours: Any, where: str) -> None:
        assert type(theirs) is type(ours), f"{where}: {theirs!r} is {ours!r} here"
        if isinstance(theirs, dict):
            assert sorted(theirs) == sorted(ours), where
            for key in theirs:
                if key in HARDWARE:
                    assert re.sub(r"\w", "x", theirs[key])[:1] == re.sub(r"\w", "x", ours[key])[:1]
                elif key not in SHAPE_ONLY:
                    self.compare(theirs[key], ours[key], f"{where}.{key}")
        elif isinstance(theirs, list):
            assert len(theirs) == len(ours), where
            for number, (one, other) in enumerate(zip(theirs, ours, strict=True)):
                self.compare(one, other, f"{where}[{number}]")
        elif isinstance(theirs, str) and UUID.fullmatch(theirs):
            assert self.ids.setdefault(theirs, ours) == ours, f"{where}: another id than before"
        elif isinstance(theirs, str):
            assert self.ours(TIME.sub("(time)", theirs)) == TIME.sub("(time)", ours), where
        else:
            assert theirs == ours, where


def state_of(status: int, body: Any) -> Any:
    server = body.get("server") if isinstance(body, dict) else None
    return (status, server["state"], server["state_detail"]) if server else status


def headers_of(headers: dict[str, str]) -> dict[str, str]:
    """What of the headers is said about the answer; length, date, id and server are about this one."""
    return {name: headers[name] for name in ("Content-Type", "Location", "X-Total-Count") if name in headers}


@pytest.fixture
def replay() -> Iterator[Replay]:
    with serving(time_factor=1.0) as cloud:
        made = Replay(cloud)
        yield made
        made.connection.close()


@pytest.mark.parametrize(("flow", "left"), [("sbs", {}), ("lssd", {})])
def test_a_recorded_life_of_a_server_goes_the_same_way(replay: Replay, flow: str, left: dict[str, int]) -> None:
    exchanges = [e for e in recorded(f"scaleway-flow-{flow}.json") if "/products/servers" not in e["url"]]
    project = next(e for e in exchanges if e["method"] == "POST")["request_body"]["project"]
    replay.ids[project] = replay.cloud.project
    for exchange in exchanges:
        where = f"{exchange['n']} {exchange['method']} {exchange['url']}"
        status, headers, body = replay.send_until_it_is_so(exchange)
        assert status == exchange["status"], f"{where}: {body}"
        replay.compare(exchange["response_body"], body, where)
        replay.compare(headers_of(exchange["headers"]), headers_of(headers), f"{where} headers")
        assert UUID.fullmatch(headers["X-Request-Id"])
    assert replay.cloud.left() == left


def test_the_offered_types_are_as_recorded_and_paged_with_the_recorded_links(replay: Replay) -> None:
    types = recorded("scaleway-server-types-fr-par-1.json")
    offered = Catalogue().server_types("fr-par-1")
    assert offered == types
    page = next(e for e in recorded("scaleway-flow-lssd.json") if "/products/servers" in e["url"])
    _, headers, _ = replay.send(page)
    assert headers_of(headers) | {"Link": headers["Link"]} == headers_of(page["headers"]) | {
        "Link": page["headers"]["Link"]
    }
