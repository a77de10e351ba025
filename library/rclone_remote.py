#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: rclone_remote
short_description: List the top of a bucket with rclone's own client, or say why it cannot be listed
description:
  - A mount of a bucket that does not exist, or with a wrong key, comes up without a word; its client does not.
  - The reason is a sentence with what to check, as for files that cannot be read. Changes nothing.
author: ["plex-burst maintainers"]
extends_documentation_fragment: [attributes]
options:
  rclone:
    description: The program and the options that every call needs, as C(--config).
    type: list
    elements: str
    required: true
  remote:
    description: The remote as rclone names it.
    type: str
    required: true
  timeout:
    description: Seconds after which rclone is ended; that, too, is a reason.
    type: float
    default: 120
"""

EXAMPLES = r"""
- name: List the top of the bucket
  rclone_remote:
    rclone: [/opt/rclone, --config=/etc/plex-burst/rclone.conf]
    remote: library:bucket/folder
"""

RETURN = r"""
entries:
  description: How many files and folders are at the top; V(0) when it is empty or does not exist.
  returned: success
  type: int
  sample: 3
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.rclone_client import run
from ..module_utils.s3_reasons import explain

# A refusal is final; a dropped connection is tried three times.
OPTIONS = ("--max-depth=1", "--retries=1", "--low-level-retries=3", "--contimeout=10s", "--timeout=30s")
# What rclone makes of a bucket that is not there as of a folder that is not.
NOTHING_THERE = "there is no such bucket or folder; check burst_s3_bucket, burst_s3_prefix and burst_s3_endpoint"


def why(said: str) -> str:
    """Turn all that rclone said into a reason: the code of S3 is not always in its last line."""
    return NOTHING_THERE if "directory not found" in said else explain(said)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "rclone": {"type": "list", "elements": "str", "required": True},
            "remote": {"type": "str", "required": True},
            "timeout": {"type": "float", "default": 120.0},
        },
        supports_check_mode=True,
    )
    asked = module.params
    command = [*asked["rclone"], "lsf", asked["remote"], *OPTIONS]
    try:
        done = run(command, asked["timeout"])
    except OSError as error:
        module.fail_json(msg=f"rclone cannot be run: {error}")
    if done.returncode:
        module.fail_json(msg=why(done.stderr))
    module.exit_json(changed=False, entries=len(done.stdout.splitlines()))


if __name__ == "__main__":
    main()
