"""Files made by a real encoder: a tone and noise of its own for each, bit for bit the same every time."""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import imageio_ffmpeg

from .collection import Movie, Track

_CODECS = {
    "flac": ["-c:a", "flac", "-sample_fmt", "s16"],
    "mp3": ["-c:a", "libmp3lame", "-b:a", "160k"],
    "m4a": ["-c:a", "aac", "-b:a", "128k"],
}
_EXACT = ["-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact", "-flags:v", "+bitexact"]


def _sound(seed: int, seconds: int) -> str:
    """Describe a tone under seeded noise, different for every seed."""
    return (
        f"sine=frequency={110 + 37 * seed}:duration={seconds}:sample_rate=44100[tone];"
        f"anoisesrc=seed={seed}:duration={seconds}:amplitude=0.03:color=pink:sample_rate=44100[noise];"
        "[tone][noise]amix=inputs=2,aformat=channel_layouts=stereo[sound]"
    )


def audio_arguments(track: Track) -> list[str]:
    """Give ffmpeg's arguments for a track, without the output file."""
    tags = {
        "title": track.title,
        "artist": track.artist,
        "album": track.album,
        "album_artist": track.album_artist,
        "track": f"{track.track}/{track.tracks}",
        "disc": f"{track.disc}/{track.discs}",
        "date": str(track.year),
        "genre": track.genre,
    }
    metadata = [part for key, value in tags.items() for part in ("-metadata", f"{key}={value}")]
    seconds = 2 + track.seed % 4
    return [
        *("-filter_complex", _sound(track.seed, seconds), "-map", "[sound]"),
        *_EXACT,
        *_CODECS[track.format],
        *metadata,
    ]


def video_arguments(movie: Movie) -> list[str]:
    """Give ffmpeg's arguments for a movie, without the output file."""
    graph = f"testsrc=size=160x90:rate=12:duration=3,hue=h={60 * movie.seed}[picture];" + _sound(movie.seed, 3)
    return [
        *("-filter_complex", graph, "-map", "[picture]", "-map", "[sound]"),
        *_EXACT,
        *("-c:v", "libx264", "-preset", "ultrafast", "-threads", "1", "-c:a", "aac", "-b:a", "64k"),
        *("-metadata", f"title={movie.title}"),
    ]


def arguments(item: Track | Movie) -> list[str]:
    """Give ffmpeg's arguments for either."""
    return audio_arguments(item) if isinstance(item, Track) else video_arguments(item)


def make(output: Path, item: Track | Movie) -> None:
    """Encode one file; it appears complete, with its time, or not at all."""
    target = output / item.path
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".unfinished{target.suffix}-{item.seed}{target.suffix}")
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-y", *arguments(item)]
    subprocess.run([*command, os.fspath(unfinished)], check=True)
    os.utime(unfinished, (item.mtime, item.mtime))
    unfinished.replace(target)


def make_all(output: Path, items: list[Track | Movie]) -> None:
    """Encode what is asked, one process per core."""
    with ProcessPoolExecutor() as pool:
        list(pool.map(partial(make, output), items))
