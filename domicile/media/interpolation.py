"""Variables and facts inside a text layer: `l_text:Arial_20:Hello $(name)`.

    place = "$(" ( name / "ctx:!" key "!" ) ")"      ; a variable without its dollar sign, or what expression.NAMES knows

A variable goes before a fact of the same name. What is put in is not looked through again. Source: cloudinary-compat 3.1.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from domicile.media.expression import NAMES, TAGS, Context, Name, Operand, Variable
from domicile.media.text import TextLayer
from domicile.media.transformation import Component

PLACE = re.compile(r"\$\((?:(?P<name>[A-Za-z][A-Za-z0-9]*)|ctx:!(?P<key>[^!]{1,255})!)\)", re.ASCII)


def places_in(component: Component | None) -> Iterator[Operand]:
    """What the component's text reads."""
    text = text_of(component)
    if text is not None:
        yield from map(_operand, PLACE.finditer(text.characters))


def filled(component: Component, spell: Callable[[Operand], str]) -> Component:
    """With the values in their places."""
    text = text_of(component)
    if text is None or component.layer is None:
        return component
    characters = PLACE.sub(lambda found: spell(_operand(found)), text.characters)
    return replace(component, layer=replace(component.layer, content=replace(text, characters=characters)))


def text_of(component: Component | None) -> TextLayer | None:
    if component is None or component.layer is None or not isinstance(component.layer.content, TextLayer):
        return None
    return component.layer.content


def _operand(found: re.Match[str]) -> Operand:
    if found["key"] is not None:
        return Context(found["key"])
    name = found["name"]
    if name in NAMES and name != TAGS:
        return Name(name)
    return Variable(f"${name}")
