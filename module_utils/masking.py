# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take secrets out of text that leaves the machine: logs get shared, and a token in a log opens a library."""

from __future__ import annotations

import re
from collections.abc import Iterable

MASK = "<masked>"

# Each pattern keeps its first group and masks what follows it.
_PATTERNS = (
    # Plex: header, query parameter, attribute of Preferences.xml, claim codes.
    re.compile(r"(?i)(x-plex-token[\"']?\s*[=:]\s*[\"']?)[^\s\"'&<>,;]+"),
    re.compile(
        r"(?i)((?:plexonlinetoken|authtoken|authentication-token|authenticationtoken)[\"']?\s*[=:>]\s*[\"']?)[^\s\"'&<>]+"
    ),
    re.compile(r"(\bclaim-)[A-Za-z0-9_-]{8,}"),
    # Object storage and the provider: configuration files, environment listings, headers.
    re.compile(
        r"(?i)((?:secret_access_key|secret_key|access_key_id|access_key|api_token|x-auth-token)[\"']?\s*[=:]\s*[\"']?)[^\s\"',}]+"
    ),
    re.compile(r"(?i)(authorization[\"']?\s*[=:]\s*[\"']?)[^\"'\r\n]+"),
    re.compile(r"(?i)(x-amz-(?:signature|credential|security-token)=)[^&\s\"']+"),
    # People.
    re.compile(r"()\b[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}\b"),
)


def masked(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without secrets: those of known shape, and those given.

    Given secrets shorter than eight characters are ignored: masking "lab" would shred every sentence.
    """
    for secret in secrets:
        if len(secret) >= 8:
            text = text.replace(secret, MASK)
    for pattern in _PATTERNS:
        text = pattern.sub(lambda found: found.group(1) + MASK, text)
    return text
