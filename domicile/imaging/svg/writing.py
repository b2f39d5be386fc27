"""Clean nodes to XML: UTF-8, one namespace, no declaration."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from domicile.imaging.svg.reading import Node
from domicile.imaging.svg.words import SVG


def write(root: Node, **changed: str) -> str:
    """`changed`: attributes of the root that are written instead of its own."""
    pieces: list[str] = []
    _write(Node(root.tag, {"xmlns": SVG, **root.attributes, **changed}, root.children), pieces)
    return "".join(pieces)


def _write(node: Node, pieces: list[str]) -> None:
    pieces.append(f"<{node.tag}")
    pieces += [f" {name}={quoteattr(value)}" for name, value in node.attributes.items()]
    if not node.children:
        pieces.append("/>")
        return
    pieces.append(">")
    for child in node.children:
        if isinstance(child, str):
            pieces.append(escape(child))
        else:
            _write(child, pieces)
    pieces.append(f"</{node.tag}>")
