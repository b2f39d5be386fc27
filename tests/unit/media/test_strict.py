"""Allowed names alone, and nothing beside them."""

from __future__ import annotations

import pytest

from domicile.media.grammar import DEFAULT_LIMITS
from domicile.media.program import parse_segment
from domicile.media.strict import is_allowed


@pytest.mark.parametrize(
    "text, allowed",
    [
        ("t_a", True),
        ("t_a.b", True),
        ("t_a/t_b", True),
        ("t_a.c", False),
        ("t_c", False),
        ("t_a,w_5", False),
        ("t_a/w_5", False),
        ("$x_5/t_a", False),
        ("$x_5,t_a", False),
        ("if_w_gt_5,t_a", False),
        ("t_a/if_end", False),
        ("w_auto", False),
        ("w_5", False),
    ],
)
def test_a_chain_is_allowed_when_it_is_allowed_names_alone(text: str, allowed: bool) -> None:
    segments = [parse_segment(part, DEFAULT_LIMITS) for part in text.split("/")]
    assert is_allowed(segments, {"a", "b"}) is allowed


@pytest.mark.parametrize(
    "text, allowed",
    [
        ("w_5,c_scale/e_blur", True),
        ("c_scale,w_5/e_blur", True),
        ("c_scale,w_5", False),
        ("c_scale,w_5/e_blur/e_blur", False),
        ("c_scale,w_5/t_a", False),
        ("$x_5/w_$x", True),
        ("$x_6/w_$x", False),
        ("t_w", False),
    ],
)
def test_a_chain_is_allowed_whole_as_it_is_spelled_out(text: str, allowed: bool) -> None:
    segments = [parse_segment(part, DEFAULT_LIMITS) for part in text.split("/")]
    assert is_allowed(segments, {"a", "/c_scale,w_5/e_blur", "/$x_5/w_$x", "/w"}) is allowed


def test_no_transformation_is_always_allowed() -> None:
    assert is_allowed((), ())
