"""Where the server keeps its things, and the knobs of the stand-in, from the environment."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from . import fault_names
from .schema import BLOBS, DATABASES, LIBRARY

VERSION = "1.43.3.10861-07dfddaeb"
_SUPPORT = "/config/Library/Application Support"


@dataclass(frozen=True)
class Settings:
    """Paths and paces."""

    support: Path
    port: int = 32400
    admin_port: int = 32499
    time_factor: float = 20.0  # the tail of 28 s after a scan takes 28 s / time_factor
    seconds_per_track: float = 0.2
    has_pass: bool = True
    plex_tv: str = ""  # base URL; empty: see plex_tv.PlexTv
    account_seconds: float = 60.0  # between two looks at the account, of real time
    token_delay: float = 2.0
    start_seconds: float = 1.0
    migration_seconds: float = 1.0
    migration_seconds_per_gigabyte: float = 20.0
    stop_seconds: float = 0.3
    butler_hour: int = 12  # what the butler's clock shows, so that no test depends on the hour it runs in

    @property
    def home(self) -> Path:
        """The server's data directory."""
        return self.support / "Plex Media Server"

    @property
    def library(self) -> Path:
        """The library database."""
        return self.home / DATABASES / LIBRARY

    @property
    def blobs(self) -> Path:
        """The blobs database."""
        return self.home / DATABASES / BLOBS

    @property
    def logs(self) -> Path:
        """The directory of log files."""
        return self.home / "Logs"

    @property
    def preferences(self) -> Path:
        """The preferences file."""
        return self.home / "Preferences.xml"

    def scaled(self, seconds: float) -> float:
        """Give the lab's duration of something that takes so long in reality."""
        return seconds / self.time_factor


def _time_factor(wanted: float) -> float:
    if not 1 <= wanted <= 1000:
        raise SystemExit(f"PLEXSIM_TIME_FACTOR is {wanted:g}; it goes from 1 (as slow as reality) to 1000.")
    return wanted


def from_environment(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings of this container."""

    def number(name: str, default: float) -> float:
        return float(environment.get(f"PLEXSIM_{name}") or default)

    return Settings(
        support=Path(environment.get("PLEX_MEDIA_SERVER_APPLICATION_SUPPORT_DIR") or _SUPPORT),
        port=int(number("PORT", Settings.port)),
        admin_port=int(number("ADMIN_PORT", Settings.admin_port)),
        time_factor=_time_factor(number("TIME_FACTOR", Settings.time_factor)),
        seconds_per_track=number("ANALYSIS_SECONDS_PER_TRACK", Settings.seconds_per_track),
        plex_tv=environment.get("PLEXSIM_PLEX_TV", "").rstrip("/"),
        account_seconds=number("ACCOUNT_SECONDS", Settings.account_seconds),
        has_pass=bool(number("PASS", 1)),
        token_delay=number("TOKEN_DELAY", Settings.token_delay),
        start_seconds=number("START_SECONDS", Settings.start_seconds),
        migration_seconds=number("MIGRATION_SECONDS", Settings.migration_seconds),
        migration_seconds_per_gigabyte=number("MIGRATION_SECONDS_PER_GB", Settings.migration_seconds_per_gigabyte),
        butler_hour=int(number("BUTLER_HOUR", Settings.butler_hour)),
        stop_seconds=number("STOP_SECONDS", Settings.stop_seconds),
    )


def now() -> int:
    """Give the time as the database keeps it, wrong by what a fault says."""
    return int(time.time() + fault_names.from_environment().number("clock_skew", "seconds"))
