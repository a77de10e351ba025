# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which runs have something at the provider, and which of them are forgotten: pure, from listings and tags alone.

A run is known by its tag on a resource of our project, spelt exactly. Everything else follows from its id: its
name, and its age.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from .ledger import RUN_ID, utc_text
from .prices import cost, moment, resource_price
from .scaleway_judgement import Identity, project_of, volume_holders

RUN_TAG = "plex-burst-run="
EXPIRES_TAG = "plex-burst-expires="
# The machine's own switch says here, through the API, when it last heard of its controller.
BEAT_TAG = "plex-burst-beat="
# The first of the two looks of whoever clears up.
DOOMED_TAG = "plex-burst-doomed="

Verdict = Literal["fresh", "marked", "waiting", "alive", "remove"]


@dataclass(frozen=True)
class Patience:
    """How long a run may live without a tag that says so, and how carefully it is ended; in minutes."""

    lifetime: float
    grace: float
    silence: float


@dataclass(frozen=True)
class Found:
    """What one run has in one zone: rows by kind of listing, ours by exact name, tag and project."""

    identity: Identity
    rows: dict[str, list[dict[str, Any]]]

    @property
    def server(self) -> dict[str, Any] | None:
        """Its machine, if it has one."""
        return next(iter(self.rows["servers"]), None)

    def all(self) -> Iterable[tuple[str, dict[str, Any]]]:
        """Every row with its kind."""
        return ((kind, row) for kind, rows in self.rows.items() for row in rows)

    def tagged(self, prefix: str) -> list[datetime]:
        """The moments that the run's tags of this kind name; what is no moment is passed over."""
        return sorted(_moments(prefix, (row for _, row in self.all())))


def runs_among(listed: Mapping[str, list[dict[str, Any]]], project: str, zone: str) -> list[Found]:
    """The runs of a listing of one zone, oldest first."""
    ids = {
        tag.removeprefix(RUN_TAG)
        for rows in listed.values()
        for row in rows
        for tag in row.get("tags") or []
        if tag.startswith(RUN_TAG) and RUN_ID.fullmatch(tag.removeprefix(RUN_TAG)) and project_of(row) == project
    }
    found = [_found(listed, Identity(run_id, f"plex-burst-{run_id.lower()}", project, zone)) for run_id in sorted(ids)]
    return [run for run in found if any(True for _ in run.all())]


def _found(listed: Mapping[str, list[dict[str, Any]]], identity: Identity) -> Found:
    servers = [row for row in listed["servers"] if identity.owns(row)]
    ours = {row["id"] for row in servers}
    volumes = {
        kind: [row for row in listed[kind] if identity.tagged(row) and volume_holders(row) <= ours]
        for kind in ("volumes", "block_volumes")
    }
    return Found(
        identity,
        {
            "servers": servers,
            **volumes,
            "ips": [row for row in listed["ips"] if identity.tagged(row)],
            "security_groups": [row for row in listed["security_groups"] if identity.owns(row)],
        },
    )


def _moments(prefix: str, rows: Iterable[Mapping[str, Any]]) -> Iterable[datetime]:
    for row in rows:
        for tag in row.get("tags") or []:
            if tag.startswith(prefix):
                try:
                    yield moment(tag.removeprefix(prefix))
                except ValueError:
                    continue


def started(run_id: str) -> datetime:
    """When a run began: its id says so."""
    return moment(f"{run_id[:4]}-{run_id[4:6]}-{run_id[6:11]}:{run_id[11:13]}:{run_id[13:16]}")


def expiry(found: Found, patience: Patience) -> datetime:
    """When the run is of no use any more: its tags say so, else its age does."""
    told = found.tagged(EXPIRES_TAG)
    return told[-1] if told else started(found.identity.run_id) + timedelta(minutes=patience.lifetime)


def judge(found: Found, now: datetime, patience: Patience) -> tuple[Verdict, str]:
    """What to do about a run now, and why, in words."""
    ends = expiry(found, patience)
    if now < ends:
        return "fresh", f"in use until {utc_text(ends)}"
    beats, marks = found.tagged(BEAT_TAG), found.tagged(DOOMED_TAG)
    if found.server and beats and now - beats[-1] < timedelta(minutes=patience.silence):
        return "alive", f"expired at {utc_text(ends)}, but heard of at {utc_text(beats[-1])}: left alone"
    if found.server and not marks:
        return "marked", f"expired at {utc_text(ends)}: marked, to be removed in {patience.grace:.0f} min"
    if found.server and now < marks[0] + timedelta(minutes=patience.grace):
        return "waiting", f"marked at {utc_text(marks[0])}, to be removed {patience.grace:.0f} min after"
    return "remove", f"expired at {utc_text(ends)}"


def tags_with(tags: Iterable[str], prefix: str, when: datetime | None) -> list[str]:
    """The tags with the one of this kind replaced, or removed."""
    kept = [tag for tag in tags if not tag.startswith(prefix)]
    return [*kept, f"{prefix}{utc_text(when)}"] if when else kept


def described(found: Found, now: datetime, patience: Patience, types: Mapping[str, Any]) -> dict[str, Any]:
    """A run for a person or a program: what it has, since when, what that costs."""
    zone = found.identity.zone
    prices = [resource_price(kind, row, zone, types) for kind, row in found.all()]
    # A dynamic address is on the server and in no listing of what is ours by tag.
    addresses = [] if found.rows["ips"] or not found.server else [resource_price("ips", {}, zone, types)]
    hourly = sum(price or 0.0 for price in [*prices, *addresses])
    begun = started(found.identity.run_id)
    hours = max((now - begun).total_seconds() / 3600, 0.0)
    beats = found.tagged(BEAT_TAG)
    verdict, sentence = judge(found, now, patience)
    return {
        "run_id": found.identity.run_id,
        "zone": zone,
        "state": str((found.server or {}).get("state", "no machine")),
        "commercial_type": (found.server or {}).get("commercial_type"),
        "age_hours": round(hours, 2),
        "eur_hour": round(hourly, 6),
        "eur_so_far": round(cost(hourly, hours), 4),
        "price_known": None not in prices,
        "expires_at": utc_text(expiry(found, patience)),
        "heartbeat_at": utc_text(beats[-1]) if beats else None,
        "resources": [{"kind": kind, "id": row["id"], "name": row.get("name")} for kind, row in found.all()],
        "verdict": verdict,
        "sentence": sentence,
    }
