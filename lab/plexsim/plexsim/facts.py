"""What can be learned from one media file: tags and stream facts, or only its name when it cannot be read."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import mutagen

from . import matroska

AUDIO = frozenset({".flac", ".mp3", ".m4a", ".aac", ".ogg", ".opus"})
VIDEO = frozenset({".mkv", ".mp4", ".avi", ".mov"})
_YEAR = re.compile(r"^(?P<title>.+?) \((?P<year>\d{4})\)$")
_NUMBER = re.compile(r"^(?:(?P<disc>\d)-)?(?P<track>\d{1,3})\s*[-. ]\s*(?P<title>.+)$")
_MP4_CODECS = {"mp4a": "aac", "alac": "alac"}


@dataclass
class Facts:
    """Everything the scanner writes about a file."""

    title: str
    year: int | None = None
    artist: str = ""
    track_artist: str = ""
    album: str = ""
    genre: str = ""
    track: int | None = None
    disc: int = 1
    duration: int | None = None
    bitrate: int | None = None
    container: str = ""
    codec: str = ""
    channels: int | None = None
    video_codec: str = ""
    width: int | None = None
    height: int | None = None
    stream: dict[str, str] = field(default_factory=dict)

    @property
    def analysed(self) -> bool:
        """Tell whether the file's streams could be read."""
        return self.duration is not None


def _first(tags: object, key: str) -> str:
    values = tags.get(key) if isinstance(tags, dict) or hasattr(tags, "get") else None
    return str(values[0]).strip() if values else ""


def _number(text: str) -> int | None:
    found = re.match(r"\d+", text)
    return int(found.group()) if found else None


def from_name(path: Path) -> Facts:
    """Guess from ``Artist/Album/1-02 Title.ext`` or ``Title (Year).ext``."""
    if path.suffix.lower() in VIDEO:
        found = _YEAR.match(path.stem)
        if found:
            return Facts(title=found["title"], year=int(found["year"]), container=path.suffix[1:].lower())
        return Facts(title=path.stem, container=path.suffix[1:].lower())
    facts = Facts(title=path.stem, artist=path.parent.parent.name, album=path.parent.name)
    found = _NUMBER.match(path.stem)
    if found:
        facts.title, facts.track, facts.disc = found["title"], int(found["track"]), int(found["disc"] or 1)
    return facts


def _with_matroska(facts: Facts, path: Path) -> Facts:
    try:
        found = matroska.read(path)
        size = path.stat().st_size
    except OSError:
        return facts
    if found.get("duration"):
        facts.duration = int(found["duration"])
        facts.bitrate = size * 8000 // facts.duration
        facts.video_codec, facts.codec = str(found.get("video_codec", "")), str(found.get("audio_codec", ""))
        facts.width, facts.height = int(found.get("width", 0)), int(found.get("height", 0))
        facts.channels = int(found.get("channels", 0))
    return facts


def read(path: Path) -> Facts:
    """Read tags and stream facts; a file that cannot be opened or parsed is described by its name."""
    facts = from_name(path)
    if path.suffix.lower() == ".mkv":
        return _with_matroska(facts, path)
    try:
        media = mutagen.File(path, easy=True)
    except (mutagen.MutagenError, OSError):
        return facts
    if media is None:
        return facts
    info, suffix = media.info, path.suffix[1:].lower()
    facts.duration = round(info.length * 1000)
    facts.channels = getattr(info, "channels", None)
    facts.bitrate = int(getattr(info, "bitrate", 0)) or None
    facts.container = {"m4a": "mp4"}.get(suffix, suffix)
    facts.codec = _MP4_CODECS.get(str(getattr(info, "codec", "")).split(".")[0], suffix)
    facts.stream = {"ma:samplingRate": str(getattr(info, "sample_rate", 0))}
    if facts.codec == "flac":
        facts.stream["ma:bitDepth"] = str(info.bits_per_sample)
    if path.suffix.lower() in VIDEO or media.tags is None:
        return facts
    facts.title = _first(media.tags, "title") or facts.title
    facts.track_artist = _first(media.tags, "artist")
    facts.artist = _first(media.tags, "albumartist") or facts.track_artist or facts.artist
    facts.album = _first(media.tags, "album") or facts.album
    facts.genre = _first(media.tags, "genre")
    facts.track = _number(_first(media.tags, "tracknumber")) or facts.track
    facts.disc = _number(_first(media.tags, "discnumber")) or facts.disc
    facts.year = _number(_first(media.tags, "date"))
    return facts
