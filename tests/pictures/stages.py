"""A stage as a plan would make it, for tests of single steps."""

from __future__ import annotations

from fractions import Fraction

from domicile.media.geometry import Side
from domicile.media.grammar import parse_component
from domicile.media.stage import Stage, plan_stage
from domicile.media.transformation import Component


def stage(text: str, source: Side, *, has_alpha: bool = False) -> Stage:
    """The stage of one component that meets a picture of that size."""
    component = parse_component(text) if text else Component()
    return plan_stage(component, source, Fraction(1), has_alpha=has_alpha)
