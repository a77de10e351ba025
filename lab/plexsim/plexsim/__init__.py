"""A stand-in for Plex Media Server: its database, its scanner, its analyser, its HTTP API."""
