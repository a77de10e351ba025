from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from lab.plexsim.plexsim import large_library, migrate, schema
from module_utils.progress_counts import read_counts

TRACKS = 500


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("large") / "pair"
    assert large_library.main([str(directory), "--tracks", str(TRACKS)]) == 0
    return directory


def test_the_server_serves_it_as_its_own(made: Path) -> None:
    for name in (schema.LIBRARY, schema.BLOBS):
        migrate.check(made / name)
        assert migrate.pending(made / name) == []
        assert migrate.settle_search(made / name) == []
    with closing(schema.connect(made / schema.LIBRARY)) as library:
        assert library.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        header = [library.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "page_size")]
        assert header == ["wal", 1024]


def test_both_witnesses_agree(made: Path) -> None:
    counts = read_counts(str(made), 5).counts
    assert counts is not None
    assert counts.tracks == TRACKS
    assert 0 < counts.analysed < TRACKS // 3
    assert counts.vectors == counts.analysed


@pytest.mark.parametrize(("arguments", "words"), [(("--tracks", "0"), "at least one"), ((), "has a library already")])
def test_bad_wishes_are_refused(
    made: Path, arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        large_library.main([str(made), *arguments])
    assert ended.value.code == 2
    assert words in capsys.readouterr().err
