"""What plex.tv sends: the account, devices and resources as XML (or JSON), and its errors."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from .account import Device, Owner

FEATURES = ("loudness", "music-analysis", "pass", "intro-markers", "credits-markers", "sync")


@dataclass(frozen=True)
class Response:
    """Status, body and headers."""

    status: int
    body: bytes = b""
    kind: str = "application/xml; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


def xml(root: ET.Element, status: int = 200) -> Response:
    """Send an element."""
    return Response(status, b'<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root))


def as_json(content: object, status: int = 200) -> Response:
    """Send JSON."""
    return Response(status, json.dumps(content).encode(), "application/json; charset=utf-8")


def error(status: int, code: int, message: str, *, wants_json: bool) -> Response:
    """Send an error as the second version of the API words it."""
    shown = {"code": code, "message": message, "status": status}
    if wants_json:
        return as_json({"errors": [shown]}, status)
    root = ET.Element("errors")
    ET.SubElement(root, "error", {name: str(value) for name, value in shown.items()})
    return xml(root, status)


def _facts(owner: Owner, token: str) -> dict[str, object]:
    return {
        "id": 1,
        "uuid": "0123456789abcdef",
        "username": owner.username,
        "title": owner.username,
        "friendlyName": owner.username,
        "email": owner.email,
        "emailOnlyAuth": False,
        "confirmed": True,
        "country": "FR",
        "hasPassword": True,
        "home": False,
        "homeAdmin": False,
        "homeSize": 1,
        "maxHomeSize": 15,
        "guest": False,
        "protected": False,
        "restricted": False,
        "twoFactorEnabled": False,
        "mailingListActive": False,
        "mailingListStatus": "removed",
        "scrobbleTypes": "",
        "authToken": token,
    }


def user(owner: Owner, token: str, *, has_pass: bool, wants_json: bool, status: int = 200) -> Response:
    """Send the account as the holder of the token sees it."""
    facts = _facts(owner, token)
    subscription: dict[str, object] = {
        "active": has_pass,
        "status": "Active" if has_pass else "Inactive",
        "plan": "lifetime" if has_pass else "",
        "paymentService": "",
        "subscribedAt": "2020-01-01 00:00:00 UTC" if has_pass else "",
    }
    profile: dict[str, object] = {"autoSelectAudio": True, "autoSelectSubtitle": 0}
    profile |= {"defaultSubtitleAccessibility": 0, "defaultSubtitleForced": 0}
    features = FEATURES if has_pass else ()
    if wants_json:
        shown = facts | {"subscription": subscription | {"features": list(features)}, "profile": profile}
        return as_json(shown | {"entitlements": [], "roles": []}, status)
    root = ET.Element("user", _texts(facts))
    node = ET.SubElement(root, "subscription", _texts(subscription))
    listed = ET.SubElement(node, "features")
    for feature in features:
        ET.SubElement(listed, "feature", {"id": feature})
    ET.SubElement(root, "profile", _texts(profile))
    ET.SubElement(root, "entitlements")
    ET.SubElement(root, "roles")
    return xml(root, status)


def claimed(device: Device, owner: Owner) -> Response:
    """Send what the exchange of a claim token gives; servers look for one element of it."""
    root = ET.Element("user", {"username": owner.username, "email": owner.email})
    for name, text in (("username", owner.username), ("email", owner.email), ("authentication-token", device.token)):
        ET.SubElement(root, name).text = text
    return xml(root, 201)


def devices(found: Sequence[Device], address: str) -> Response:
    """Send the account's devices in the older API's form."""
    root = ET.Element("MediaContainer", {"publicAddress": address})
    for device in found:
        node = ET.SubElement(
            root,
            "Device",
            _texts(
                {
                    "name": device.name,
                    "publicAddress": address,
                    "product": device.product,
                    "productVersion": device.version,
                    "platform": device.platform,
                    "platformVersion": "",
                    "device": device.platform,
                    "model": "x86_64",
                    "vendor": "",
                    "provides": device.provides,
                    "clientIdentifier": device.client_identifier,
                    "version": device.version,
                    "id": device.identity,
                    "token": device.token,
                    "createdAt": device.created,
                    "lastSeenAt": device.seen,
                    "screenResolution": "",
                    "screenDensity": "",
                }
            ),
        )
        ET.SubElement(node, "Connection", {"uri": f"http://{address}:32400"})
    return xml(root)


def resources(found: Sequence[Device], address: str, *, wants_json: bool) -> Response:
    """Send what of the account can be connected to."""
    listed = []
    for device in found:
        connection = {"protocol": "http", "address": address, "port": 32400, "uri": f"http://{address}:32400"}
        listed.append(
            {
                "name": device.name,
                "product": device.product,
                "productVersion": device.version,
                "platform": device.platform,
                "platformVersion": "",
                "device": device.platform,
                "clientIdentifier": device.client_identifier,
                "createdAt": datetime.fromtimestamp(device.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "lastSeenAt": datetime.fromtimestamp(device.seen, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "provides": device.provides,
                "owned": True,
                "accessToken": device.token,
                "publicAddress": address,
                "httpsRequired": False,
                "presence": True,
                "connections": [connection | {"local": False, "relay": False, "IPv6": False}],
            }
        )
    if wants_json:
        return as_json(listed)
    root = ET.Element("resources")
    for entry in listed:
        node = ET.SubElement(root, "resource", _texts({k: v for k, v in entry.items() if k != "connections"}))
        inner = ET.SubElement(node, "connections")
        for connection in entry["connections"]:  # type: ignore[attr-defined]  # a list, built above
            ET.SubElement(inner, "connection", _texts(connection))
    return xml(root)


def _texts(values: Mapping[str, object]) -> dict[str, str]:
    return {name: str(int(value)) if isinstance(value, bool) else str(value) for name, value in values.items()}
