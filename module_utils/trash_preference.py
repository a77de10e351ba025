# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether Plex removes by itself what a scan marked, as its Preferences.xml says; not being there means yes."""

from __future__ import annotations

import re
from pathlib import Path

from .files import replace_text


def empties(path: Path) -> bool:
    """Whether it does; a file that cannot be read says yes."""
    try:
        return 'autoEmptyTrash="0"' not in path.read_text(encoding="utf-8")
    except OSError:
        return True


def keep(path: Path) -> None:
    """Have it keep its trash from its next start on. Raises OSError.

    It must stand still and be killed then: a server that ends by itself writes the file anew.
    """
    text, found = re.subn('autoEmptyTrash="[^"]*"', 'autoEmptyTrash="0"', path.read_text(encoding="utf-8"))
    if not found:
        text = text.replace("<Preferences", '<Preferences autoEmptyTrash="0"', 1)
    replace_text(path, text)
