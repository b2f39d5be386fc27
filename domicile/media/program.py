"""Transformations that depend on the picture: variables, expressions and conditions, read and written back canonically.

    segment    = [ "if_" (condition / "else" / "end") ] *( "$" name "_" expression ) [ "t_" names ] *( key "_" value )
    names      = 1*64( ALPHA / DIGIT / "_" / "-" ) *( "." names )     ; named transformations, one after the other
    value      = piece *( ":" piece )          ; a piece is an expression or a plain word of the parameter's own grammar

`if_C,w_5` is `if_C` and then `w_5`: a condition holds until `if_else` or `if_end`, and must have its `if_end`. Inside a
branch nothing may depend on what has to be known before the picture is: the format, and how the answer is offered.
Canonical: the condition first, variables in the order given, names, then parameters as grammar.py sorts them.
What stands for something else (`t_`, `w_auto`, `dpr_auto`) is put in by pending.py before anything is keyed by the text;
what the segments must be together is checked in chain.py; what a program comes to for one picture is worked out in evaluate.py. Source: cloudinary-compat 3.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from domicile.media.errors import BadTransformation
from domicile.media.expression import (
    TAGS,
    VARIABLE,
    Condition,
    Context,
    Expression,
    Name,
    Number,
    Operand,
    Text,
    read_condition,
    read_expression,
    write_condition,
    write_expression,
)
from domicile.media.faces import reads_coordinates
from domicile.media.grammar import (
    COMPONENT_CHARS_MAX,
    PARAMETERS,
    Limits,
    build_component,
    echo,
    once_more,
    parse_component,
)
from domicile.media.interpolation import places_in
from domicile.media.params.base import Malformed
from domicile.media.params.hinted import Hinted, read_hinted, write_hinted
from domicile.media.transformation import Component

ELSE, END = "else", "end"
FIXED_KEYS = frozenset({"cs", "d", "dn", "f", "fl", "l", "pg", "u"})
"""Parameters whose values are never worked out: answers are found, chosen and labelled by them before a picture is known,
and what is worked out depends on the page.
"""
COORDINATES_KEYS = frozenset({"e", "g"})
"""Parameters that may read stored coordinates."""
NAMED_MAX = 10
"""Named transformations in one segment."""
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
"""Of a named transformation."""

_PIECE = re.compile(r"(?:ctx:![^!]*!|![^!]*!|[^:!])+")


@dataclass(frozen=True, slots=True)
class Templated:
    """A parameter whose value is worked out: plain words and expressions, joined by colons."""

    key: str
    pieces: tuple[str | Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One segment that is more than a component."""

    control: Condition | str | None = None
    """A condition, ELSE or END."""
    sets: tuple[tuple[str, Expression], ...] = ()
    names: tuple[str, ...] = ()
    """Named transformations, applied before its own parameters."""
    plain: Component | None = None
    """Its parameters that are known at once; None: it has no parameters at all."""
    templated: tuple[Templated, ...] = ()
    hinted: tuple[Hinted, ...] = ()
    """Parameters that follow the viewer's screen."""

    @property
    def is_pending(self) -> bool:
        """Does it stand for something that the URL does not say?"""
        return bool(self.names or self.hinted)

    @property
    def operands(self) -> Iterator[Operand]:
        """Everything its condition and its expressions read."""
        if isinstance(self.control, Condition):
            yield from self.control.operands
        for _, expression in self.sets:
            yield from expression.operands
        for part in self.templated:
            for piece in part.pieces:
                if isinstance(piece, Expression):
                    yield from piece.operands
        yield from places_in(self.plain)


Segment = Component | Step

_Value = Mapping[str, Any] | Templated | Hinted
"""What a parameter says: fields of a component, or what is to be worked out, or what follows the screen."""


@dataclass(frozen=True, slots=True)
class Program:
    """Segments that were checked together."""

    segments: tuple[Segment, ...]

    @property
    def reads_coordinates(self) -> bool:
        """May the result depend on the coordinates that are stored with the asset?"""
        return any(map(_may_read_coordinates, self.segments))

    @property
    def reads_labels(self) -> bool:
        """Does the result depend on the asset's tags or context?"""
        return any(
            isinstance(operand, Context) or operand == Name(TAGS)
            for segment in self.segments
            if isinstance(segment, Step)
            for operand in segment.operands
        )


def _may_read_coordinates(segment: Segment) -> bool:
    """What is worked out may come to anything."""
    if isinstance(segment, Component):
        return reads_coordinates(segment)
    is_open = any(part.key in COORDINATES_KEYS for part in segment.templated)
    return is_open or (segment.plain is not None and reads_coordinates(segment.plain))


def parse_segment(text: str, limits: Limits) -> Segment:
    """One segment. Raises BadTransformation, naming the part."""
    if text.startswith(("if_", "$")):
        return _step(text, limits)
    try:
        component = parse_component(text)
        return Step(plain=component) if any(places_in(component)) else component
    except BadTransformation:
        if len(text) > COMPONENT_CHARS_MAX:
            raise
        return _step(text, limits)


