"""What a person sees: one line per change in a pipe, one updating block on a terminal, nothing secret in either."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from wrapper.controller_log import ControllerLog, secrets_of
from wrapper.progress import Update
from wrapper.stages import EXPORT, SONIC, Stage
from wrapper.view import LONG_TASK_SECONDS, LineView, Outlet, View, duration, say, view_for

STAGES = (SONIC, EXPORT)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def act(view: View) -> None:
    """The same run for every view."""
    view.open("run", STAGES)
    view.begin(SONIC)
    view.show(Update("task", "Wait for the analysis"))
    for text in ("36/62 tracks", "37/62 tracks, 4.1/s, about 6 s left", "37/62 tracks, 4.1/s, about 6 s left"):
        view.show(Update("waiting", text))
        view.tick()
    view.show(Update("warning", "Old."))
    view.show(Update("told", "3 tracks cannot be analysed."))
    view.end(SONIC, "done", 12.3)
    view.begin(EXPORT)
    view.show(Update("failure", "Two lines:\nthe disk is full."))
    view.end(EXPORT, "failed", 0.5, "Two lines:\nthe disk is full.")
    view.note("The logs did not come home.")
    view.close()


def test_a_pipe_gets_one_line_per_change() -> None:
    stream = io.StringIO()
    act(view_for(stream))
    lines = [line.split(" ", 1)[1] for line in stream.getvalue().splitlines()]
    assert lines == [
        "run",
        "stages: sonic export",
        f"sonic     {SONIC.purpose} ...",
        "sonic     36/62 tracks",
        "sonic     37/62 tracks, 4.1/s, about 6 s left",
        "sonic     warning: Old.",
        "sonic     3 tracks cannot be analysed.",
        "sonic     done after 12 s",
        f"export    {EXPORT.purpose} ...",
        "export    failure: Two lines:",
        "the disk is full.",
        "export    failed after 0.5 s",
        "The logs did not come home.",
    ]


def test_a_pipe_names_a_task_only_if_it_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    stream = io.StringIO()
    view = LineView(Outlet(stream))
    view.begin(Stage("plex", "start"))
    view.show(Update("task", "Pull the image"))
    view.tick()
    assert "Pull the image" not in stream.getvalue()
    now[0] += LONG_TASK_SECONDS
    view.tick()
    view.tick()
    assert stream.getvalue().count("Pull the image") == 1


@pytest.mark.parametrize("no_color", [True, False])
def test_a_terminal_gets_a_block(monkeypatch: pytest.MonkeyPatch, no_color: bool) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    act(view_for(stream))
    said = stream.getvalue()
    assert "37/62 tracks, 4.1/s, about 6 s left" in said
    assert "failure: Two lines:" in said
    assert "the disk is full." in said
    assert "\x1b[1A" in said, "it moves up to redraw"
    assert ("\x1b[32m" in said) != no_color
    last = said.rsplit("\x1b[2K", 1)[1]
    assert "✗" in last


def test_a_question_has_the_screen_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock goes on while somebody is asked, and the list is drawn anew below the answer."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    stream = Terminal()
    view = view_for(stream)
    view.open("run", STAGES)
    view.begin(SONIC)
    with view.aside():
        stream.write("code: ")
        before = stream.getvalue()
        for _ in range(3):
            view.tick()
            view.spent("1 EUR so far")
        assert stream.getvalue() == before
    again = stream.getvalue()[len(before) :]
    assert SONIC.purpose in again
    assert "\x1b[1A" not in again, "it would go up over what was asked"
    view.tick()
    assert "\x1b[1A" in stream.getvalue()[len(before) + len(again) :]
    view.close()


@pytest.mark.parametrize("term", ["dumb", None])
def test_a_dumb_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch, term: str | None) -> None:
    monkeypatch.delenv("TERM", raising=False)
    if term:
        monkeypatch.setenv("TERM", term)
    assert isinstance(view_for(Terminal()), LineView)


def test_a_closed_pipe_stops_nothing() -> None:
    code = (
        "import sys; from wrapper.view import view_for; from wrapper.progress import Update\n"
        "from tests.unit.wrapper.test_view import act\n"
        "sys.stdin.readline(); view = view_for(sys.stdout); [act(view) for _ in range(3)]\n"
        "sys.stderr.write('went on')"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert process.stdout
    process.stdout.close()
    process.stdout = None
    _, said = process.communicate("now\n", timeout=30)
    assert (process.returncode, said) == (0, "went on")


def test_a_screen_without_a_check_mark_gets_a_question_mark() -> None:
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding="latin-1")
    say(["✓ done"], stream)
    assert written.getvalue() == b"? done\n"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (12.4, "12 s"), (59.6, "1 min 00 s"), (185, "3 min 05 s"), (3725, "1 h 02 min")],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_the_log_masks_secrets_and_is_private(tmp_path: Path) -> None:
    environment = {
        "SCW_SECRET_KEY": "11111111-1111-4111-8111-111111111111",
        "BURST_S3_ACCESS_KEY": "LABACCESSKEY00000001",
        "PLEX_CLAIM": "claim-abcdefghij",
        "SHORT_TOKEN": "abc",
        "HOME": "/home/somebody",
    }
    with ControllerLog(tmp_path, environment) as log:
        log.write("key 11111111-1111-4111-8111-111111111111, abc, /home/somebody\nand LABACCESSKEY00000001")
        assert log.masked("claim-abcdefghij") == "********"
    text = (tmp_path / "controller.log").read_text()
    first, second = text.splitlines()
    assert first.endswith("Z key ********, abc, /home/somebody")
    assert second == "    and ********"
    assert (tmp_path / "controller.log").stat().st_mode & 0o777 == 0o600


def test_the_longest_secret_is_masked_first() -> None:
    assert secrets_of({"A_TOKEN": "secret-one", "B_TOKEN": "secret-one-and-more"}) == [
        "secret-one-and-more",
        "secret-one",
    ]


def test_every_key_that_an_owner_gives_is_a_secret() -> None:
    names = ("SCW_SECRET_KEY", "BURST_SCW_SWITCH_KEY", "BURST_S3_ACCESS_KEY", "BURST_S3_SECRET_KEY", "PLEX_CLAIM")
    assert sorted(secrets_of({name: f"canary-{name}" for name in names})) == sorted(f"canary-{name}" for name in names)


def test_a_full_disk_costs_the_log_not_the_run(tmp_path: Path) -> None:
    (tmp_path / "controller.log").symlink_to("/dev/full")
    with ControllerLog(tmp_path) as log:
        log.write("x")
