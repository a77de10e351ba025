# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How far the media analysis of a section is: what the server has learned by looking into its files.

A scan writes a row for each file; looking into it fills in streams and duration and sets `media_analysis_version`
above 0 (seen in a real library: 4 for music, 5 for photos, 6 for films and shows). What could not be read keeps 0.
"""

from __future__ import annotations

from pathlib import Path

from .plex_db import LIBRARY, PlexDatabaseError, reading
from .progress_counts import OK, state_of

# Three counts by index instead of one pass over all rows of the section. `> 0` is looked up in the index on
# deleted_at, `IS NOT NULL` is not; `+` keeps SQLite from choosing the index of the section.
_COUNTS = """
SELECT
  (SELECT count(*) FROM media_items WHERE library_section_id = :section)
  - (SELECT count(*) FROM media_items WHERE deleted_at > 0 AND +library_section_id = :section),
  (SELECT count(*) FROM media_items
   WHERE media_analysis_version < 1 AND +library_section_id = :section AND deleted_at IS NULL)
  + (SELECT count(*) FROM media_items
     WHERE media_analysis_version IS NULL AND +library_section_id = :section AND deleted_at IS NULL),
  (SELECT ifnull(max(id), 0) FROM media_streams)
"""

# What a sample of this phase has beside the counts of every phase.
COUNTED = ("media", "media_analysed", "last_stream")


def read_media(directory: str, section: int, busy_seconds: float = 5) -> tuple[str, dict[str, int], str]:
    """The state of the database (ok, locked, missing, unreadable), the counts when it is ok, and the details if not.

    `media` are the live media of the section, `media_analysed` those whose file was looked into, and `last_stream` is
    the highest id of a stream in the whole library, which rises while files are looked into.
    """
    try:
        with reading(Path(directory) / LIBRARY, busy_seconds) as library:
            media, unanalysed, last_stream = library.execute(_COUNTS, {"section": section}).fetchone()
    except PlexDatabaseError as error:
        cause = error.__cause__ if isinstance(error.__cause__, Exception) else FileNotFoundError(str(error))
        return state_of(cause), {}, str(error)
    return OK, dict(zip(COUNTED, (media, media - unanalysed, last_stream), strict=True)), ""
