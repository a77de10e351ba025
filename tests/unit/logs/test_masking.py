from __future__ import annotations

import pytest

from module_utils.masking import MASK, masked

CANARY = "c4n4rySecretValue"


@pytest.mark.parametrize(
    "text",
    [
        f"GET /library/sections?X-Plex-Token={CANARY}&type=10",
        f"X-Plex-Token: {CANARY}",
        f'{{"X-Plex-Token": "{CANARY}"}}',
        f'<Preferences PlexOnlineToken="{CANARY}" PlexOnlineHome="1"/>',
        f"<authentication-token>{CANARY}</authentication-token>",
        f"authToken={CANARY}",
        f"claim-{CANARY}",
        f"secret_access_key = {CANARY}",
        f"access_key_id = {CANARY}",
        f'"secret_key": "{CANARY}"',
        f"X-Auth-Token: {CANARY}",
        f"Authorization: AWS4-HMAC-SHA256 Credential={CANARY}/2026, Signature=abc",
        f"https://s3.example/x?X-Amz-Signature={CANARY}&X-Amz-Date=1",
        f"{CANARY}@example.org signed in",
    ],
)
def test_secrets_of_known_shape_are_masked(text: str) -> None:
    assert CANARY not in masked(text)
    assert MASK in masked(text)


def test_given_secrets_are_masked_wherever_they_stand() -> None:
    assert masked(f"path/{CANARY}/x", [CANARY]) == f"path/{MASK}/x"


def test_short_secrets_do_not_shred_the_text() -> None:
    assert masked("the lab is up", ["lab", ""]) == "the lab is up"


@pytest.mark.parametrize(
    "text",
    [
        "Scanning /media/library/Music/Björk/Début/01 Human Behaviour.flac",
        "rclone: 12 files read, 0 errors",
        "token retrieved after 12 s",
        'media item "Claim" has 2 parts',
    ],
)
def test_ordinary_lines_stay(text: str) -> None:
    assert masked(text) == text
