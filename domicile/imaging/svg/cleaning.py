"""Nodes to nodes: what is on the lists of `words` stays, under its plain name; the rest is not carried over."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from domicile.imaging.svg.css import Sheets, clean_declarations, clean_value, write
from domicile.imaging.svg.reading import SEPARATOR, Node
from domicile.imaging.svg.words import ATTRIBUTES, ELEMENTS, EMPTY, SVG, TEXTS, UNWRAPPED, XLINK, XML

ID = re.compile(r"[\w:.-]+")
LOCAL = re.compile(r"#([\w:.-]+)")
HREF, SPACE = "href", "xml:space"
NAMES = {
    "href": HREF,
    XLINK + SEPARATOR + "href": HREF,
    XML + SEPARATOR + "space": SPACE,
}
SPACES = frozenset({"preserve", "default"})

Embed = Callable[[str], str | None]
"""A `data:` link to a picture -> the same without metadata, or None when it is none that we show."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """A clean SVG."""

    root: Node
    sheets: Sheets


@dataclass(slots=True)
class _Cleaner:
    embed: Embed
    sheets: Sheets = field(default_factory=Sheets)
    ids: set[str] = field(default_factory=set)

    def node(self, node: Node) -> Node | None:
        namespace, _, name = node.tag.rpartition(SEPARATOR)
        if namespace not in {SVG} | EMPTY:
            return None
        if name in UNWRAPPED:
            name = "g"
        if name not in ELEMENTS:
            return None
        if name == "style":
            return self._sheet(node)
        attributes = self._attributes(name, node.attributes)
        if name == "image" and HREF not in attributes:
            return None
        cleaned = Node(name, attributes)
        for child in node.children:
            if isinstance(child, str):
                if name in TEXTS:
                    cleaned.children.append(child)
            elif (kept := self.node(child)) is not None:
                cleaned.children.append(kept)
        return cleaned

    def _sheet(self, node: Node) -> Node | None:
        if node.attributes.get("type", "text/css").strip().lower() != "text/css":
            return None
        text = self.sheets.read("".join(child for child in node.children if isinstance(child, str)))
        return Node("style", {}, [text]) if text else None

    def _attributes(self, element: str, attributes: dict[str, str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for spelled, value in attributes.items():
            name = NAMES.get(spelled, spelled)
            cleaned = self._value(element, name, value)
            if cleaned and not (name == HREF and HREF in found):
                found[name] = cleaned
        return found

    def _value(self, element: str, name: str, value: str) -> str | None:
        match name:
            case "href" if element == "image":
                return self.embed(value)
            case "href" if element != "g":
                return value.strip() if LOCAL.fullmatch(value.strip()) else None
            case "xml:space":
                return value if value in SPACES else None
            case "id":
                return self._id(value)
            case "style":
                return write(clean_declarations(value))
            case _:
                return clean_value(value) if name in ATTRIBUTES else None

    def _id(self, value: str) -> str | None:
        """None for one that was there already: browsers mean the first, the renderer at times the last."""
        if ID.fullmatch(value) is None or value in self.ids:
            return None
        self.ids.add(value)
        return value


def clean(root: Node, embed: Embed) -> Drawing:
    """Raises LimitExceeded."""
    cleaner = _Cleaner(embed)
    cleaned = cleaner.node(root)
    assert cleaned is not None  # the reader has looked at its name
    return Drawing(cleaned, cleaner.sheets)
