"""Real media files for the lab's bucket, and the home library archive that knows an older state of them."""
