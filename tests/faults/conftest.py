"""The server that the tests of the phases share, because to start it and to scan takes longer than most of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.home_library import inject
from tests.faults.local_target import Target, prepared


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A claimed server whose music is scanned, with most of its tracks to be analysed. The tests share it in order."""
    with prepared(tmp_path_factory.mktemp("phases"), "phases", inject) as target:
        target.new_run()
        target.play("plex")
        target.play("scan")
        assert target.result("scan")["verdict"] == "done"
        yield target
