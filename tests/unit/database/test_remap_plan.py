"""What a remap plans: no column that holds paths is forgotten, and ranges of an index give what the rules give."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from module_utils import remap_plan
from module_utils.path_mapping import parse
from tests.unit.database.builder import LIBRARY

Run = Callable[..., dict[str, Any]]
# Written by the server for itself: keys of its own interface, no paths of files.
NO_PATHS = {("metadata_items", "extra_data"), ("play_queue_generators", "uri")}


def holders(library: Path, root: str) -> set[tuple[str, str]]:
    """Which columns of which tables hold a path below a root, plain or percent-encoded."""
    found = set()
    with closing(sqlite3.connect(library)) as connection:
        columns = connection.execute(
            """SELECT tables.name, columns.name FROM sqlite_master AS tables, pragma_table_info(tables.name) AS columns
               WHERE tables.type = 'table' AND rootpage > 0"""
        ).fetchall()
        for table, column in columns:
            bytes_of = f'instr(CAST("{column}" AS BLOB), CAST(? AS BLOB))'
            held = f'SELECT 1 FROM "{table}" NOT INDEXED WHERE {bytes_of} OR {bytes_of} LIMIT 1'
            if connection.execute(held, (root, root.replace("/", "%2F"))).fetchone():
                found.add((table, column))
    return found - NO_PATHS


def test_no_column_of_the_real_pair_is_forgotten(remapped: Run, real_pair: Path) -> None:
    paths = {("media_parts", "file"), ("section_locations", "root_path")}
    assert holders(real_pair / LIBRARY, "/data/") == paths
    remapped(real_pair, {"/data": "/media/library"})
    assert holders(real_pair / LIBRARY, "/data/") == set()
    assert holders(real_pair / LIBRARY, "/media/library/") == paths


SIDES = st.sampled_from(["/a", "/a/b", "/a/b/c", "/aa", "/b", "/c", "/c/d", "/%", "/a_", "/é"])
RULES = st.dictionaries(SIDES, SIDES, min_size=1, max_size=4)
PATHS = st.lists(
    st.builds("{}{}".format, SIDES, st.sampled_from(["", "/", "/x", "/b/y", "0", "x", "/b", "/\n"])), max_size=12
)


@pytest.mark.deep
@settings(deadline=None, max_examples=120)
@given(rules=RULES, paths=PATHS, few=st.sampled_from([0, 32]), indexed=st.booleans())
@example(rules={"/a": "/b", "/a/b": "/c"}, paths=["/a/b/x", "/a/x"], few=32, indexed=True)
@example(rules={"/a": "/b", "/a/b": "/a/b"}, paths=["/a/b/x", "/a/x"], few=32, indexed=False)
@example(rules={"/a": "/b", "/b": "/a"}, paths=["/a/x", "/b/x", "/a/x"], few=32, indexed=True)
def test_the_plan_by_ranges_is_the_plan_by_rules(
    rules: dict[str, str], paths: list[str], few: int, indexed: bool
) -> None:
    mapping = parse(json.dumps({"mappings": rules}))
    with pytest.MonkeyPatch.context() as patch, closing(sqlite3.connect(":memory:")) as connection:
        patch.setattr(remap_plan, "FEW", few)
        for column in remap_plan.PATH_COLUMNS:
            connection.execute(f"CREATE TABLE {column.table} (id INTEGER PRIMARY KEY, {column.column} varchar(255))")
        if indexed:
            connection.execute("CREATE INDEX index_media_parts_on_file ON media_parts (file)")
        connection.executemany("INSERT INTO media_parts (file) VALUES (?)", [(path,) for path in paths])
        plan = remap_plan.plan_columns(connection, mapping)
        moves = plan.moves["media_parts"]
        assert moves.worked_out == (few == 0)
        connection.execute(f"UPDATE media_parts SET file = {moves.value} WHERE {moves.where}", moves.bounds)
        moved = [path for (path,) in connection.execute("SELECT CAST(file AS BLOB) FROM media_parts ORDER BY id")]
    assert moved == [mapping.apply(path.encode()) for path in paths]
    assert plan.counts["media_parts"] == sum(new != path.encode() for new, path in zip(moved, paths, strict=True))
    used = Counter(rule for path in paths if (rule := mapping.rule_for(path.encode())))
    assert {rule: count for rule, count in plan.uses.items() if count} == used


@settings(deadline=None, max_examples=60)
@given(rules=RULES, paths=PATHS)
@example(rules={"/a": "/c", "/b": "/c"}, paths=["/a/x", "/b/x"])
@example(rules={"/a": "/c", "/b": "/c/d"}, paths=["/a/d/x", "/b/x"])
def test_where_rules_lead_apart_no_two_paths_meet(rules: dict[str, str], paths: list[str]) -> None:
    mapping = parse(json.dumps({"mappings": rules}))
    distinct = {path.encode() for path in paths}
    if mapping.leads_apart and not any(rule.reached(path) for rule in mapping.rules for path in distinct):
        assert len({mapping.apply(path) for path in distinct}) == len(distinct)
