"""XML to nodes, with a parser that fetches nothing and expands nothing.

A document type may be named, as old programs do; it is not read. One that declares an entity is refused: entities are how
XML reads files, calls servers and blows itself up, and no picture needs them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat

from domicile.imaging.svg.words import SVG
from domicile.media.errors import LimitExceeded, UndecodableMedia

BYTES_MAX = 4 * 1024 * 1024
DEPTH_MAX = 64
ELEMENTS_MAX = 50_000
ATTRIBUTES_MAX = 64
"""Of one element."""
ROOT = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?svg[\s>/]", re.IGNORECASE)
SEPARATOR = " "


@dataclass(slots=True)
class Node:
    """An element. `tag` and the names of attributes are "namespace name", or the name alone where there is no namespace."""

    tag: str
    attributes: dict[str, str]
    children: list[Node | str] = field(default_factory=list)


def looks_like_svg(head: bytes) -> bool:
    """Do these first bytes begin an SVG? (UTF-16 is read by its byte-order mark.)"""
    if head[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        head = head.replace(b"\0", b"")
    is_markup = head.lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").startswith(b"<")
    return is_markup and ROOT.search(head) is not None


def parse(view: memoryview) -> Node:
    """The root of an SVG. Raises UndecodableMedia and LimitExceeded."""
    root = parse_xml(view, BYTES_MAX)
    if root.tag not in {"svg", SVG + SEPARATOR + "svg"}:
        raise UndecodableMedia("Invalid image file")
    return root


def parse_xml(view: memoryview, bytes_max: int) -> Node:
    """The root of any XML. Raises UndecodableMedia and LimitExceeded."""
    if len(view) > bytes_max:
        raise LimitExceeded(f"Maximum size of an SVG is {bytes_max} bytes")
    reader = _Reader()
    try:
        reader.parser.Parse(bytes(view), True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise UndecodableMedia("Invalid image file") from error
    if reader.root is None:
        raise UndecodableMedia("Invalid image file")
    return reader.root


class _Reader:
    def __init__(self) -> None:
        self.root: Node | None = None
        self._open: list[Node] = []
        self._count = 0
        self.parser = parser = expat.ParserCreate(namespace_separator=SEPARATOR)
        parser.buffer_text = True
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        parser.EntityDeclHandler = self._entity
        parser.SkippedEntityHandler = self._entity
        parser.ExternalEntityRefHandler = self._entity
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text

    def _entity(self, *_: object) -> NoReturn:
        raise UndecodableMedia("Unsupported image format: SVG with entities")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > ELEMENTS_MAX:
            raise LimitExceeded(f"Maximum number of elements in an SVG is {ELEMENTS_MAX}")
        if len(self._open) >= DEPTH_MAX:
            raise LimitExceeded(f"Maximum depth of an SVG is {DEPTH_MAX} elements")
        if len(attributes) > ATTRIBUTES_MAX:
            raise LimitExceeded(f"Maximum number of attributes in an SVG is {ATTRIBUTES_MAX} an element")
        node = Node(tag, attributes)
        if self._open:
            self._open[-1].children.append(node)
        else:
            self.root = node
        self._open.append(node)

    def _end(self, _: str) -> None:
        self._open.pop()

    def _text(self, text: str) -> None:
        self._open[-1].children.append(text)
