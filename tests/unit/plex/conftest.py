"""A media server small enough to read, and databases with the columns the counting needs."""

from __future__ import annotations

import json
import sqlite3
import threading
import typing as t
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from ansible.module_utils.testing import patch_module_args

TOKEN = "a-token-long-enough-to-be-real"
LIBRARY = "com.plexapp.plugins.library.db"
BLOBS = "com.plexapp.plugins.library.blobs.db"


class FakePlex:
    """Answers by (method, path); everything asked is remembered."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], tuple[int, str]] = {}
        self.asked: list[tuple[str, str, dict[str, str], str]] = []
        self.settings: dict[str, dict[str, t.Any]] = {}
        self.reject_batches_with: set[str] = set()
        self.url = ""

    def answer(self, method: str, path: str, body: t.Any, status: int = 200) -> None:
        text = body if isinstance(body, str) else json.dumps(body)
        self.answers[(method, path)] = (status, text)

    def container(self, method: str, path: str, **facts: t.Any) -> None:
        self.answer(method, path, {"MediaContainer": facts})

    def setting(self, name: str, value: t.Any, kind: str = "text") -> None:
        self.settings[name] = {"id": name, "type": kind, "value": value}

    def handle(self, method: str, path: str, query: dict[str, str], token: str) -> tuple[int, str]:
        self.asked.append((method, path, query, token))
        if path == "/:/prefs" and (method, path) not in self.answers:
            return self._prefs(method, query)
        return self.answers.get((method, path), (404, "<html><h1>404 Not Found</h1></html>"))

    def _prefs(self, method: str, query: dict[str, str]) -> tuple[int, str]:
        if method == "GET":
            return 200, json.dumps({"MediaContainer": {"Setting": list(self.settings.values())}})
        if self.reject_batches_with.intersection(query) or set(query) - set(self.settings):
            return 400, "<html><h1>400 Bad Request</h1></html>"
        for name, value in query.items():
            kind = self.settings[name]["type"]
            self.settings[name]["value"] = value == "true" if kind == "bool" else value
        return 200, ""


@pytest.fixture
def plex() -> Iterator[FakePlex]:
    fake = FakePlex()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            parts = urlsplit(self.path)
            token = self.headers.get("X-Plex-Token", "absent")
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            status, body = fake.handle(self.command, parts.path, query, token)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 - names of http.server

        def log_message(self, format: str, *args: t.Any) -> None:  # noqa: A002 - signature of http.server
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        fake.url = f"http://127.0.0.1:{server.server_port}"
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        yield fake
        server.shutdown()
        serving.join()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration directory of a claimed server."""
    write_token(tmp_path, TOKEN)
    return tmp_path


def write_token(config: Path, token: str) -> None:
    path = config / "Library/Application Support/Plex Media Server/Preferences.xml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'<?xml version="1.0"?>\n<Preferences AcceptedEULA="1" PlexOnlineToken="{token}"/>\n')


class Databases:
    """Both databases with the tables that are counted, written like the server does: with a WAL."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.run(
            LIBRARY,
            "PRAGMA journal_mode=WAL",
            "CREATE TABLE library_sections (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT)",
            "CREATE TABLE metadata_items (id INTEGER PRIMARY KEY AUTOINCREMENT, library_section_id INTEGER,"
            " metadata_type INTEGER, deleted_at INTEGER, extra_data TEXT, changed_at INTEGER DEFAULT 0)",
            "CREATE TABLE media_items (id INTEGER PRIMARY KEY AUTOINCREMENT, library_section_id INTEGER,"
            " deleted_at INTEGER, media_analysis_version INTEGER DEFAULT 0)",
            "CREATE TABLE media_streams (id INTEGER PRIMARY KEY AUTOINCREMENT, media_part_id INTEGER)",
            "CREATE TABLE media_parts (id INTEGER PRIMARY KEY AUTOINCREMENT, media_item_id INTEGER, deleted_at INTEGER,"
            " directory_id INTEGER)",
            "CREATE TABLE directories (id INTEGER PRIMARY KEY AUTOINCREMENT, library_section_id INTEGER)",
        )
        self.run(
            BLOBS,
            "PRAGMA journal_mode=WAL",
            "CREATE TABLE blobs (id INTEGER PRIMARY KEY AUTOINCREMENT, linked_type TEXT, linked_id INTEGER,"
            " blob_type INTEGER)",
        )

    def run(self, name: str, *statements: str) -> None:
        with closing(sqlite3.connect(self.directory / name)) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()

    def track(
        self, key: int, section: int = 5, *, extra: str | None = "", vector: bool = False, deleted: bool = False
    ) -> None:
        gone = "1700000000" if deleted else "NULL"
        marker = "NULL" if extra is None else f"'{extra}'"
        self.run(
            LIBRARY,
            f"INSERT INTO metadata_items VALUES ({key}, {section}, 10, {gone}, {marker}, {key * 10})",
            f"INSERT INTO media_items VALUES ({key}, {section}, {gone}, 4)",
            f"INSERT INTO media_parts VALUES ({key}, {key}, {gone}, NULL)",
        )
        if vector:
            self.run(BLOBS, f"INSERT INTO blobs VALUES ({key}, 'metadata_item', {key}, 7)")


@pytest.fixture
def databases(tmp_path: Path) -> Databases:
    directory = tmp_path / "Databases"
    directory.mkdir()
    return Databases(directory)


RunModule = t.Callable[..., dict[str, t.Any]]


@pytest.fixture
def run_module(capsys: pytest.CaptureFixture[str]) -> RunModule:
    """Run a module's main() and return its result; no result may ever hold the token."""

    def run(module: t.Any, check_mode: bool = False, **arguments: t.Any) -> dict[str, t.Any]:
        with patch_module_args({**arguments, "_ansible_check_mode": check_mode}), pytest.raises(SystemExit):
            module.main()
        out = capsys.readouterr().out
        assert TOKEN not in out
        return t.cast("dict[str, t.Any]", json.loads(out))

    return run
