"""Library sections: list, create, edit, refresh, trash."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from . import rows, section_preferences, section_view
from .butler import Butler
from .core import Core
from .handler import Route
from .render import Answer, Element, container, refusal, unavailable
from .request import Request
from .scans import Scans, Wish
from .schema import transaction
from .settings import now

_NOT_SIGNED_IN = "Server cannot refresh a music library when not signed in"


@dataclass(frozen=True)
class SectionsApi:
    """Routes about sections."""

    core: Core
    scans: Scans
    butler: Butler

    def routes(self) -> list[Route]:
        """List them."""
        one = "/library/sections/([0-9]+)"
        return [
            ("GET", "/library", self.library),
            ("GET", "/library/sections(?:/all)?", self.sections),
            ("POST", "/library/sections(?:/all)?", self.create),
            ("GET|POST", "/library/sections/all/refresh|/library/sections/refresh", self.refresh_all),
            ("DELETE", "/library/sections/all/refresh", self.cancel_all),
            ("GET", one, self.section),
            ("PUT", one, self.edit),
            ("DELETE", one, self.delete),
            ("GET|POST", f"{one}/refresh", self.refresh),
            ("DELETE", f"{one}/refresh", self.cancel),
            ("PUT", f"{one}/analyze", self.analyze),
            ("PUT", f"{one}/emptyTrash", self.empty_trash),
            ("GET", f"{one}/prefs", self.preferences),
            ("PUT", "/library/optimize", lambda _request: self._task("OptimizeDatabase")),
            ("PUT", "/library/clean/bundles", lambda _request: self._task("CleanOldBundles")),
        ]

    def _task(self, name: str) -> Answer:
        self.butler.start(name)
        return Answer()

    def library(self, _request: Request) -> Answer:
        """Show the library's root."""
        names = ("sections", "recentlyAdded", "onDeck", "all")
        children = [Element("Directory", {"key": name, "title": name}) for name in names]
        return container(children, identifier="com.plexapp.plugins.library", title1="Plex Library")

    def _element(self, library: sqlite3.Connection, row: sqlite3.Row) -> Element:
        return section_view.element(library, row, refreshing=self.scans.refreshing(row["id"]))

    def sections(self, _request: Request) -> Answer:
        """List the sections."""
        with self.core.library() as library:
            found = library.execute("SELECT * FROM library_sections ORDER BY id").fetchall()
            children = [self._element(library, row) for row in found]
        return container(children, allowSync=False, title1="Plex Library")

    def _row(self, library: sqlite3.Connection, key: str) -> sqlite3.Row | None:
        found = library.execute("SELECT * FROM library_sections WHERE id = ?", (int(key),)).fetchone()
        return found if isinstance(found, sqlite3.Row) else None

    def section(self, _request: Request, key: str) -> Answer:
        """Show the menu of one section: what it is has to be looked up in the list of all."""
        with self.core.library() as library:
            row = self._row(library, key)
            return section_view.menu(row) if row else refusal(404, "Not Found")

    def create(self, request: Request) -> Answer:
        """Add a section and scan it."""
        kinds = {name: number for number, name in section_view.TYPES.items()}
        query = request.query
        if query.get("type") not in kinds or not query.get("name") or not request.locations:
            return refusal(400, "Bad Request")
        kind = kinds[query["type"]]
        if kind not in rows.AGENTS:
            return refusal(400, "Bad Request")
        with self.core.library() as library:
            with transaction(library):
                key = rows.add_section(
                    library,
                    name=query["name"],
                    section_type=kind,
                    locations=list(request.locations),
                    now=now(),
                    agent=query.get("agent", ""),
                    scanner=query.get("scanner", ""),
                    language=query.get("language", "en-US"),
                )
                fields = section_preferences.changed(kind, "", query)
                rows.update(library, "library_sections", key, {"user_fields": fields})
            self._scan(library, str(key), {})
            row = self._row(library, str(key))
            answer = container([self._element(library, row)] if row else [])
        return Answer(201, answer.element, headers={"Location": f"/library/sections/{key}"})

    def edit(self, request: Request, key: str) -> Answer:
        """Rename a section, replace its locations."""
        with self.core.library() as library:
            row = self._row(library, key)
            if row is None:
                return refusal(404, "Not Found")
            with transaction(library):
                fields = section_preferences.changed(row["section_type"], row["user_fields"], request.query)
                names = ("name", "agent", "scanner", "language")
                wanted = {name: request.query[name] for name in names if request.query.get(name)}
                rows.update(library, "library_sections", int(key), wanted | {"user_fields": fields})
                if request.locations:
                    rows.set_locations(library, int(key), list(request.locations), now())
        return Answer()

    def preferences(self, _request: Request, key: str) -> Answer:
        """List the settings of one section."""
        with self.core.library() as library:
            row = self._row(library, key)
        if row is None:
            return refusal(404, "Not Found")
        return container(section_preferences.listed(row["section_type"], row["user_fields"]))

    def delete(self, _request: Request, key: str) -> Answer:
        """Remove a section and what is in it."""
        with self.core.library() as library, transaction(library):
            rows.delete_section(library, int(key))
        return Answer()

    def _scan(self, library: sqlite3.Connection, key: str, query: Mapping[str, str]) -> Answer:
        row = self._row(library, key)
        if row is None:
            return refusal(404, "Not Found")
        if row["section_type"] == rows.MUSIC_SECTION and not self.core.claimed:
            return unavailable(_NOT_SIGNED_IN, "Service Unavailable")
        folder = query.get("path", "").rstrip("/")
        self.scans.start(Wish(row["id"], row["name"], force=query.get("force") == "1", folder=folder))
        return Answer()

    def refresh(self, request: Request, key: str) -> Answer:
        """Scan one section, or one folder of it."""
        with self.core.library() as library:
            return self._scan(library, key, request.query)

    def refresh_all(self, request: Request) -> Answer:
        """Scan every section."""
        with self.core.library() as library:
            keys = [str(row["id"]) for row in library.execute("SELECT id FROM library_sections ORDER BY id")]
            answers = [self._scan(library, key, request.query) for key in keys]
        return next((answer for answer in answers if answer.status != 200), Answer())

    def cancel(self, _request: Request, key: str) -> Answer:
        """Stop scanning a section."""
        self.scans.cancel(int(key))
        return Answer()

    def cancel_all(self, _request: Request) -> Answer:
        """Stop scanning."""
        self.scans.cancel(None)
        return Answer()

    def analyze(self, _request: Request, key: str) -> Answer:
        """Look into the files that were not looked into; sonic analysis never starts so."""
        self.scans.analyse(int(key))
        return Answer()

    def empty_trash(self, _request: Request, key: str) -> Answer:
        """Empty the trash of a section."""
        self.scans.empty_trash(int(key))
        return Answer()
