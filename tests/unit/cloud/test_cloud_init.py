"""What cloud-init says of itself, as recorded from version 22.4.2, in words."""

from __future__ import annotations

import json

import pytest

from module_utils.cloud_init import judged

LOG = ["Get:12 http://deb.debian.org docker.io", "Unpacking docker.io (20.10.24+dfsg1-1+deb12u1) ...", ""]


def status(word: str, *errors: str) -> str:
    detail = "DataSourceScaleway" if word != "disabled" else "Cloud-init disabled by cloud-init-generator"
    return json.dumps({"status": word, "errors": list(errors), "detail": detail, "boot_status_code": "unknown"})


def progress(stage: str | None) -> str:
    begun = {"errors": [], "start": 1795389209.3, "finished": None}
    return json.dumps({"v1": {"datasource": None, "modules-final": begun, "stage": stage}})


@pytest.mark.parametrize(
    ("said", "at", "log", "told"),
    [
        ("", "", [], ("", False, "cloud-init is at waiting for its turn")),
        (status("not run"), "", [], ("not run", False, "cloud-init is at waiting for its turn")),
        (status("running"), progress("init"), [], ("running", False, "cloud-init is at keys and users")),
        (
            status("running"),
            progress("modules-final"),
            LOG,
            ("running", False, f"cloud-init is at packages and commands: {LOG[1]}"),
        ),
        (status("running"), '{"v1": ', LOG[:1], ("running", False, f"cloud-init is at waiting for its turn: {LOG[0]}")),
        (status("done"), progress(None), LOG, ("done", True, "cloud-init is done")),
        (
            status("error", "('package_install',\n ProcessExecutionError('apt'))"),
            progress(None),
            LOG,
            ("error", True, "cloud-init ended with an error: ('package_install', ProcessExecutionError('apt'))"),
        ),
        (status("error"), progress(None), [], ("error", True, "cloud-init ended with an error: DataSourceScaleway")),
        (
            status("disabled"),
            "",
            [],
            ("disabled", True, "cloud-init is disabled on this machine: its image is none that we can prepare"),
        ),
    ],
)
def test_what_it_is_at(said: str, at: str, log: list[str], told: tuple[str, bool, str]) -> None:
    found = judged(said, at, log)
    assert (found.status, found.ended, found.message) == told
