"""Which layer is on top, what a dead one must not hide, and that a target is never empty on the way."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from module_utils import mount_layers

# As seen on a machine: the table's order is not the order of the layers.
TABLE = r"""
25 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
60 25 254:0 /srv/mnt /srv/mnt rw shared:94 - ext4 /dev/vda rw
92 61 0:213 / /srv/mnt/library ro,nosuid shared:100 - fuse.rclone library:plex\040media ro,user_id=0
61 60 0:211 / /srv/mnt/library ro,nosuid shared:98 - fuse.rclone library:other rw,user_id=0
""".strip()


def test_layers_come_from_the_bottom_to_the_top() -> None:
    layers = mount_layers.at("/srv/mnt/library", TABLE)
    assert [layer.connection for layer in layers] == ["211", "213"]
    assert layers[-1].source == "library:plex media"
    assert [layer.connection for layer in mount_layers.at("/srv/mnt", TABLE)] == [""]
    assert mount_layers.at("/srv", TABLE) == []


# As found on a machine: the parent went, a generation was bound without it, and the next parent hides it.
HIDDEN = r"""
1050 392 0:271 / /srv/mnt/library ro shared:177 - fuse.rclone library:media ro,user_id=0
392 300 0:94 / / rw,relatime - overlay overlay rw
1093 392 0:94 /srv/mnt /srv/mnt rw,relatime shared:307 - overlay overlay rw
291 392 0:271 / /srv/generation ro - fuse.rclone library:media ro,user_id=0
""".strip()


def test_what_a_later_mount_hides_is_not_there() -> None:
    assert mount_layers.at("/srv/mnt/library", HIDDEN) == []
    assert [layer.number for layer in mount_layers.at("/srv/mnt", HIDDEN)] == ["1093"]
    assert [layer.connection for layer in mount_layers.at("/srv/generation", HIDDEN)] == ["271"]
    bound_again = "1094 1093 0:271 / /srv/mnt/library ro shared:308 - fuse.rclone library:media ro,user_id=0"
    assert [layer.number for layer in mount_layers.at("/srv/mnt/library", f"{HIDDEN}\n{bound_again}")] == ["1094"]
    assert [layer.number for layer in mount_layers.at("/", HIDDEN)] == ["392"]


@pytest.fixture
def places() -> Iterator[tuple[Path, Path, Path]]:
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    with tempfile.TemporaryDirectory() as place:
        old, new, target = (Path(place, name) for name in ("old", "new", "target"))
        for directory in (old, new, target):
            directory.mkdir()
        (old / "old").touch()
        (new / "new").touch()
        try:
            mount_layers.bind(str(old), str(target))
        except PermissionError:
            pytest.skip("this process may not mount")
        yield old, new, target
        mount_layers.clear(str(target))


def test_a_layer_goes_over_another_and_the_target_is_never_empty(places: tuple[Path, Path, Path]) -> None:
    old, new, target = places
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        os.write(writer, b"!")
        while "last" not in (names := os.listdir(target)):  # noqa: PTH208 - the quickest look there is
            if not names:
                os._exit(1)
        os._exit(0)
    os.read(reader, 1)
    for _ in range(100):
        mount_layers.bind(str(new), str(target))
        mount_layers.bind(str(old), str(target))
    (old / "last").touch()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, "the reader saw an empty directory"
    os.close(reader)
    os.close(writer)


def test_a_layer_whose_parent_is_gone_gets_one_first(places: tuple[Path, Path, Path]) -> None:
    _, new, target = places
    below = target.parent / "parent" / "library"
    below.mkdir(parents=True)
    parent = str(below.parent)
    try:
        mount_layers.bind(str(new), str(below))
        mount_layers.share(parent)
        assert (mount_layers.at(str(below)), list(below.iterdir())) == ([], []), "hidden, and the table lists it"
        mount_layers.clear(parent)
        mount_layers.clear(str(below))
        assert mount_layers.main(["bind", str(new), str(below)]) == 0
        assert (len(mount_layers.at(parent)), len(mount_layers.at(str(below)))) == (1, 1)
        assert [path.name for path in below.iterdir()] == ["new"]
    finally:
        for place in (str(below), parent, str(below)):
            mount_layers.clear(place)


def test_what_is_watched_is_what_is_there(places: tuple[Path, Path, Path]) -> None:
    _, new, target = places
    watched = mount_layers.Watched()
    assert len(watched.at(str(target))) == 1
    mount_layers.bind(str(new), str(target))
    assert watched.at(str(target)) == mount_layers.at(str(target)) != []
    assert len(watched.at(str(target))) == 2


def test_clearing_takes_every_layer(places: tuple[Path, Path, Path]) -> None:
    _, new, target = places
    mount_layers.bind(str(new), str(target))
    assert mount_layers.clear(str(target)) == 2
    assert list(target.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "usage"),
        (["bind", "one"], 2, "usage"),
        (["bind", "/no/such/place", "/proc/target"], 1, "/no/such/place cannot be mounted on /proc/target"),
        (["bind", "/no/such/place", "/no/such/target"], 1, "/no/such cannot be mounted on /no/such"),
        (["clear", "/no/such/place"], 0, ""),
    ],
)
def test_the_units_hear_one_sentence(
    words: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mount_layers.main(words) == code
    assert said in capsys.readouterr().err
