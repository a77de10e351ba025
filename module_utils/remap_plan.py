# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a path mapping would change in a library database, row by row, before anything is changed.

Private to this collection. Values are handled as bytes: a path need not be UTF-8.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping
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


@dataclass(frozen=True)
class Moves:
    """The new values of one column as SQL over its table: what becomes of a value, and of which rows."""

    value: str
    where: str
    bounds: Mapping[str, bytes | int]
    worked_out: bool


@dataclass
class Plan:
    """Everything a mapping would change."""

    counts: dict[str, int] = field(default_factory=dict)
    uses: Counter[Rule] = field(default_factory=Counter)
    moves: dict[str, Moves] = field(default_factory=dict)
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


# Two ways to the same values. Few rules over plain paths are ranges, counted in the index and applied in one pass over
# the table. URLs, paths that are no text, and rules about the root or by the hundred are worked out in Python.
FEW = 32
_WORKED_OUT = "CREATE TEMP TABLE {plan} (id INTEGER PRIMARY KEY, value BLOB)"
_VALUES = """
INSERT INTO temp.{plan} (id, value) WITH candidate AS MATERIALIZED (
  SELECT id, moved(CAST({column} AS BLOB)) AS value FROM {table} WHERE {column} IS NOT NULL
)
SELECT id, value FROM candidate WHERE value IS NOT NULL
"""
# The prefix file:// spelled as a range, so that an index can serve it.
_URL_VALUES = _VALUES.replace("IS NOT NULL\n)", ">= 'file://' AND {column} < 'file:/0'\n)")
# What is not text sorts after all text.
_NO_TEXT = "SELECT 1 FROM {table} WHERE {column} >= x'' LIMIT 1"
_IN = "({column} = CAST(:at{n} AS TEXT) OR {column} >= CAST(:first{n} AS TEXT) AND {column} < CAST(:beyond{n} AS TEXT))"
_MOVED = "CAST(:new{n} || substr(CAST({column} AS BLOB), :rest{n}) AS TEXT)"
_COUNT = """
SELECT (SELECT count(*) FROM {table} WHERE {column} = CAST(:at AS TEXT))
  + (SELECT count(*) FROM {table} WHERE {column} >= CAST(:first AS TEXT) AND {column} < CAST(:beyond AS TEXT))
"""
_BELOW = "SELECT 1 FROM {table} WHERE {covered} LIMIT 1".replace("{covered}", _IN.replace("{n}", ""))


def _range(path: bytes) -> dict[str, bytes]:
    """Give the bounds of a path and everything below it: 0 is the character after the slash."""
    return {"at": path, "first": path + b"/", "beyond": path + b"0"}


def _longest_first(mapping: PathMapping) -> list[Rule]:
    return sorted(mapping.rules, key=lambda rule: len(rule.old), reverse=True)


def _ranges(column: PathColumn, mapping: PathMapping) -> Moves:
    bounds, cases, covered = dict[str, bytes | int](), [], []
    for number, rule in enumerate(_longest_first(mapping)):
        bounds |= {f"{name}{number}": bound for name, bound in _range(rule.old).items()}
        bounds |= {f"new{number}": rule.new, f"rest{number}": len(rule.old) + 1}
        condition, moved = (part.format(column=column.column, n=number) for part in (_IN, _MOVED))
        cases.append(f"WHEN {condition} THEN {moved}")
        # A rule that keeps a path only shields it from a shorter one.
        if rule.old != rule.new:
            covered.append(condition)
    value = f"CASE {' '.join(cases)} ELSE {column.column} END"
    return Moves(value, " OR ".join(covered) or "0", bounds, worked_out=False)


def _count_ranges(connection: sqlite3.Connection, column: PathColumn, mapping: PathMapping) -> Counter[Rule]:
    """Count the rows of each rule; what a longer rule takes, a shorter one does not get."""
    own: Counter[Rule] = Counter()
    for rule in _longest_first(mapping):
        (covered,) = connection.execute(column.sql(_COUNT), _range(rule.old)).fetchone()
        own[rule] = covered - sum(count for longer, count in own.items() if longer.old.startswith(rule.old + b"/"))
    return own


def _plan_column(connection: sqlite3.Connection, column: PathColumn, mapping: PathMapping, plan: Plan) -> None:
    root = any(not rule.old or not rule.new for rule in mapping.rules)
    if column.url or root or len(mapping.rules) > FEW or connection.execute(column.sql(_NO_TEXT)).fetchone():
        connection.execute(column.sql(_WORKED_OUT))
        # Materialized, so that each value passes the rules exactly once and the uses are counted right.
        connection.create_function("moved", 1, _mover(mapping, column.url, plan.uses), deterministic=True)
        values = column.sql(_URL_VALUES if column.url else _VALUES)
        plan.counts[column.table] = connection.execute(values).rowcount
        value = column.sql("CAST((SELECT value FROM temp.{plan} WHERE {plan}.id = {table}.id) AS TEXT)")
        plan.moves[column.table] = Moves(value, column.sql("id IN (SELECT id FROM temp.{plan})"), {}, worked_out=True)
        return
    own = _count_ranges(connection, column, mapping)
    plan.uses += own
    plan.counts[column.table] = sum(count for rule, count in own.items() if rule.old != rule.new)
    plan.moves[column.table] = _ranges(column, mapping)


def carry(connection: sqlite3.Connection, other: sqlite3.Connection, column: PathColumn) -> None:
    """Take values that were worked out on one connection to another one, for the same database or a copy of it."""
    other.execute(column.sql(_WORKED_OUT))
    rows = connection.execute(column.sql("SELECT id, value FROM temp.{plan}"))
    other.executemany(column.sql("INSERT INTO temp.{plan} VALUES (?, ?)"), rows)


def _at_or_below(connection: sqlite3.Connection, column: PathColumn, path: bytes) -> bool:
    return connection.execute(column.sql(_BELOW), _range(path)).fetchone() is not None


def _anywhere(connection: sqlite3.Connection, path: bytes) -> bool:
    return any(_at_or_below(connection, column, path) for column in PATH_COLUMNS if not column.url)


def surely_moves(connection: sqlite3.Connection, mapping: PathMapping) -> bool:
    """Tell at a glance whether something lies where a rule begins; rules that only move URLs are found by the plan."""
    return any(_anywhere(connection, rule.old) for rule in mapping.rules if rule.old != rule.new)


def occupied(connection: sqlite3.Connection, column: PathColumn, mapping: PathMapping) -> bool:
    """Tell whether a path lies where a rule leads, before anything is moved."""
    return any(_at_or_below(connection, column, rule.new) for rule in mapping.rules)


def unused_rules(connection: sqlite3.Connection, mapping: PathMapping, plan: Plan) -> list[Rule]:
    """List the rules nobody used; one whose new side nobody uses either is a mistake and refused."""
    unused = [rule for rule in mapping.rules if not plan.uses[rule]]
    for rule in unused:
        if not _anywhere(connection, rule.new):
            raise RemapError(
                f'The rule "{rule}" maps nothing: no path in the library lies at or below its old side, and none'
                " at or below its new side. Compare it with the section's folders, or take the rule out."
            )
    return unused


def plan_columns(connection: sqlite3.Connection, mapping: PathMapping) -> Plan:
    """Work out how the values of every column move; what SQL cannot say goes into temporary tables."""
    plan = Plan()
    for column in PATH_COLUMNS:
        _plan_column(connection, column, mapping, plan)
    return plan
