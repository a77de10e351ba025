"""The one exception that becomes a sentence for the person at the terminal."""

from __future__ import annotations


class LabError(Exception):
    """One sentence: what is wrong and what helps."""
