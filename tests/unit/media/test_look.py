"""Animations are not looked at; the rest of the file is tested through frames and vectors."""

from __future__ import annotations

import pytest

from domicile.media.errors import BadTransformation
from domicile.media.faces import Faces
from domicile.media.grammar import build_transformation, parse_transformation
from domicile.media.look import without_looking


def test_an_animation_is_cut_around_its_centre() -> None:
    asked = parse_transformation("c_thumb,g_auto:30,w_10/c_crop,g_north,h_5/c_fill,g_auto,w_3")
    assert (
        build_transformation(without_looking(asked)) == "c_thumb,g_center,w_10/c_crop,g_north,h_5/c_fill,g_center,w_3"
    )


def test_an_animation_is_cut_around_what_somebody_named() -> None:
    asked = parse_transformation("c_thumb,g_auto:30,w_10/c_fill,g_auto:none,w_3")
    faces = Faces(custom=((1.0, 1.0, 2.0, 2.0),), is_moving=True)
    assert build_transformation(without_looking(asked, faces)) == "c_thumb,g_custom,w_10/c_fill,g_center,w_3"


@pytest.mark.parametrize("crop", ["fill_pad", "auto_pad"])
def test_an_animation_is_not_padded_by_taste(crop: str) -> None:
    with pytest.raises(BadTransformation, match="not for animations"):
        without_looking(parse_transformation(f"w_100/c_{crop},g_auto,w_10"))
