# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options of the client class behind every module that speaks to Scaleway (module_utils/scaleway_client.py)."""

from __future__ import annotations


class ModuleDocFragment:
    """Read by ansible-doc."""

    DOCUMENTATION = r"""
options:
  api_token:
    description: The secret key of the API.
    type: str
    required: true
    aliases: [oauth_token]
  api_url:
    description: Where the API is.
    type: str
    default: https://api.scaleway.com
    aliases: [base_url]
  api_timeout:
    description: Seconds to wait for one answer.
    type: int
    default: 30
    aliases: [timeout]
  query_parameters:
    description: Belongs to the client this module stands on; nothing is sent from it.
    type: dict
    default: {}
  validate_certs:
    description: Whether to check the certificate of the API.
    type: bool
    default: true
"""
