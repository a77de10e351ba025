# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The option that every module has which works on a library's databases (module_utils/plex_db.py)."""

from __future__ import annotations


class ModuleDocFragment:
    """Read by ansible-doc."""

    DOCUMENTATION = r"""
options:
  directory:
    description:
      - The directory C(Plug-in Support/Databases) with C(com.plexapp.plugins.library.db) and
        C(com.plexapp.plugins.library.blobs.db).
    type: path
    required: true
"""
