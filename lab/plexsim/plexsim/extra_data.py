"""The two encodings of ``extra_data``: ``key=value&…`` and, since 1.40, JSON that repeats it as ``url``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import parse_qsl

_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_~")


def _percent(text: str) -> str:
    """Encode like the server does: the dot too."""
    return "".join(c if c in _PLAIN else "".join(f"%{byte:02X}" for byte in c.encode()) for c in text)


def to_url(values: Mapping[str, str]) -> str:
    """Encode in the old form, keys sorted."""
    return "&".join(f"{_percent(key)}={_percent(values[key])}" for key in sorted(values))


def to_json(values: Mapping[str, str]) -> str:
    """Encode in the new form: compact, keys sorted, the old form as last member."""
    if not values:
        return ""
    ordered = {key: values[key] for key in sorted(values)} | {"url": to_url(values)}
    return json.dumps(ordered, separators=(",", ":"), ensure_ascii=False)


def decode(text: str | None) -> dict[str, str]:
    """Read either form; nothing gives nothing."""
    if not text:
        return {}
    if text.startswith("{"):
        return {key: str(value) for key, value in json.loads(text).items() if key != "url"}
    return dict(parse_qsl(text, keep_blank_values=True))
