"""Segments together: what they must be to each other, and what they ask for.

Conditions have their ends, variables are set before they are read, and nothing inside a branch decides what has to be
known before a picture is. A chain that still stands for something else (pending.py) is checked as far as it can be.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from domicile.media.errors import BadTransformation, LimitExceeded
from domicile.media.expression import Condition, Variable
from domicile.media.grammar import COMPONENT_CHARS_MAX, PARAMETERS, Limits, echo
from domicile.media.layer import LayerName
from domicile.media.layers import check_layers, count_layers
from domicile.media.params.flags import ATTACHMENT
from domicile.media.program import ELSE, Program, Segment, Step, build_segment
from domicile.media.transformation import Component, Transformation

REFUSED_IN_BRANCHES = frozenset({"f", "d", "cs", "dl"})
"""Cloudinary's list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """What a row of segments asks for."""

    transformation: Transformation
    """Of a program, what is known without a picture: which format, which flags."""
    text: str
    """Canonical."""
    program: Program | None
    """None when the transformation is all there is."""
    pending: tuple[Segment, ...] = ()
    """The segments, when some of them stand for something else; nothing may be keyed by the text then."""

    @property
    def layers(self) -> tuple[LayerName, ...]:
        """Every picture that a layer may show, in whatever branch, each once, in the order of first appearance."""
        return self.transformation.layers


def chained(segments: Sequence[Segment], limits: Limits) -> Chain:
    """Check the segments together. Raises BadTransformation, LimitExceeded."""
    texts = list(map(build_segment, segments))
    for text in texts:
        if len(text) > COMPONENT_CHARS_MAX:  # percent-encoding and colours make it longer than it was written
            raise BadTransformation.component(echo(text))
    text = "/".join(texts)
    known = Transformation(_known(segments))
    if all(isinstance(segment, Component) for segment in segments):
        check_layers(known.components, limits)
        return Chain(transformation=known, text=text, program=None)
    count_layers(known.components, limits)  # of all branches; what closes what is seen when one is taken
    is_pending = any(isinstance(segment, Step) and segment.is_pending for segment in segments)
    check_definition(segments, limits)
    if is_pending:
        return Chain(transformation=known, text=text, program=None, pending=tuple(segments))
    _check_set(segments)
    return Chain(transformation=known, text=text, program=Program(tuple(segments)))


def check_definition(segments: Iterable[Segment], limits: Limits) -> None:
    """All that can be said of segments whose variables may be set elsewhere. Raises BadTransformation, LimitExceeded."""
    segments = tuple(segments)
    _check_branches(segments, limits)
    if sum(len(segment.sets) for segment in segments if isinstance(segment, Step)) > limits.variables_max:
        raise LimitExceeded(f"Too many variables - at most {limits.variables_max} are allowed")


def _known(segments: Iterable[Segment]) -> tuple[Component, ...]:
    return tuple(segment if isinstance(segment, Component) else segment.plain or Component() for segment in segments)


def _check_branches(segments: Iterable[Segment], limits: Limits) -> None:
    open_branches: list[tuple[Segment, bool]] = []  # the condition, and was its `else` seen?
    for segment in segments:
        control = segment.control if isinstance(segment, Step) else None
        if isinstance(control, Condition):
            open_branches.append((segment, False))
            if len(open_branches) > limits.nesting_max:
                raise LimitExceeded(f"Conditions are nested too deeply - at most {limits.nesting_max} are allowed")
        elif control is not None:
            if not open_branches or (control == ELSE and open_branches[-1][1]):
                raise _refused(segment, "has no condition before it")
            condition, _ = open_branches.pop()
            if control == ELSE:
                open_branches.append((condition, True))
        if open_branches:
            _check_branch(segment)
    if open_branches:
        raise _refused(open_branches[-1][0], "has no if_end")


def _check_branch(segment: Segment) -> None:
    """Inside a branch, or beside a condition."""
    component = segment if isinstance(segment, Component) else segment.plain
    if component is None:
        return
    for key in REFUSED_IN_BRANCHES & PARAMETERS.keys():
        value = PARAMETERS[key].write(component)
        if value is not None:
            raise BadTransformation.component(echo(f"{key}_{value} (not allowed inside a condition)"))
    if ATTACHMENT in component.flags:
        raise BadTransformation.component(f"fl_{ATTACHMENT} (not allowed inside a condition)")


def _check_set(segments: Iterable[Segment]) -> None:
    """A variable must be set somewhere before it is read; whether that branch is taken is seen later."""
    known: set[str] = set()
    for segment in segments:
        if isinstance(segment, Component):
            continue
        known |= {name for name, _ in segment.sets}
        for operand in segment.operands:
            if isinstance(operand, Variable) and operand.name not in known:
                raise _refused(segment, f"{operand.name} is not set")


def _refused(segment: Segment, reason: str) -> BadTransformation:
    return BadTransformation.component(f"{echo(build_segment(segment))} ({reason})")
