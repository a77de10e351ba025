"""Campaigns of hundreds of faults or kills against one promise, resumable, with results kept as data."""
