"""Answers of the server: a tree of elements, written as XML or, when asked, as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO
from xml.etree import ElementTree as ET


@dataclass(frozen=True)
class Element:
    """An element with attributes and children; ``single`` children are objects in JSON, not lists."""

    tag: str
    attributes: Mapping[str, object]
    children: list[Element] = field(default_factory=list)
    single: bool = False
    json_tag: str = ""  # its name in JSON, where that is another one

    def tree(self) -> ET.Element:
        """Give the XML form: truth is 1 or 0, absent values are left out."""
        texts = {
            name: str(int(value)) if isinstance(value, bool) else str(value)
            for name, value in self.attributes.items()
            if value is not None
        }
        node = ET.Element(self.tag, texts)
        node.extend(child.tree() for child in self.children)
        return node

    def plain(self) -> dict[str, object]:
        """Give the JSON form."""
        shown: dict[str, object] = {k: v for k, v in self.attributes.items() if v is not None}
        lists: dict[str, list[object]] = {}
        for child in self.children:
            name = child.json_tag or child.tag
            if child.single:
                shown[name] = child.plain()
            else:
                lists.setdefault(name, []).append(child.plain())
        return shown | lists


@dataclass(frozen=True)
class Answer:
    """A response: status, an element or raw bytes, extra headers."""

    status: int = 200
    element: Element | None = None
    body: bytes = b""
    kind: str = "text/html"
    headers: Mapping[str, str] = field(default_factory=dict)
    stream: IO[bytes] | None = None  # a file to send from its beginning, and to close

    def encode(self, *, as_json: bool) -> tuple[bytes, str]:
        """Give the bytes and their content type."""
        if self.element is None:
            return self.body, self.kind
        if as_json:
            return json.dumps(
                {self.element.tag: self.element.plain()}, ensure_ascii=False, separators=(",", ":")
            ).encode(), "application/json"
        text = ET.tostring(self.element.tree(), encoding="unicode")
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode(), "text/xml;charset=utf-8"


def container(children: list[Element], **attributes: object) -> Answer:
    """Answer with a MediaContainer."""
    return Answer(element=Element("MediaContainer", {"size": len(children)} | attributes, children))


def refusal(status: int, title: str) -> Answer:
    """Answer with an error page, which is HTML also for clients that ask for JSON."""
    page = f"<html><head><title>{title}</title></head><body><h1>{status} {title}</h1></body></html>"
    return Answer(status, body=page.encode())


def unavailable(status: str, title: str = "Maintenance") -> Answer:
    """Answer that the server cannot do this now, in its own form."""
    return Answer(503, Element("Response", {"code": "503", "title": title, "status": status}))
