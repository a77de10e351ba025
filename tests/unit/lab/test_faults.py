"""Faults by name: their state file, the admin port, and the client of script/lab."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.control import faults as client
from lab.control.errors import LabError
from lab.plexsim.plexsim import fault_names
from lab.plexsim.plexsim.faults import BadParameterError, Fault, Faults, UnknownFaultError, desk

KNOWN = {
    "slow": Fault("slow", "waits", {"seconds": 3.0, "where": "everywhere"}),
    "broken": Fault("broken", "does not work"),
}


@pytest.fixture
def faults(tmp_path: Path) -> Faults:
    return Faults(tmp_path / "faults.json", KNOWN)


def test_a_fault_is_off_until_it_is_switched_on_and_other_processes_see_it(faults: Faults) -> None:
    elsewhere = Faults(faults.path, KNOWN)
    assert elsewhere.active("slow") is None
    assert elsewhere.number("slow", "seconds") == 0
    faults.switch("slow", on=True, parameters={"seconds": "7"})
    assert elsewhere.active("slow") == {"seconds": 7.0, "where": "everywhere"}
    assert elsewhere.active("broken") is None
    faults.switch("slow", on=False)
    assert elsewhere.active("slow") is None


def test_wrong_names_and_parameters_change_nothing(faults: Faults) -> None:
    with pytest.raises(UnknownFaultError, match="broken, slow"):
        faults.switch("slov", on=True)
    with pytest.raises(BadParameterError, match="where"):
        faults.switch("slow", on=True, parameters={"second": 1})
    with pytest.raises(BadParameterError, match="number"):
        faults.switch("slow", on=True, parameters={"seconds": "many"})
    with pytest.raises(UnknownFaultError):
        faults.active("slov")
    assert not faults.path.exists()


@pytest.fixture
def address(faults: Faults) -> Iterator[str]:
    serving = desk.start(0, faults)
    yield f"http://127.0.0.1:{serving.port}"
    serving.shutdown()
    serving.server_close()


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/_lab/faults/slow", b'{"on": true}', 200, '"on": true'),
        ("/_lab/faults/slow", b'{"on": "yes"}', 400, "true or false"),
        ("/_lab/faults/slow", b"{", 400, "error"),
        ("/_lab/faults/slow", b'{"on": true, "minutes": 1}', 400, "no parameter"),
        ("/_lab/faults/nothing", b'{"on": true}', 404, "there is no fault"),
        ("/elsewhere", b'{"on": true}', 404, "nothing here"),
    ],
)
def test_the_admin_port(address: str, path: str, body: bytes, status: int, words: str) -> None:
    request = urllib.request.Request(address + path, data=body, method="PUT")
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            found, text = answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            found, text = error.code, error.read().decode()
    assert (found, words in text) == (status, True), text


def test_the_client_switches_a_fault_wherever_it_is_known(address: str, faults: Faults, tmp_path: Path) -> None:
    other = Faults(tmp_path / "other.json", {"slow": KNOWN["slow"]})
    serving = desk.start(0, other)
    found = [
        client.Desk("one", client._over_http(address)),
        client.Desk("two", client._over_http(f"http://127.0.0.1:{serving.port}")),
    ]
    try:
        assert [line.split()[:3] for line in client.switch(found, "slow", "on", ["seconds=9"])] == [
            ["one", "on", "slow"],
            ["two", "on", "slow"],
        ]
        assert (faults.number("slow", "seconds"), other.number("slow", "seconds")) == (9, 9)
        assert "off" in client.switch(found, "broken", None, [])[0]
        assert len(client.listing(found)) == 3
        client.switch(found, "slow", "off", [])
        assert json.loads(faults.path.read_text()) == {}
        with pytest.raises(LabError, match="script/lab fault --list"):
            client.switch(found, "nothing", "on", [])
        with pytest.raises(LabError, match="no parameter"):
            client.switch(found, "slow", "on", ["minutes=9"])
        with pytest.raises(LabError, match="name=value"):
            client.switch(found, "slow", "on", ["seconds"])
    finally:
        serving.shutdown()
        serving.server_close()


def test_every_fault_of_plexsim_says_what_it_does() -> None:
    assert all(fault.summary and name == fault.name for name, fault in fault_names.FAULTS.items())
