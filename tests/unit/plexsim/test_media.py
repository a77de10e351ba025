"""The collection as data; the files themselves are made and read back in tests/lab."""

from __future__ import annotations

from lab.media import collection, encode


def test_collection_is_what_the_lab_promises() -> None:
    loaded = collection.load()
    known = [track for track in loaded.tracks if track.known]
    assert len(loaded.tracks) >= 60
    assert {track.format for track in loaded.tracks} == {"flac", "mp3", "m4a"}
    assert 0.7 < len(known) / len(loaded.tracks) < 0.85
    assert any(track.discs > 1 for track in loaded.tracks)
    assert 3 <= len(loaded.movies) <= 4


def test_paths_are_unique_and_portable() -> None:
    loaded = collection.load()
    paths = [track.path for track in loaded.tracks] + [movie.path for movie in loaded.movies]
    assert len(set(paths)) == len(paths)
    for path in paths:
        assert len(path.split("/")) in (3, 4)
        assert all(part.strip(". ") for part in path.split("/"))


def test_titles_are_the_difficult_ones() -> None:
    text = "".join(track.title + track.album + track.artist for track in collection.load().tracks)
    for character in "'\"%_&#é東한Д* ":
        assert character in text, character


def test_renamed_directory_had_another_name_at_home() -> None:
    loaded = collection.load()
    ((new, old),) = loaded.renamed.items()
    moved = [track for track in loaded.tracks if track.path != track.home_path]
    assert moved
    for track in moved:
        assert track.path.startswith(f"Music/{new}/")
        assert track.home_path == track.path.replace(f"Music/{new}/", f"Music/{old}/")


def test_no_two_files_sound_the_same() -> None:
    loaded = collection.load()
    sounds = [tuple(encode.arguments(track)[:2]) for track in loaded.tracks]
    assert len(set(sounds)) == len(sounds)
