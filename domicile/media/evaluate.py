"""A program and what is known about one picture -> the plain transformation that it comes to. Pure and total.

    w h ar      the picture as the chain has made it so far, before `dpr`      iw ih iar   as uploaded, upright
    pc cp       frames or pages, and the one that is shown                     tags, ctx   as the asset has them now
    texts       an absent context entry is the empty text; how numbers and texts are computed with: `values.py`

What only pixels tell is refused where it is asked for: the size of what was trimmed, of a later page of a TIFF, and of
a picture that a layer may have made larger; inside a layer, too.
Either a transformation comes out, or BadTransformation names the component. docs/adr/0005 lists what is our choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from domicile.media.errors import BadTransformation
from domicile.media.expression import (
    CURRENT,
    MEMBERSHIP,
    TAGS,
    Clause,
    Comparison,
    Condition,
    Context,
    Defined,
    Expression,
    Name,
    Number,
    Operand,
    Text,
    Variable,
)
from domicile.media.facts import SourceFacts
from domicile.media.geometry import Side
from domicile.media.grammar import PARAMETERS, echo
from domicile.media.interpolation import filled
from domicile.media.layers import nested, own_components, without_layers
from domicile.media.outline import make_outline
from domicile.media.params.base import Malformed
from domicile.media.program import ELSE, END, Program, Segment, Step, Templated, build_segment
from domicile.media.stage import PlanLimits
from domicile.media.transformation import Component, Transformation
from domicile.media.trims import is_trimmed
from domicile.media.values import Amount, Value, compared, computed, number_of, spell, text_of

PAGED = "tiff"
"""The format whose pages differ in size."""

_ANY = 10**60
_NO_LIMITS = PlanLimits(
    output_pixels_max=_ANY,
    output_side_max=_ANY,
    animation_pixels_max=_ANY,
    avif_pixels_max=_ANY,
    working_bytes_max=_ANY,
)
"""Sizes are only looked at here; what may be made is judged when it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a program may ask about a picture."""

    facts: SourceFacts
    tags: tuple[str, ...] = ()
    context: Mapping[str, str] = field(default_factory=dict)


def evaluate(program: Program, known: Known) -> Transformation:
    """Raises BadTransformation."""
    run = _Run(known, is_measurable=known.facts.format != PAGED or not _turns_pages(program))
    for segment in program.segments:
        try:
            run.take(segment)
        except Malformed:
            raise BadTransformation.component(echo(build_segment(segment))) from None
    nested(run.made)
    return Transformation(tuple(run.made))


def _turns_pages(program: Program) -> bool:
    """Is another page than the first one shown, perhaps?"""
    plain = (segment if isinstance(segment, Component) else segment.plain for segment in program.segments)
    return any(component is not None and (component.page or 1) > 1 for component in plain)


@dataclass(slots=True)
class _Branch:
    """`held`: did its condition hold? `active`: is this side of it performed?"""

    held: bool
    active: bool


class _Run:
    """One pass through the segments."""

    def __init__(self, known: Known, *, is_measurable: bool) -> None:
        self._is_measurable = is_measurable
        self.made: list[Component] = []
        self._known = known
        self._variables: dict[str, Value] = {}
        self._branches: list[_Branch] = []
        self._measured: tuple[int, Side] | None = None

    def take(self, segment: Segment) -> None:
        """Raises Malformed or BadTransformation."""
        if isinstance(segment, Component):
            if self._active:
                self.made.append(segment)
            return
        if segment.control is not None:
            self._turn(segment.control)
        if not self._active:
            return
        for name, expression in segment.sets:
            self._variables[name] = self._value(expression)
        if segment.plain is not None:
            self.made.append(self._filled(segment.plain, segment))

    @property
    def _active(self) -> bool:
        return all(branch.active for branch in self._branches)

    def _turn(self, control: Condition | str) -> None:
        match control:
            case Condition():
                held = self._active and any(all(map(self._holds, group)) for group in control.groups)
                self._branches.append(_Branch(held=held, active=held))
            case str() if control == ELSE:
                self._branches[-1].active = not self._branches[-1].held
            case str() if control == END:
                self._branches.pop()

    def _filled(self, component: Component, step: Step) -> Component:
        for part in step.templated:
            text = self._spelled(part)
            try:
                component = replace(component, **PARAMETERS[part.key].read(text))
            except Malformed:
                raise BadTransformation.component(echo(f"{part.key}_{text}")) from None
        return filled(component, self._told)

    def _told(self, operand: Operand) -> str:
        """In a text, where a variable goes before a fact of that name."""
        if isinstance(operand, Name) and f"${operand.name}" in self._variables:
            operand = Variable(f"${operand.name}")
        return text_of(self._operand(operand))

    def _spelled(self, part: Templated) -> str:
        is_single = len(part.pieces) == 1
        words = [
            piece if isinstance(piece, str) else spell(self._value(piece), part.key if is_single else "")
            for piece in part.pieces
        ]
        return ":".join(words)

    # --- values -----------------------------------------------------------------------------------------------------

    def _value(self, expression: Expression) -> Value:
        value = self._operand(expression.first)
        for operator, operand in expression.rest:
            value = Amount(computed(operator, number_of(value), number_of(self._operand(operand))))
        return value

    def _operand(self, operand: Operand) -> Value:
        match operand:
            case Number(text):
                return Amount(operand.value, text)
            case Text(value):
                return value
            case Context(key):
                return self._known.context.get(key, "")
            case Variable(name):
                if name not in self._variables:
                    raise Malformed
                return self._variables[name]
            case Name(name):
                return Amount(self._fact(name))

    def _fact(self, name: str) -> Fraction:
        facts = self._known.facts
        width, height = self._size() if name in CURRENT else (facts.width, facts.height)
        match name:
            case "w" | "iw":
                return Fraction(width)
            case "h" | "ih":
                return Fraction(height)
            case "ar" | "iar":
                return Fraction(width, height)
            case "pc":
                return Fraction(facts.frames)
            case "cp":
                return Fraction(Transformation(tuple(own_components(nested(self.made)))).page or 1)
            case _:
                raise Malformed

    def _size(self) -> Side:
        """Of the picture so far, without `dpr`: a condition means the same on every screen.

        Planned once for each length of the chain, however often it is asked for.
        """
        if self._measured is None or self._measured[0] != len(self.made):
            own = without_layers(nested(self.made))
            if own is None:
                raise Malformed
            chain = Transformation(tuple(replace(component, dpr=None) for component in own))
            if not self._is_measurable or is_trimmed(chain):
                raise Malformed
            self._measured = len(self.made), make_outline(chain, self._known.facts, _NO_LIMITS).size
        return self._measured[1]

    # --- conditions -------------------------------------------------------------------------------------------------

    def _holds(self, clause: Clause) -> bool:
        match clause:
            case Defined(name, wanted):
                return (name in self._variables) is wanted
            case Comparison(left, relation, right) if relation in MEMBERSHIP:
                asked = text_of(self._value(left)).split(":")
                among = self._known.tags if right.first == Name(TAGS) else text_of(self._value(right)).split(":")
                return (set(asked) <= set(among)) is (relation == "in")
            case Comparison(left, relation, right):
                return compared(relation, self._value(left), self._value(right))
