"""Rules over paths: tables of cases and properties."""

from __future__ import annotations

import json
import string
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from module_utils.path_mapping import MappingError, PathMapping, parse


def of(rules: dict[str, str]) -> PathMapping:
    return parse(json.dumps({"mappings": rules}))


HOME = {"/volume1/Media": "/media/library", "/volume1/Media/Music/Old": "/media/library/Music/New"}

PATHS = [
    (HOME, "/volume1/Media", "/media/library"),
    (HOME, "/volume1/Media/Movies/a.mkv", "/media/library/Movies/a.mkv"),
    (HOME, "/volume1/Media/Music/Old/a.flac", "/media/library/Music/New/a.flac"),
    (HOME, "/volume1/Media/Music/Older/a.flac", "/media/library/Music/Older/a.flac"),
    (HOME, "/volume1/MediaOther/a.flac", "/volume1/MediaOther/a.flac"),
    (HOME, "/x/volume1/Media/a.flac", "/x/volume1/Media/a.flac"),
    (HOME, "/volume1/Media/volume1/Media/a", "/media/library/volume1/Media/a"),
    (HOME, "volume1/Media/a", "volume1/Media/a"),
    (HOME, "", ""),
    ({"/Media/TV": "/Media/Series"}, "/Media/TVShows/b.mkv", "/Media/TVShows/b.mkv"),
    ({"/a": "/b", "/b": "/a"}, "/a/x", "/b/x"),
    ({"/a": "/b", "/b": "/a"}, "/b/x", "/a/x"),
    ({"/a": "/b", "/b": "/c"}, "/a/x", "/b/x"),
    ({"/a": "/a/deeper"}, "/a/x", "/a/deeper/x"),
    ({"/a": "/b", "/a/keep": "/a/keep"}, "/a/keep/x", "/a/keep/x"),
    ({"/": "/mnt"}, "/x/y", "/mnt/x/y"),
    ({"/old": "/"}, "/old/x", "/x"),
    ({"/old": "/"}, "/old", "/"),
    ({"/old/": "/new/"}, "/old/x", "/new/x"),
    ({"/a%b_c": "/n"}, "/a%b_c/x", "/n/x"),
    ({"/a%b_c": "/n"}, "/aXXbYc/x", "/aXXbYc/x"),
    ({'/it\'s "q"\n': "/ü/日本"}, '/it\'s "q"\n/x', "/ü/日本/x"),
]


@pytest.mark.parametrize(("rules", "path", "expected"), PATHS)
def test_paths(rules: dict[str, str], path: str, expected: str) -> None:
    assert of(rules).apply(path.encode()) == expected.encode()


URLS = [
    ("file:///volume1/Media/Movies/a.srt", "file:///media/library/Movies/a.srt"),
    ("file:///volume1/Media/A%20B%2520/a%20b.srt", "file:///media/library/A%20B%2520/a%20b.srt"),
    ("file:///volume1/MediaX/a.srt", "file:///volume1/MediaX/a.srt"),
    ("http://volume1/Media/a.srt", "http://volume1/Media/a.srt"),
    ("file:///volume1/Media", "file:///media/library"),
    ("file:///volume1%2FMedia/a.srt", "file:///volume1%2FMedia/a.srt"),
    ("/volume1/Media/a.srt", "/volume1/Media/a.srt"),
    ("", ""),
]


@pytest.mark.parametrize(("url", "expected"), URLS)
def test_urls(url: str, expected: str) -> None:
    assert of(HOME).apply_url(url.encode()) == expected.encode()


SPELLINGS = [
    ("file:///old%20place/x%20y.srt", "file:///new%20pl%25ace/é/x%20y.srt"),
    ("file:///old%20place/%C3%A9.srt", "file:///new%20pl%25ace/%C3%A9/%C3%A9.srt"),
    ("file:///old place/x y.srt", "file:///new pl%ace/é/x y.srt"),
    ("file:///old%20place/é.srt", "file:///new%20pl%25ace/é/é.srt"),
]


@pytest.mark.parametrize(("url", "expected"), SPELLINGS)
def test_the_new_part_is_spelled_like_the_rest(url: str, expected: str) -> None:
    assert of({"/old place": "/new pl%ace/é"}).apply_url(url.encode()) == expected.encode()


