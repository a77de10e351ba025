from __future__ import annotations

from pathlib import Path

import pytest

from lab.plexsim.plexsim.butler import Butler
from lab.plexsim.plexsim.core import Core
from lab.plexsim.plexsim.jobs import Jobs
from lab.plexsim.plexsim.logs import Log
from lab.plexsim.plexsim.preferences import Preferences
from lab.plexsim.plexsim.scans import Scans
from lab.plexsim.plexsim.schedule import Schedule, is_open
from lab.plexsim.plexsim.settings import from_environment


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        (2, 5, [2, 3, 4]),
        (22, 1, [0, 22, 23]),
        (0, 23, list(range(23))),
        (4, 4, []),
    ],
)
def test_the_butlers_hours(start: int, end: int, hours: list[int]) -> None:
    assert [hour for hour in range(24) if is_open(hour, start, end)] == hours


def test_what_was_done_before_his_hours_is_due_in_them(tmp_path: Path) -> None:
    settings = from_environment(
        {"PLEX_MEDIA_SERVER_APPLICATION_SUPPORT_DIR": str(tmp_path), "PLEXSIM_BUTLER_HOUR": "15"}
    )
    log = Log(tmp_path / "server.log")
    core = Core(settings, Preferences(tmp_path / "Preferences.xml").load(), log)
    jobs = Jobs(core)
    scans = Scans(core, jobs)
    butler = Butler(core, jobs, scans)
    schedule = Schedule(core, butler, scans)
    schedule.look()
    butler.finished.add("AutomaticUpdates")  # as work for added media ends
    core.preferences.change({"ButlerStartHour": "15", "ButlerEndHour": "16"}, with_pass=True)
    schedule.look()
    jobs.cancel()
    assert "Butler: AutomaticUpdates is due." in log.path.read_text()
