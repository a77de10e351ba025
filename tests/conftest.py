"""What holds for every test."""

from __future__ import annotations

from hypothesis import settings

# Hypothesis calls an example that took longer than 200 ms a failure; on a machine that is busy with others any may.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")
