"""Who may do what with the lab's S3 server (SeaweedFS)."""

from __future__ import annotations

import json

Key = tuple[str, str]


def configuration(admin: Key, reader: Key) -> str:
    """The identities file: one who fills the bucket, one who may only read and list.

    The reader is not bound to one bucket: SeaweedFS would then answer 403 for a bucket that does not
    exist, where real S3 says 404 (and rclone mounts it happily).
    """
    rights = {
        "admin": (admin, ["Admin", "Read", "Write", "List", "Tagging"]),
        "reader": (reader, ["Read", "List"]),
    }
    identities = [
        {"name": name, "credentials": [{"accessKey": key[0], "secretKey": key[1]}], "actions": actions}
        for name, (key, actions) in rights.items()
    ]
    return json.dumps({"identities": identities}, indent=1)
