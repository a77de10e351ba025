"""Starts, shows and removes the lab."""
