"""Families of a drawing's text -> those that are shipped, so that text is drawn, and drawn alike everywhere.

A browser would take the first family that its machine has. Here each name gives the face that overlays use for it, and an
unknown one the face of what stands after it, in the end Arimo.
"""

from __future__ import annotations

import re

from domicile.imaging.svg.reading import Node
from domicile.media.fonts import ARIMO, FAMILIES, family_named

FAMILY = "font-family"
IN_STYLE = re.compile(r"font-family:([^;{}]*)")


def lettered(node: Node) -> Node:
    """The same tree with shipped families."""
    attributes = dict(node.attributes)
    if FAMILY in attributes:
        attributes[FAMILY] = shipped(attributes[FAMILY])
    if FAMILY in attributes.get("style", ""):
        attributes["style"] = _in_style(attributes["style"])
    children = [
        lettered(child) if isinstance(child, Node) else _in_style(child) if node.tag == "style" else child
        for child in node.children
    ]
    return Node(node.tag, attributes, children)


def shipped(families: str) -> str:
    found: list[str] = []
    for family in [*families.split(","), ARIMO]:
        name = family_named(family.strip().strip("'\"").strip())
        if name is not None and FAMILIES[name] not in found:
            found.append(FAMILIES[name])
    return ",".join(found)


def _in_style(text: str) -> str:
    return IN_STYLE.sub(lambda match: f"{FAMILY}:{shipped(match[1])}", text)