SETTLING = [
    (HOME, True),
    ({"/a": "/b", "/b": "/a"}, False),
    ({"/a": "/b", "/b": "/c"}, False),
    ({"/a": "/a/b"}, False),
    ({"/a/b": "/a"}, False),
    ({"/a": "/b", "/b/c": "/d"}, False),
    ({"/a": "/a"}, True),
    ({"/a": "/b", "/a/keep": "/a/keep"}, True),
    ({"/a": "/b", "/b": "/b"}, True),
]


@pytest.mark.parametrize(("rules", "expected"), SETTLING)
def test_whether_a_second_time_changes_nothing(rules: dict[str, str], expected: bool) -> None:
    assert of(rules).settles is expected


BAD_FILES = [
    ("{", "is not JSON (line 1"),
    ("[]", "must look like"),
    ("{}", "must look like"),
    ('{"mappings": []}', "must look like"),
    ('{"mappings": {}}', "holds no rule"),
    ('{"mappings": {"_comment": "x"}}', "holds no rule"),
    ('{"mappings": {"/a": 1}}', 'the new path for "/a" must be a text, not 1'),
    ('{"mappings": {"/a": null}}', "must be a text, not null"),
    ('{"mappings": {"a": "/b"}}', 'the old path "a" must be an absolute path'),
    ('{"mappings": {"/a": "b"}}', 'the new path "b" must be an absolute path'),
    ('{"mappings": {"/a/../b": "/c"}}', 'the old path "/a/../b" must be'),
    ('{"mappings": {"/a//b": "/c"}}', "doubled slashes"),
    ('{"mappings": {"": "/c"}}', 'the old path "" must be'),
    ('{"mappings": {"/a": "/b", "/a": "/c"}}', "stands there twice"),
    ('{"mappings": {"/a": "/b", "/a/": "/c"}}', "stands there twice"),
]


@pytest.mark.parametrize(("text", "words"), BAD_FILES)
def test_bad_files(text: str, words: str) -> None:
    with pytest.raises(MappingError) as caught:
        parse(text)
    assert words in str(caught.value)


def test_comments_are_left_out() -> None:
    found = parse('{"_comment": "why", "mappings": {"_note": 3, "/a": "/b"}}')
    assert [str(rule) for rule in found.rules] == ["/a -> /b"]


NAMES = st.text(alphabet="ab%_' \"\né日" + string.digits, min_size=1, max_size=3).filter(lambda name: name.strip("."))
FOLDERS = st.lists(NAMES, min_size=1, max_size=4).map(lambda names: "/" + "/".join(names))
RULES = st.dictionaries(FOLDERS, FOLDERS, min_size=1, max_size=5)


def slow_apply(rules: dict[str, str], path: str) -> str:
    """The same said plainly: by segments, longest rule first, once."""
    parts = path.split("/")
    for old in sorted(rules, key=lambda rule: -len(rule.split("/"))):
        head = old.split("/")
        if parts[: len(head)] == head:
            return "/".join([*rules[old].split("/"), *parts[len(head) :]])
    return path


@given(RULES, FOLDERS)
def test_apply_is_the_plain_rule(rules: dict[str, str], path: str) -> None:
    assert of(rules).apply(path.encode()).decode() == slow_apply(rules, path)


@given(RULES, FOLDERS)
def test_settling_rules_settle(rules: dict[str, str], path: str) -> None:
    found = of(rules)
    once = found.apply(path.encode())
    if found.settles:
        assert found.apply(once) == once


@given(RULES, FOLDERS)
def test_urls_move_as_paths_do(rules: dict[str, str], path: str) -> None:
    found = of(rules)
    url = "file://" + path.replace("%", "%25").replace(" ", "%20").replace("\n", "%0A").replace('"', "%22")
    moved = found.apply_url(url.encode())

    assert unquote_to_bytes(moved[len("file://") :]) == found.apply(path.encode())


@given(FOLDERS, FOLDERS, FOLDERS)
def test_a_swap_undone_by_itself(one: str, other: str, rest: str) -> None:
    if one.startswith((other + "/", other)) or other.startswith(one):
        return
    swap = of({one: other, other: one})
    path = (one + rest).encode()
    assert swap.apply(path) == (other + rest).encode()
    assert swap.apply(swap.apply(path)) == path
