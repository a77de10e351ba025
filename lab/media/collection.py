"""The collection as data: which files the bucket holds, with which tags and times."""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("collection.toml")
_FIRST_MTIME = 1_710_000_000  # March 2024: well before any lab run, an hour between files
_HOUR = 3600


@dataclass(frozen=True)
class Track:
    """One audio file of the bucket."""

    path: str
    artist: str
    album_artist: str
    album: str
    title: str
    track: int
    tracks: int
    disc: int
    discs: int
    year: int
    genre: str
    format: str
    seed: int
    mtime: int
    known: bool
    home_path: str


@dataclass(frozen=True)
class Movie:
    """One video file of the bucket."""

    path: str
    title: str
    year: int
    seed: int
    mtime: int


@dataclass(frozen=True)
class Collection:
    """Everything in the bucket, and the directories that had another name at home."""

    tracks: list[Track]
    movies: list[Movie]
    renamed: dict[str, str]  # new artist directory -> old one


def _file_name(text: str) -> str:
    return text.replace("/", "-")


def load() -> Collection:
    """Read the collection file."""
    source = tomllib.loads(SOURCE.read_text())
    renamed: dict[str, str] = source["renamed"]
    tracks: list[Track] = []
    for album in source["album"]:
        flat = [
            (disc, number, len(titles), title)
            for disc, titles in enumerate(album["discs"], 1)
            for number, title in enumerate(titles, 1)
        ]
        track_artists = album.get("track_artists", [album["artist"]] * len(flat))
        for (disc, number, count, title), artist in zip(flat, track_artists, strict=True):
            name = f"{disc}-{number:02} {_file_name(title)}.{album['format']}"
            place = f"{_file_name(album['artist'])}/{_file_name(album['title'])}/{name}"
            old_artist = renamed.get(album["artist"], album["artist"])
            tracks.append(
                Track(
                    path=f"Music/{place}",
                    home_path=f"Music/{place.replace(album['artist'], old_artist, 1)}",
                    artist=artist,
                    album_artist=album["artist"],
                    album=album["title"],
                    title=title,
                    track=number,
                    tracks=count,
                    disc=disc,
                    discs=len(album["discs"]),
                    year=album["year"],
                    genre=album["genre"],
                    format=album["format"],
                    seed=len(tracks) + 1,
                    mtime=_FIRST_MTIME + _HOUR * len(tracks),
                    known=album.get("known", True),
                )
            )
    movies = [
        Movie(
            path=f"Movies/{movie['title']} ({movie['year']})/{movie['title']} ({movie['year']}).mkv",
            title=movie["title"],
            year=movie["year"],
            seed=position,
            mtime=_FIRST_MTIME - _HOUR * (position + 1),
        )
        for position, movie in enumerate(source["movie"])
    ]
    return Collection(tracks, movies, renamed)


def facts(item: Track | Movie) -> dict[str, object]:
    """Give an item as the manifest keeps it."""
    return asdict(item)
