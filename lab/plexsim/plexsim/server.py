"""``Plex Media Server``: listens, brings the database up, serves until it is told to stop."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

from . import core as core_module
from . import migrate, schema
from .api_diagnostics import DiagnosticsApi
from .api_items import ItemsApi
from .api_sections import SectionsApi
from .api_server import ServerApi
from .api_tasks import TasksApi
from .butler import Butler
from .core import Core
from .handler import Router, Server
from .jobs import Jobs
from .logs import Log
from .plex_tv import PENDING, SignIn
from .preferences import Preferences
from .scans import Scans
from .schedule import Schedule
from .settings import VERSION, Settings, from_environment


def _seen(settings: Settings) -> Path:
    """Name the file that remembers the database this server closed last."""
    return settings.home / "Cache" / "last-database.json"


def _state(settings: Settings) -> list[int]:
    stat = settings.library.stat()
    return [stat.st_ino, stat.st_size, stat.st_mtime_ns]


def _is_foreign(settings: Settings) -> bool:
    """Tell whether the database came from elsewhere, or was not closed by us."""
    seen = _seen(settings)
    return not seen.exists() or json.loads(seen.read_text()) != _state(settings)


def migration_seconds(settings: Settings, size: int) -> float:
    """Give the time that databases of so many bytes take, beside the work that is really done."""
    return settings.migration_seconds + settings.migration_seconds_per_gigabyte * size / (1 << 30)


def bring_up(core: Core) -> None:
    """Make or check the databases; clients are told to wait meanwhile."""
    settings = core.settings
    time.sleep(settings.start_seconds)
    if not settings.library.exists():
        schema.create_library(settings.library.parent)
    if not settings.blobs.exists():
        schema.create(settings.blobs)
    for path in (settings.library, settings.blobs):
        migrate.check(path)
    if not _is_foreign(settings):
        return
    core.not_ready = core_module.MIGRATING
    core.log("Running migrations. (EPG 0)")
    size = sum(path.stat().st_size for path in (settings.library, settings.blobs))
    time.sleep(migration_seconds(settings, size))
    for path in (settings.library, settings.blobs):
        missing = migrate.pending(path)
        if missing:
            core.log(f"Migrating {path.name}: {len(missing)} migrations up to {missing[-1]}")
            migrate.run(path)
        for table in migrate.settle_search(path):
            core.log(f"Rebuilt {table} of {path.name}.")


def build(core: Core, jobs: Jobs) -> tuple[Router, Schedule]:
    """Put together what answers, and what begins by itself."""
    scans = Scans(core, jobs)
    butler = Butler(core, jobs, scans)
    scans.when_added.append(butler.media_added)
    apis = (
        ServerApi(core),
        TasksApi(core, butler),
        SectionsApi(core, scans, butler),
        ItemsApi(core),
        DiagnosticsApi(core),
    )
    return Router(core, [route for api in apis for route in api.routes()]), Schedule(core, butler, scans)


def _sign_in_later(core: Core, signed_in: SignIn) -> None:
    """Write the token of a claim some time after the start, as the real server does."""
    delay = core.settings.token_delay if signed_in.delay is None else signed_in.delay
    timer = threading.Timer(delay, core.sign_in, (signed_in,))
    timer.daemon = True
    timer.start()


def _watch_account(core: Core, stop: threading.Event) -> None:
    """Look at the account now and then, as the real server does."""
    while core.settings.plex_tv and not stop.wait(core.settings.scaled(core.settings.account_seconds)):
        core.look_at_account()


def _keep_open(settings: Settings) -> list[sqlite3.Connection]:
    """Hold both databases open in WAL mode for as long as the server runs."""
    connections = [schema.connect(path) for path in (settings.library, settings.blobs)]
    for connection in connections:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("SELECT count(*) FROM library_sections").fetchone()
    return connections


def main(_arguments: list[str]) -> int:
    """Serve."""
    settings = from_environment()
    core = Core(settings, Preferences(settings.preferences).load(), Log(settings.logs / "Plex Media Server.log"))
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    core.log(f"Plex Media Server v{VERSION} - Docker Docker Container {os.uname().machine}", "INFO")
    jobs = Jobs(core)
    router, schedule = build(core, jobs)
    listener = Server(settings.port, router)
    threading.Thread(target=listener.serve_forever, name="http", daemon=True).start()
    try:
        bring_up(core)
        held = _keep_open(settings)
    except (migrate.UnusableError, sqlite3.Error) as error:
        core.log(str(error), "ERROR")
        sys.stderr.write(f"{error}\n")
        return 1
    pending = os.environ.get(PENDING)
    if pending and not core.claimed:
        _sign_in_later(core, SignIn(**json.loads(pending)))
    core.look_at_account()
    threading.Thread(target=_watch_account, args=(core, stop), name="account", daemon=True).start()
    threading.Thread(target=schedule.watch, args=(stop,), name="schedule", daemon=True).start()
    core.not_ready = None
    core.log("Plex Media Server is ready.", "INFO")
    stop.wait()
    core.log("Shutting down.", "INFO")
    listener.shutdown()
    jobs.cancel()
    time.sleep(settings.stop_seconds)
    for connection in held:
        with closing(connection):
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    _seen(settings).parent.mkdir(parents=True, exist_ok=True)
    _seen(settings).write_text(json.dumps(_state(settings)))
    return 0
