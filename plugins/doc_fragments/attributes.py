# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What most modules here can do; a module says itself what it does differently."""

from __future__ import annotations


class ModuleDocFragment:
    """Read by ansible-doc."""

    DOCUMENTATION = r"""
attributes:
  check_mode:
    description: Whether it can say what it would do without doing it.
    support: full
  diff_mode:
    description: Whether it shows what changes.
    support: none
  idempotent:
    description: Whether a second call changes nothing.
    support: full
"""
