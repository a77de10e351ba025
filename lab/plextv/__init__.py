"""A stand-in for plex.tv: one account with its subscription, claim tokens, devices."""
