# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`python -m wrapper` is the same as `wrapper`."""

from __future__ import annotations

import sys

from wrapper.cli import main

sys.exit(main())
