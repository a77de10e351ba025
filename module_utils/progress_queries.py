# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The questions that counting the progress of a section asks, each with how SQLite answers it cheaply.

Private to this collection. Metadata types: 9 album, 10 track; blob type 7: sonic vector.
"""

from __future__ import annotations

# Answered by an index alone. What is not asked for is counted, since all rows together cost next to nothing and most
# are tracks of one section: this never reads more entries than counting the section itself would in a library of one.
ITEMS = """
WITH other AS (
  SELECT count(*) AS held FROM metadata_items WHERE library_section_id < :section
  UNION ALL SELECT count(*) FROM metadata_items WHERE library_section_id > :section
  UNION ALL SELECT count(*) FROM metadata_items WHERE library_section_id IS NULL
), no_track AS (
  SELECT count(*) AS held FROM metadata_items WHERE library_section_id = :section AND metadata_type < 10
  UNION ALL SELECT count(*) FROM metadata_items WHERE library_section_id = :section AND metadata_type > 10
  UNION ALL SELECT count(*) FROM metadata_items WHERE library_section_id = :section AND metadata_type IS NULL
)
SELECT :rows - (SELECT sum(held) FROM other),
       :rows - (SELECT sum(held) FROM other) - (SELECT sum(held) FROM no_track)
"""
# In the order of the ids, which is the order of the file. Most rows have no extra_data at all: asking for it first
# spares them the other questions, and only what passes all is handed to the aggregates.
MARKED = """
SELECT group_concat(CASE WHEN metadata_type = 10 THEN id END), group_concat(CASE WHEN metadata_type = 9 THEN id END)
FROM metadata_items NOT INDEXED
WHERE id >= :first AND id < :beyond AND extra_data > '' AND library_section_id = :section AND deleted_at IS NULL
  AND instr(extra_data, CASE metadata_type WHEN 10 THEN :analysed WHEN 9 THEN :loudness END)
"""
TABLE = "SELECT (SELECT count(*) FROM {0}), (SELECT ifnull(max(id), 0) FROM {0})"
# `> 0` and not `IS NOT NULL`, which SQLite does not look up in the index; `+` keeps it from choosing another one.
DELETED = """
SELECT count(*), ifnull(sum(metadata_type = 10), 0) FROM metadata_items
WHERE deleted_at > 0 AND +library_section_id = :section
"""
PARTS_DELETED = """
SELECT count(*) FROM media_parts JOIN media_items ON media_items.id = media_parts.media_item_id
WHERE media_parts.deleted_at > 0 AND +media_items.library_section_id = :section
"""
# As long as nearly everything is of one section: the parts of all other media, and how many those media are. A part
# whose media row is gone, of which healthy databases have none, then counts to the section.
OTHER_MEDIA = """
SELECT (SELECT count(*) FROM media_items WHERE library_section_id < :section)
  + (SELECT count(*) FROM media_items WHERE library_section_id > :section)
  + (SELECT count(*) FROM media_items WHERE library_section_id IS NULL)
"""
PARTS_OF_OTHERS = """
SELECT count(*) FROM (
  SELECT id FROM media_items WHERE library_section_id < :section
  UNION ALL SELECT id FROM media_items WHERE library_section_id > :section
  UNION ALL SELECT id FROM media_items WHERE library_section_id IS NULL
) AS other CROSS JOIN media_parts ON media_parts.media_item_id = other.id
"""
# By directory, of which there are far fewer than items, as long as every part lies in one.
PARTS_BY_DIRECTORY = """
SELECT library_section_id, sum(held)
FROM (SELECT directory_id, count(*) AS held FROM media_parts GROUP BY 1) CROSS JOIN directories ON id = directory_id
GROUP BY 1
"""
PARTS = """
SELECT count(*) FROM media_items CROSS JOIN media_parts ON media_parts.media_item_id = media_items.id
WHERE media_items.library_section_id = :section
"""
NEW_PARTS = """
SELECT count(*) FROM media_parts CROSS JOIN media_items ON media_items.id = media_parts.media_item_id
WHERE media_parts.id > :top AND media_items.library_section_id = :section
"""
CHANGED = """
SELECT id, library_section_id, metadata_type, deleted_at, extra_data FROM metadata_items WHERE id IN (
  SELECT id FROM metadata_items WHERE changed_at > :changed_at
  UNION SELECT id FROM metadata_items WHERE id > :top
  UNION SELECT * FROM (
    SELECT id FROM metadata_items WHERE changed_at <= :changed_at ORDER BY changed_at DESC LIMIT :late))
"""
LIVE_TRACKS = """
SELECT metadata_items.id FROM json_each(:ids) CROSS JOIN metadata_items ON metadata_items.id = json_each.value
WHERE library_section_id = :section AND metadata_type = 10 AND deleted_at IS NULL
"""
VECTORS = "SELECT group_concat(linked_id) FROM blobs WHERE linked_type = 'metadata_item' AND blob_type = 7"
NEW_VECTORS = VECTORS.replace("linked_type", "+linked_type") + " AND id > :top"
VECTORS_OF = """
SELECT linked_id FROM json_each(:ids) CROSS JOIN blobs
ON linked_type = 'metadata_item' AND linked_id = json_each.value AND blob_type = 7
"""
