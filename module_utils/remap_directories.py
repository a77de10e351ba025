# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Directories are stored relative to their section's location: a rule inside a location renames them too.

Private to this collection. Without this the scanner would see a directory vanish and soft-delete its files.
"""

from __future__ import annotations

import sqlite3

from .path_mapping import PathMapping
from .remap_plan import Plan, RemapError

Tree = dict[int, tuple[int, int | None, bytes]]


def _root_of(tree: Tree, directory: int) -> int:
    seen = set()
    while directory not in seen:
        seen.add(directory)
        parent = tree[directory][1]
        if parent is None or parent not in tree:
            break
        directory = parent
    return directory


def _root_paths(connection: sqlite3.Connection, tree: Tree, roots: dict[int, int]) -> dict[int, bytes]:
    """Say where each root directory lies: no column does, but the section or a file below it tells."""
    locations: dict[int, list[bytes]] = {}
    for section, path in connection.execute(
        "SELECT library_section_id, CAST(root_path AS BLOB) FROM section_locations WHERE root_path IS NOT NULL"
    ):
        locations.setdefault(section, []).append(path.rstrip(b"/"))
    found = {
        root: locations[tree[root][0]][0] for root in set(roots.values()) if len(locations.get(tree[root][0], [])) == 1
    }
    files = """SELECT directory_id, CAST(max(file) AS BLOB) FROM media_parts
               WHERE file IS NOT NULL AND directory_id IS NOT NULL GROUP BY directory_id"""
    undecided = set(roots.values()) - set(found)
    for directory, file in connection.execute(files) if undecided else ():
        root = roots.get(directory)
        if root in undecided:
            folder, relative = file.rpartition(b"/")[0], tree[directory][2]
            candidate = folder.removesuffix(b"/" + relative) if relative else folder
            if candidate in locations.get(tree[directory][0], []):
                found[root] = candidate
                undecided.discard(root)
    return found


def _inside_a_location(connection: sqlite3.Connection, mapping: PathMapping) -> bool:
    """Whether a rule begins below a section's folder; any other moves the folder with all that lies in it."""
    roots = connection.execute("SELECT CAST(root_path AS BLOB) FROM section_locations WHERE root_path IS NOT NULL")
    inside = tuple(root.rstrip(b"/") + b"/" for (root,) in roots)
    return any(rule.old.startswith(inside) for rule in mapping.rules)


def plan_directories(connection: sqlite3.Connection, mapping: PathMapping, plan: Plan) -> None:
    """Work out which directories are renamed within their location."""
    plan.counts["directories"] = 0
    if not _inside_a_location(connection, mapping):
        return
    tree: Tree = {
        key: (section, parent, path or b"")
        for key, section, parent, path in connection.execute(
            "SELECT id, library_section_id, parent_directory_id, CAST(path AS BLOB) FROM directories"
        )
    }
    plan.roots = {key: _root_of(tree, key) for key in tree}
    root_paths = _root_paths(connection, tree, plan.roots)
    for key, (_, _, path) in tree.items():
        root = root_paths.get(plan.roots[key])
        if root is None or not path:
            continue
        old, new_root = root + b"/" + path, mapping.apply(root).rstrip(b"/")
        rule = mapping.rule_for(old)
        new = mapping.apply(old)
        if rule is None or new == new_root + b"/" + path:
            continue
        plan.uses[rule] += 1
        if not new.startswith(new_root + b"/"):
            raise RemapError(
                f'The rule "{rule}" moves {old.decode(errors="replace")} out of its section, whose location becomes'
                f" {new_root.decode(errors='replace')}: Plex would take its files for deleted. Map it to a place"
                " below that location, or add the place to the section at home first."
            )
        plan.directories[key] = new[len(new_root) + 1 :]
    plan.counts["directories"] = len(plan.directories)


def apply_directories(connection: sqlite3.Connection, plan: Plan) -> None:
    """Rename the directories of a plan and hang them below the right ones."""
    connection.executemany(
        "UPDATE directories SET path = CAST(? AS TEXT) WHERE id = ?",
        [(path, key) for key, path in plan.directories.items()],
    )
    by_path: dict[tuple[int, bytes], int] = {}
    for key, path in connection.execute("SELECT id, CAST(path AS BLOB) FROM directories").fetchall():
        place = (plan.roots[key], path or b"")
        if place in by_path and (key in plan.directories or by_path[place] in plan.directories):
            raise RemapError(
                f'The rules move two directories onto one: "{path.decode(errors="replace")}".'
                " Make their new sides differ, or move their files together at home first."
            )
        by_path[place] = key
    for key, path in plan.directories.items():
        parent = _parent(connection, plan, by_path, key, path)
        connection.execute("UPDATE directories SET parent_directory_id = ? WHERE id = ?", (parent, key))


def _parent(
    connection: sqlite3.Connection, plan: Plan, by_path: dict[tuple[int, bytes], int], key: int, path: bytes
) -> int:
    """Find the row of the directory above; one that was not known before gets a row like its child's."""
    root = plan.roots[key]
    above = path.rpartition(b"/")[0]
    if not above:
        return root
    if (root, above) not in by_path:
        cursor = connection.execute(
            """INSERT INTO directories (library_section_id, path, created_at, updated_at)
               SELECT library_section_id, CAST(? AS TEXT), created_at, updated_at FROM directories WHERE id = ?""",
            (above, key),
        )
        made = int(cursor.lastrowid or 0)
        by_path[root, above] = made
        grandparent = _parent(connection, plan, by_path, key, above)
        connection.execute("UPDATE directories SET parent_directory_id = ? WHERE id = ?", (grandparent, made))
    return by_path[root, above]
