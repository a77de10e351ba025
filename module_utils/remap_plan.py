# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a path mapping would change in a library database, row by row, before anything is changed.

Private to this collection. Values are handled as bytes: a path need not be UTF-8.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from .path_mapping import PathMapping, Rule


class RemapError(Exception):
    """A mapping must not be applied to this database; the message is one sentence."""


@dataclass(frozen=True)
class PathColumn:
    """A column that holds paths, plain or as file:// URL."""

    table: str
    column: str
    url: bool

    def sql(self, statement: str) -> str:
        """Fill the names of this column into a statement; plan is the table with its new values."""
        return statement.format(table=self.table, column=self.column, plan=f"plan_{self.table}")


# A guid of the form file:// is also the key under which watch states and the history are kept.
PATH_COLUMNS = (
    PathColumn("section_locations", "root_path", url=False),
    PathColumn("media_parts", "file", url=False),
    PathColumn("media_streams", "url", url=True),
    PathColumn("metadata_items", "guid", url=True),
    PathColumn("metadata_item_settings", "guid", url=True),
    PathColumn("metadata_item_views", "guid", url=True),
)


@dataclass
class Plan:
    """Everything a mapping would change."""

    counts: dict[str, int] = field(default_factory=dict)
    uses: Counter[Rule] = field(default_factory=Counter)
    directories: dict[int, bytes] = field(default_factory=dict)
    roots: dict[int, int] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether nothing would change."""
        return not any(self.counts.values())


def _mover(mapping: PathMapping, url: bool, uses: Counter[Rule]) -> Callable[[bytes], bytes | None]:
    find, move = (mapping.rule_for_url, mapping.apply_url) if url else (mapping.rule_for, mapping.apply)

    def moved(value: bytes) -> bytes | None:
        rule = find(value)
        if rule is None:
            return None
        uses[rule] += 1
        new = move(value)
        return None if new == value else new

    return moved


# Three ways to the same plan. URLs, and paths that are no text, pass the rules one by one in Python. All else is found
# by ranges of the index, the longest rule first, and keeps only the number of its rule: the new value is put together
# where it is needed.
_PLAN = """
CREATE TEMP TABLE {plan}_rows (id INTEGER PRIMARY KEY, rule INTEGER, value TEXT);
CREATE TEMP VIEW {plan} AS SELECT {plan}_rows.id AS id, CASE WHEN rule IS NULL THEN {plan}_rows.value ELSE (
  SELECT CAST(new || substr(CAST({column} AS BLOB), length + 1) AS TEXT) FROM temp.rules
  WHERE number = rule) END AS value
FROM {plan}_rows JOIN {table} ON {table}.id = {plan}_rows.id;
"""
_CANDIDATES = """
INSERT INTO temp.{plan}_rows (id, value) WITH candidate AS MATERIALIZED (
  SELECT id, moved(CAST({column} AS BLOB)) AS value FROM {table} WHERE {column} IS NOT NULL
)
SELECT id, CAST(value AS TEXT) FROM candidate WHERE value IS NOT NULL
"""
# The prefix file:// spelled as a range, so that an index can serve it.
_URL_CANDIDATES = _CANDIDATES.replace("IS NOT NULL\n)", ">= 'file://' AND {column} < 'file:/0'\n)")
_COVERED = """
INSERT OR IGNORE INTO temp.{plan}_rows (id, rule)
SELECT id, :number FROM {table} WHERE {column} = CAST(:at AS TEXT)
UNION ALL SELECT id, :number FROM {table} WHERE {column} >= CAST(:first AS TEXT) AND {column} < CAST(:beyond AS TEXT)
"""
# What is not text sorts after all text.
_NO_TEXT = "SELECT 1 FROM {table} WHERE {column} >= x'' LIMIT 1"
_BELOW = """
SELECT 1 FROM {table} WHERE {column} = CAST(:at AS TEXT)
OR ({column} >= CAST(:first AS TEXT) AND {column} < CAST(:beyond AS TEXT)) LIMIT 1
"""


def _plan_column(connection: sqlite3.Connection, column: PathColumn, mapping: PathMapping, plan: Plan) -> None:
    for statement in column.sql(_PLAN).split(";\n"):
        connection.execute(statement)
    root = any(not rule.old or not rule.new for rule in mapping.rules)
    if column.url or root or connection.execute(column.sql(_NO_TEXT)).fetchone():
        # Materialized, so that each value passes the rules exactly once and the uses are counted right.
        connection.create_function("moved", 1, _mover(mapping, column.url, plan.uses), deterministic=True)
        cursor = connection.execute(column.sql(_URL_CANDIDATES if column.url else _CANDIDATES))
        plan.counts[column.table] = cursor.rowcount
        return
    plan.counts[column.table] = 0
    ordered = sorted(enumerate(mapping.rules), key=lambda entry: len(entry[1].old), reverse=True)
    for number, rule in ordered:
        bounds = {"number": number, "at": rule.old, "first": rule.old + b"/", "beyond": rule.old + b"0"}
        covered = connection.execute(column.sql(_COVERED), bounds).rowcount
        plan.uses[rule] += covered
        plan.counts[column.table] += covered if rule.old != rule.new else 0
    for number, rule in ordered:
        # A rule that keeps a path only shields it from a shorter one.
        if rule.old == rule.new:
            connection.execute(column.sql("DELETE FROM temp.{plan}_rows WHERE rule = ?"), (number,))


def _at_or_below(connection: sqlite3.Connection, column: PathColumn, path: bytes) -> bool:
    bounds = {"at": path, "first": path + b"/", "beyond": path + b"0"}
    return connection.execute(column.sql(_BELOW), bounds).fetchone() is not None


def _reached(connection: sqlite3.Connection, rule: Rule) -> bool:
    return any(_at_or_below(connection, column, rule.new) for column in PATH_COLUMNS if not column.url)


def occupied(connection: sqlite3.Connection, column: PathColumn, mapping: PathMapping) -> bool:
    """Tell whether a path lies where a rule leads, before anything is moved."""
    return any(_at_or_below(connection, column, rule.new) for rule in mapping.rules)


def unused_rules(connection: sqlite3.Connection, mapping: PathMapping, plan: Plan) -> list[Rule]:
    """List the rules nobody used; one whose new side nobody uses either is a mistake and refused."""
    unused = [rule for rule in mapping.rules if not plan.uses[rule]]
    for rule in unused:
        if not _reached(connection, rule):
            raise RemapError(
                f'The rule "{rule}" maps nothing: no path in the library lies at or below its old side, and none'
                " at or below its new side. Compare it with the section's folders, or take the rule out."
            )
    return unused


def plan_columns(connection: sqlite3.Connection, mapping: PathMapping) -> Plan:
    """Work out the new values into temporary tables of this connection."""
    plan = Plan()
    connection.execute("CREATE TEMP TABLE rules (number INTEGER PRIMARY KEY, new BLOB, length INTEGER)")
    connection.executemany(
        "INSERT INTO temp.rules VALUES (?, ?, ?)",
        [(number, rule.new, len(rule.old)) for number, rule in enumerate(mapping.rules)],
    )
    for column in PATH_COLUMNS:
        _plan_column(connection, column, mapping, plan)
    return plan
