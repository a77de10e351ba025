"""The few facts of a Matroska file that the library keeps: duration, picture size, codecs."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

_HEAD = 1 << 16  # the encoder writes Info and Tracks first
_MASTERS = {0x18538067: "segment", 0x1549A966: "info", 0x1654AE6B: "tracks"}
_TRACK, _VIDEO, _AUDIO = 0xAE, 0xE0, 0xE1
_SCALE, _DURATION, _TYPE, _CODEC = 0x2AD7B1, 0x4489, 0x83, 0x86
_WIDTH, _HEIGHT, _CHANNELS = 0xB0, 0xBA, 0x9F
_CODECS = {"V_MPEG4/ISO/AVC": "h264", "V_MPEGH/ISO/HEVC": "hevc", "A_AAC": "aac", "A_FLAC": "flac"}


def _number(data: bytes, position: int, *, keep_marker: bool) -> tuple[int, int]:
    """Read a variable-length number; give it and the position after it."""
    first = data[position]
    length = 9 - first.bit_length()
    value = int.from_bytes(data[position : position + length], "big")
    return (value if keep_marker else value & ((1 << (7 * length)) - 1)), position + length


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Walk the elements of a block; one that goes on past the block is given as far as it is there."""
    position = 0
    while position < len(data) - 1 and data[position]:
        identity, position = _number(data, position, keep_marker=True)
        size, position = _number(data, position, keep_marker=False)
        yield identity, data[position : position + size]
        position += size


def _unsigned(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _track(data: bytes, found: dict[str, int | str]) -> None:
    fields = dict(_elements(data))
    codec = fields.get(_CODEC, b"").rstrip(b"\0").decode()
    name = _CODECS.get(codec, codec.partition("_")[2].lower())
    if _VIDEO in fields:
        picture = dict(_elements(fields[_VIDEO]))
        found |= {"video_codec": name, "width": _unsigned(picture[_WIDTH]), "height": _unsigned(picture[_HEIGHT])}
    elif _AUDIO in fields:
        sound = dict(_elements(fields[_AUDIO]))
        found |= {"audio_codec": name, "channels": _unsigned(sound.get(_CHANNELS, b"\x01"))}


def _walk(data: bytes, found: dict[str, int | str]) -> None:
    scale = 1_000_000
    for identity, content in _elements(data):
        if identity in _MASTERS:
            _walk(content, found)
        elif identity == _TRACK:
            _track(content, found)
        elif identity == _SCALE:
            scale = _unsigned(content)
        elif identity == _DURATION:
            (ticks,) = struct.unpack(">d" if len(content) == 8 else ">f", content)
            found["duration"] = round(ticks * scale / 1_000_000)


def read(path: Path) -> dict[str, int | str]:
    """Read a file's facts: duration in ms, video_codec, width, height, audio_codec, channels."""
    with path.open("rb") as file:
        data = file.read(_HEAD)
    found: dict[str, int | str] = {}
    try:
        _walk(data, found)
    except (IndexError, KeyError, struct.error):
        return {}
    return found
