"""A stand-in for the Scaleway API whose servers are Docker containers."""
