"""Bring to a machine of the lab what the faults of the mount need, by the playbooks beside this."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from lab.control import settings
from soak import large_bucket
from soak.campaign import BrokenPromiseError

ROOT = Path(__file__).resolve().parents[1]
PROXY = f"http://{settings.S3_FAULT_NAME}:{settings.S3_PORT}"


def of_large() -> dict[str, str]:
    """Give what else a machine needs to know for the large library, which is made when it is not there."""
    made = large_bucket.ensure()
    return {
        "burst_s3_bucket": made.bucket,
        "burst_s3_prefix": made.prefix,
        # What the library says, and free: half a million questions are not what is tested here.
        "fuse_rclone_modtime": "server",
        "burst_archive": str(made.archive),
        "burst_path_mappings": str(made.mappings),
        "soak_seconds_per_directory": "0",
    }


def provision(container: str, more: dict[str, str], playbook: str = "mount_rig") -> None:
    """Give a machine the mount, the guard and Plex; BrokenPromiseError with what was said when that fails.

    playbook: mount_and_guard or mount_known for a part of it, on a machine that has all.
    """
    # Of its own: several machines may be prepared at the same time.
    run_dir = ROOT / ".lab" / f"rig-{container}"
    run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    told = {
        "ansible_host": container,
        "burst_run_dir": str(run_dir),
        "burst_s3_endpoint": PROXY,
        "soak_seconds_per_directory": "0.15",
    }
    done = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("ansible-playbook")), "-i", "inventories/molecule.yml"),
            *("-e", json.dumps(told | more), f"soak/{playbook}.yml"),
        ],
        cwd=ROOT,
        env={
            **os.environ,
            "MOLECULE_PROJECT_DIRECTORY": str(ROOT),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=1800,
    )
    if done.returncode:
        raise BrokenPromiseError(f"the machine could not be prepared: {done.stdout[-3000:]}{done.stderr[-500:]}")