def build_segment(segment: Segment) -> str:
    """The canonical text of one segment."""
    if isinstance(segment, Component):
        return build_component(segment)
    parts: list[str] = []
    if isinstance(segment.control, Condition):
        parts.append(f"if_{write_condition(segment.control)}")
    elif segment.control is not None:
        parts.append(f"if_{segment.control}")
    parts += [f"{name}_{write_expression(expression)}" for name, expression in segment.sets]
    if segment.names:
        parts.append(f"t_{'.'.join(segment.names)}")
    values = {part.key: _write_pieces(part.pieces) for part in segment.templated}
    values |= {part.key: write_hinted(part) for part in segment.hinted}
    for key, parameter in PARAMETERS.items():
        value = values.get(key) if segment.plain is None or key in values else parameter.write(segment.plain)
        if value is not None:
            parts.append(f"{key}_{value}")
    return ",".join(parts)


def _step(text: str, limits: Limits) -> Step:
    if len(text) > COMPONENT_CHARS_MAX:
        raise BadTransformation.component(echo(text))
    step, values = Step(), dict[str, _Value]()
    seen: dict[str, str] = {}
    for part in text.split(","):
        key, _, value = part.partition("_")
        try:
            if not value or (key in seen and key not in PARAMETERS):
                raise Malformed
            if key in PARAMETERS:
                value = once_more(PARAMETERS[key], value, seen)
            seen[key] = value
            if key == "if":
                step = replace(step, control=_read_control(value, limits))
            elif key.startswith("$"):
                step = replace(step, sets=(*step.sets, (key, _read_set(key, value, limits))))
            elif key == "t":
                step = replace(step, names=_read_names(value))
            else:
                values[key] = _read_parameter(key, value, limits)
        except Malformed:
            raise BadTransformation.component(echo(part or text)) from None
    step = _with_parameters(step, values)
    if len(build_segment(step)) > COMPONENT_CHARS_MAX:  # texts may grow when they are written canonically
        raise BadTransformation.component(echo(text))
    return step


def _read_control(value: str, limits: Limits) -> Condition | str:
    return value if value in {ELSE, END} else read_condition(value, terms_max=limits.expression_terms_max)


def _read_set(name: str, value: str, limits: Limits) -> Expression:
    if VARIABLE.fullmatch(name) is None:
        raise Malformed
    return read_expression(value, terms_max=limits.expression_terms_max)


def _read_names(value: str) -> tuple[str, ...]:
    names = tuple(value.split(".", maxsplit=NAMED_MAX))
    if len(names) > NAMED_MAX or not all(map(NAME.fullmatch, names)):
        raise Malformed
    return names


def _read_parameter(key: str, value: str, limits: Limits) -> _Value:
    parameter = PARAMETERS.get(key)
    if parameter is None:
        raise Malformed
    try:
        return parameter.read(value)
    except Malformed:
        if key in FIXED_KEYS:
            raise
        return read_hinted(key, value) or Templated(key, _read_pieces(value, limits))


def _with_parameters(step: Step, values: Mapping[str, _Value]) -> Step:
    if not values:
        return step
    plain: dict[str, Any] = {}
    for value in values.values():
        if not isinstance(value, Templated | Hinted):
            plain |= value
    in_order = [values[key] for key in sorted(values)]
    return replace(
        step,
        plain=Component(**plain),
        templated=tuple(value for value in in_order if isinstance(value, Templated)),
        hinted=tuple(value for value in in_order if isinstance(value, Hinted)),
    )


def _read_pieces(value: str, limits: Limits) -> tuple[str | Expression, ...]:
    """Raises Malformed when nothing in it is to be worked out."""
    pieces: list[str | Expression] = []
    position = 0
    while True:
        match = _PIECE.match(value, position)
        if match is None:
            raise Malformed
        pieces.append(_read_piece(match[0], limits))
        position = match.end()
        if position == len(value):
            break
        if value[position] != ":":
            raise Malformed
        position += 1
    if not any(isinstance(piece, Expression) for piece in pieces):
        raise Malformed
    return tuple(pieces)


def _read_piece(text: str, limits: Limits) -> str | Expression:
    """A lone number is a plain word, as it is everywhere else; a lone text is nothing that a parameter takes."""
    try:
        expression = read_expression(text, terms_max=limits.expression_terms_max)
    except Malformed:
        if "$" in text or "!" in text:
            raise
        return text
    if expression.is_bare and isinstance(expression.first, Text):
        raise Malformed
    return text if expression.is_bare and isinstance(expression.first, Number) else expression


def _write_pieces(pieces: Iterable[str | Expression]) -> str:
    return ":".join(piece if isinstance(piece, str) else write_expression(piece) for piece in pieces)
