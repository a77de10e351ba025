# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads the receipt that the export wrote, and tells it in lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RECEIPT_NAME = "receipt.json"


def read_receipt(run_dir: Path) -> dict[str, Any]:
    """The receipt of a run; empty if there is none that can be read."""
    try:
        receipt = json.loads((run_dir / RECEIPT_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return receipt if isinstance(receipt, dict) else {}


def receipt_lines(receipt: dict[str, Any]) -> list[str]:
    """What came home, for a person."""
    if not receipt:
        return []
    lines = [f"receipt: {receipt.get('verdict', 'unknown')}"]
    lines += [f"  {sentence}" for sentence in receipt.get("sentences", ())]
    lines += [
        f"  {entry.get('name', '?')}  {size(entry.get('size', 0))}  sha256 {str(entry.get('sha256', ''))[:12]}"
        for entry in receipt.get("files", ())
        if isinstance(entry, dict)
    ]
    return lines


def size(count: float) -> str:
    """`14.2 MB`, in the decimal units of disks."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
