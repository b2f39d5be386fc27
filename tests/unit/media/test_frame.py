"""Crop modes: sizes for every mode and every missing side; the pixels are in tests/vectors/picture."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domicile.media.errors import BadTransformation
from domicile.media.faces import AUTO_ONLY, LOOKING, Faces
from domicile.media.frame import WHITE, framed
from domicile.media.geometry import Side
from domicile.media.grammar import parse_component
from domicile.media.look import AUTO_CROPS, REFUSAL
from domicile.media.transformation import Component, Crop, Gravity, Pixels

ONE = Fraction(1)
SIDES = st.integers(1, 5000)


def size_of(text: str, source: Side, density: Fraction = ONE) -> Side:
    """The size that a component makes of a source."""
    return framed(parse_component(text), source, density, has_alpha=False).size


@pytest.mark.parametrize(
    ("text", "source", "expected"),
    [
        ("fl_ignore_aspect_ratio,w_100", (400, 200), (100, 200)),
        ("fl_ignore_aspect_ratio,h_100", (400, 200), (400, 100)),
        ("c_fill,fl_ignore_aspect_ratio,w_100", (400, 200), (100, 200)),
        ("c_fit,fl_ignore_aspect_ratio,w_100", (400, 200), (100, 50)),
        ("ar_1:1,fl_ignore_aspect_ratio,w_100", (400, 200), (100, 100)),
        ("fl_ignore_aspect_ratio,h_50,w_100", (400, 200), (100, 50)),
        ("c_fit,h_90,w_70", (864, 576), (70, 47)),
        ("c_fit,h_100,w_300", (864, 576), (150, 100)),
        ("c_lfill,h_100,w_800", (400, 200), (400, 100)),
        ("c_lfill,h_500,w_500", (400, 200), (400, 200)),
        ("c_fill,h_200,w_600", (425, 282), (600, 200)),
        ("c_limit,h_900,w_900", (400, 200), (400, 200)),
        ("c_mfit,h_900,w_900", (400, 200), (900, 450)),
        ("c_pad,h_90,w_70", (400, 200), (70, 90)),
        ("c_lpad,h_900,w_900", (400, 200), (900, 900)),
        ("c_pad,w_100", (400, 200), (100, 50)),
        ("c_mpad,h_900,w_900", (400, 200), (900, 900)),
        ("c_mpad,h_10,w_10", (400, 200), (400, 200)),
        ("c_mpad,h_300,w_10", (400, 200), (400, 300)),
        ("c_crop,g_auto,h_900,w_100", (400, 200), (100, 200)),
        ("c_fill,g_auto,h_90,w_70", (400, 200), (70, 90)),
        ("c_lfill,g_auto,h_500,w_300", (400, 200), (300, 200)),
        ("c_thumb,g_auto,h_90,w_70", (400, 200), (70, 90)),
        ("c_fill_pad,g_auto,h_90,w_70", (400, 200), (70, 90)),
        ("ar_1:1,c_auto,g_auto,w_70", (400, 200), (70, 70)),
        ("c_crop,h_900,w_100", (400, 200), (100, 200)),
        ("h_100", (940, 2), (47_000, 100)),
        ("w_0.1", (2048, 1536), (205, 154)),
        ("e_blur", (400, 200), (400, 200)),
        ("g_north", (400, 200), (400, 200)),
    ],
)
def test_modes_make_the_documented_sizes(text: str, source: Side, expected: Side) -> None:
    assert size_of(text, source) == expected


COMPASS = [gravity for gravity in Gravity if gravity not in LOOKING | {Gravity.XY_CENTER}]
PLACED = [crop for crop in Crop if crop not in AUTO_ONLY]


@given(st.sampled_from(PLACED), SIDES, SIDES, SIDES, SIDES, st.sampled_from(COMPASS))
def test_every_mode_gives_a_picture_of_at_least_one_pixel_from_inside_the_source(
    crop: Crop, source_width: int, source_height: int, width: int, height: int, gravity: Gravity
) -> None:
    component = Component(width=Pixels(width), height=Pixels(height), crop=crop, gravity=gravity)
    source = (source_width, source_height)
    frame = framed(component, source, ONE, has_alpha=False)
    assert min(frame.size) >= 1
    if frame.window is not None:
        left, top, right, bottom = frame.window.box
        assert 0 <= left < right <= source_width
        assert 0 <= top < bottom <= source_height
        assert min(frame.window.size) >= 1
    if frame.canvas is not None and frame.window is not None:
        assert frame.window.size[0] <= frame.canvas.size[0]
        assert frame.window.size[1] <= frame.canvas.size[1]


@given(st.sampled_from((Crop.FILL, Crop.THUMB, Crop.PAD, Crop.LPAD, Crop.SCALE)), SIDES, SIDES, SIDES, SIDES)
def test_exact_modes_are_exact(crop: Crop, source_width: int, source_height: int, width: int, height: int) -> None:
    component = Component(width=Pixels(width), height=Pixels(height), crop=crop)
    assert framed(component, (source_width, source_height), ONE, has_alpha=False).size == (width, height)


def test_a_crop_outside_the_picture_is_refused_and_not_blank() -> None:
    with pytest.raises(BadTransformation, match="Invalid transformation component"):
        size_of("c_crop,w_10,x_500", (400, 200))


def test_density_multiplies_pixels_and_not_shares() -> None:
    assert size_of("w_100", (400, 200), Fraction(2)) == (200, 100)
    assert size_of("w_0.5", (400, 200), Fraction(2)) == (200, 100)


def test_the_ground_of_a_pad_depends_on_the_picture() -> None:
    component = parse_component("c_pad,h_100,w_100")
    opaque = framed(component, (40, 20), ONE, has_alpha=False).canvas
    transparent = framed(component, (40, 20), ONE, has_alpha=True).canvas
    assert opaque is not None
    assert transparent is not None
    assert opaque.color == WHITE
    assert transparent.color.alpha == 0


@pytest.mark.parametrize(
    "text", ["x_0.5", "y_10", "x_10,y_10", "c_crop,x_10,y_10", "c_crop", "c_thumb,g_north", "c_pad,x_5"]
)
def test_what_needs_a_size_and_has_none_is_refused_by_name(text: str) -> None:
    with pytest.raises(BadTransformation, match=f"^Invalid transformation component - {text} "):
        size_of(text, (400, 200))


@pytest.mark.parametrize("text", ["c_crop,h_10,w_10,x_400", "c_crop,g_north_west,h_10,w_10,y_-10"])
def test_a_crop_outside_the_picture_is_refused_by_name(text: str) -> None:
    with pytest.raises(BadTransformation, match=f"^Invalid transformation component - {text} "):
        size_of(text, (400, 200))


def test_a_ratio_is_a_size() -> None:
    assert size_of("ar_1:1,c_crop,x_10,y_10", (400, 200)) == (200, 190)


@given(st.sampled_from(sorted(AUTO_CROPS)), SIDES, SIDES, SIDES, SIDES, st.none() | st.integers(0, 100))
def test_what_is_looked_at_holds_what_is_shown(
    crop: Crop, source_width: int, source_height: int, width: int, height: int, aggressiveness: int | None
) -> None:
    if crop in {Crop.CROP, Crop.FILL, Crop.LFILL, Crop.FILL_PAD}:
        aggressiveness = None
    source = (source_width, source_height)
    component = Component(
        width=Pixels(width), height=Pixels(height), crop=crop, gravity=Gravity.AUTO, aggressiveness=aggressiveness
    )
    frame = framed(component, source, ONE, has_alpha=False)
    seen = frame.window.size if frame.window else source
    assert frame.look is not None
    assert frame.size == frame.look.size
    for side in (0, 1):
        assert 1 <= frame.look.size[side] <= frame.look.reach[side] <= seen[side]
        assert frame.look.reach[side] <= 2 * frame.look.size[side] + 1
    plain = framed(
        Component(width=Pixels(width), height=Pixels(height), crop=_alike(crop)), source, ONE, has_alpha=False
    )
    assert frame.size == plain.size


def _alike(crop: Crop) -> Crop:
    return crop if crop in {Crop.CROP, Crop.LFILL} else Crop.FILL


def test_a_box_that_somebody_named_is_what_is_shown() -> None:
    faces = Faces(framing=((0.0, 0.0, 50.0, 50.0),), custom=((300.0, 100.0, 400.0, 200.0),))
    for text, box in (
        ("c_crop,g_custom", (300, 100, 400, 200)),
        ("c_crop,g_custom,h_50,w_50", (325, 125, 375, 175)),
        ("c_crop,g_auto,h_50,w_50", (325, 125, 375, 175)),
        ("c_thumb,g_custom,h_50,w_50", (275, 75, 425, 225)),
        ("c_thumb,g_custom:face,h_50,w_50,z_1.5", (300, 100, 400, 200)),
        ("c_fill,g_auto,h_200,w_100", (250, 0, 450, 400)),
        ("c_crop,g_face:auto", (0, 0, 50, 50)),
    ):
        frame = framed(parse_component(text), (800, 400), ONE, has_alpha=False, faces=faces)
        assert frame.window is not None
        assert frame.window.box == box, text
        assert frame.look is None


def test_what_is_favoured_is_told_in_the_pixels_that_are_looked_at() -> None:
    faces = Faces(framing=((300.0, 100.0, 400.0, 200.0),))
    for text, box in (
        ("c_fill,g_auto,h_100,w_100", (75.0, 25.0, 100.0, 50.0)),
        ("c_fill,g_faces:auto,h_100,w_100", None),
        ("c_crop,g_auto,h_100,w_100", (300.0, 100.0, 400.0, 200.0)),
    ):
        frame = framed(parse_component(text), (800, 400), ONE, has_alpha=False, faces=faces)
        assert (frame.look.favoured if frame.look else None) == ((box,) if box else None), text
    frame = framed(parse_component("c_fill,g_faces:auto,h_100,w_100"), (800, 400), ONE, has_alpha=False)
    assert frame.look is not None


def test_a_closer_look_never_enlarges_the_original() -> None:
    near = framed(parse_component("c_thumb,g_auto,h_100,w_100"), (150, 150), ONE, has_alpha=False)
    assert near.window is None
    assert near.look is not None
    assert near.look.reach == (150, 150)


@pytest.mark.parametrize("crop", ["", "c_scale,", "c_fit,", "c_limit,", "c_mfit,", "c_pad,", "c_lpad,", "c_mpad,"])
@pytest.mark.parametrize("size", ["", ",h_10,w_10"])
def test_automatic_gravity_is_refused_where_it_means_nothing_in_cloudinarys_words(crop: str, size: str) -> None:
    with pytest.raises(BadTransformation) as caught:
        size_of(f"{crop}g_auto{size}", (400, 200))
    assert caught.value.message == REFUSAL == "Use auto gravity only with crop, fill, lfill, fill_pad or thumb"


@pytest.mark.parametrize(
    "text",
    [
        "c_fill_pad,h_10,w_10",
        "c_auto_pad,g_north,h_10,w_10",
        "c_auto,h_10,w_10",
        "c_fill,g_auto:50,h_10,w_10",
        "c_fill,g_auto,h_10,w_10,x_5",
        "c_pad,g_xy_center,h_10,w_10",
        "b_blurred,c_fill,h_10,w_10",
        "b_blurred",
        "c_auto,g_auto",
        "c_fill_pad,g_auto",
    ],
)
def test_what_does_not_go_together_is_refused_by_name(text: str) -> None:
    with pytest.raises(BadTransformation, match=f"^Invalid transformation component - {text} "):
        size_of(text, (400, 200))
