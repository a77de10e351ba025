# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options that every module has which speaks to the media server (module_utils/plex_server.py)."""

from __future__ import annotations


class ModuleDocFragment:
    """Read by ansible-doc."""

    DOCUMENTATION = r"""
options:
  url:
    description: The address of the server, from this machine.
    type: str
    default: http://127.0.0.1:32400
  config:
    description: The directory that is C(/config) in the container. The token is read below it.
    type: path
    required: true
"""
