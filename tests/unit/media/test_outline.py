from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import msgspec
import pytest

from domicile.media.errors import BadTransformation, LimitExceeded
from domicile.media.faces import Faces
from domicile.media.facts import SourceFacts
from domicile.media.geometry import Window
from domicile.media.grammar import parse_transformation
from domicile.media.layer import LayerName
from domicile.media.overlay import BOXES_MAX, LAID_MAX, LAID_PIXELS_MAX, Inputs, Overlay, Shown
from domicile.media.placement import Blend
from domicile.media.plan import Plan, make_plan
from domicile.media.stage import Stage
from domicile.media.text import DRAWING_BYTES, TextBox, TextLayer
from domicile.media.transformation import Border, Color
from tests.unit.media.plans import FACTS, LIMITS

LOGO = LayerName("upload", "logo")
FACE = (100.0, 50.0, 140.0, 90.0)
OTHER = (300.0, 60.0, 320.0, 80.0)


def shown(width: int = 40, height: int = 20, faces: Faces = Faces(), redaction: str = "") -> Shown:  # noqa: B008
    facts = msgspec.structs.replace(FACTS, width=width, height=height, orientation=1)
    return Shown(facts=facts, faces=faces, redaction=redaction)


def plan(text: str, faces: Faces = Faces(), logo: Shown | None = None) -> Plan:  # noqa: B008
    """Of a picture of 400 x 200."""
    given = {(LOGO, page): logo or shown() for page in (None, 2)}
    inputs = Inputs(pictures=given, measure=lambda text, box: (len(text.characters) * 10, box.width or 10))
    return make_plan(parse_transformation(text), FACTS, "png", LIMITS, faces, inputs=inputs)


def overlays(made: Plan) -> list[Overlay]:
    return [stage for stage in made.stages if isinstance(stage, Overlay)]


def the_overlay(made: Plan) -> Overlay:
    [found] = overlays(made)
    return found


def test_a_layers_window_is_taken_while_it_is_decoded() -> None:
    making = the_overlay(plan("l_logo/c_scale,w_20/fl_layer_apply")).making
    assert (making.window, making.stages, making.size) == (Window((0, 0, 40, 20), (20, 10)), (), (20, 10))


def test_what_a_policy_hides_of_a_layer_is_hidden_before_anything_is_done_to_it() -> None:
    face = Faces(covering=((10.0, 5.0, 20.0, 15.0),))
    making = the_overlay(plan("l_logo,c_crop,w_5,h_5", logo=shown(faces=face, redaction="pixelate_faces"))).making
    first = making.stages[0]
    assert isinstance(first, Stage)
    assert first.redaction is not None
    assert making.window == Window((0, 0, 40, 20), (40, 20)), "all of it is decoded to be hidden"


def test_the_base_is_not_hidden_for_a_layers_sake() -> None:
    made = plan("l_logo", Faces(covering=(FACE,)), logo=shown(redaction="pixelate_faces"))
    assert [stage for stage in made.stages if isinstance(stage, Stage) and stage.redaction] == []


def test_faces_of_a_layer_are_hidden_after_it_was_laid() -> None:
    face = Faces(covering=((10.0, 5.0, 20.0, 15.0),))
    made = plan("l_logo,g_north_west,x_100,y_50/e_pixelate_faces", logo=shown(faces=face))
    last = made.stages[-1]
    assert isinstance(last, Stage)
    assert last.redaction is not None
    left, top, right, bottom = last.redaction.areas[0].box
    assert left <= 110
    assert top <= 55
    assert right >= 120
    assert bottom >= 65


def test_faces_in_tiles_are_hidden_in_each_of_them() -> None:
    face = Faces(covering=((10.0, 5.0, 20.0, 15.0),))
    tiled = plan("l_logo,fl_tiled,g_north_west/e_pixelate_faces", logo=shown(faces=face)).stages[-1]
    assert isinstance(tiled, Stage)
    assert tiled.redaction is not None
    assert len(tiled.redaction.areas) == 100
    dust = plan("l_logo,fl_tiled,w_4/e_pixelate_faces", logo=shown(faces=face)).stages[-1]
    assert isinstance(dust, Stage)
    assert dust.redaction is not None
    assert [area.box for area in dust.redaction.areas] == [(0, 0, 400, 200)], f"more than {BOXES_MAX}"


def test_g_face_puts_it_on_the_largest_and_g_faces_on_every_one() -> None:
    faces = Faces(framing=(OTHER, FACE))
    single = the_overlay(plan("l_logo,g_face", faces))
    assert single.placement.layer_at == (100, 60)
    both = overlays(plan("l_logo,g_faces", faces))
    assert [one.placement.layer_at for one in both] == [(100, 60), (290, 60)]
    assert overlays(plan("l_logo,g_face")) == overlays(plan("l_logo,g_faces")) == []


def test_a_size_may_follow_the_face() -> None:
    faces = Faces(framing=(OTHER, FACE))
    both = overlays(plan("l_logo/c_scale,fl_region_relative,w_1.5/fl_layer_apply,g_faces", faces))
    assert [one.making.size for one in both] == [(60, 30), (30, 15)]


def test_a_face_on_an_animation_is_its_middle() -> None:
    still = the_overlay(plan("l_logo,g_face", Faces(framing=(FACE,), is_moving=True)))
    assert still.placement.layer_at == (180, 90)


def test_growing_for_one_face_moves_the_next() -> None:
    faces = Faces(framing=((0.0, 0.0, 20.0, 20.0), (300.0, 100.0, 310.0, 110.0)))
    first, second = overlays(plan("l_logo,g_faces", faces))
    assert first.placement.base_at == (10, 0)
    assert second.placement.layer_at == (10 + 305 - 20, 95)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("fl_layer_apply", "fl_layer_apply (there is no layer to apply)"),
        ("l_logo/fl_layer_apply/fl_layer_apply", "fl_layer_apply (there is no layer to apply)"),
        ("e_multiply", "e_multiply (needs a layer)"),
        ("l_logo/e_screen/w_5/fl_layer_apply", "e_screen (needs a layer)"),
        ("l_logo,g_auto", "g_auto (not for placing layers)"),
        ("l_logo/e_trim/fl_layer_apply", "e_trim (not in a layer)"),
        (
            "l_text:Arial_20:here%20is%20a%20text%20that%20is%20by%20far%20too%20long%20for%20this,fl_text_disallow_overflow",
            "fl_text_disallow_overflow (the text is larger than the image)",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(text: str, named: str) -> None:
    with pytest.raises(BadTransformation) as caught:
        plan(text)
    assert caught.value.message == f"Invalid transformation component - {named}"


def test_a_picture_that_was_not_given_is_refused_without_its_name() -> None:
    with pytest.raises(BadTransformation) as caught:
        plan("l_secret")
    assert caught.value.message == "Unknown or invalid referenced image"


@pytest.mark.parametrize("text", ["l_logo,x_60000", "l_logo,w_60000", "l_logo,y_20000"])
def test_a_layer_keeps_the_limits_of_the_output(text: str) -> None:
    with pytest.raises(LimitExceeded):
        plan(text)


def test_finished_layers_count_as_memory_each_once() -> None:
    bare = plan("c_scale,w_100")
    one, two = plan("c_scale,w_100/l_logo"), plan("c_scale,w_100/l_logo,g_north/l_logo,g_south")
    assert one.layer_bytes == two.layer_bytes == 40 * 20 * 4
    assert one.pixel_bytes_max > bare.pixel_bytes_max
    assert plan("l_logo,w_400,h_200").pixel_bytes_max == (1 + 1 + 3 + 1) * 400 * 200 * 4, "base, canvas, copies, layer"
    assert plan("l_logo,w_1000,fl_no_overflow").layer_bytes == 1000 * 500 * 4


def test_what_stands_beside_a_text_shapes_it() -> None:
    making = the_overlay(plan("dpr_2.0,w_200/l_text:Arial_20:Hello,co_red,c_fit,w_70,fl_text_no_trim")).making
    assert isinstance(making.content, TextLayer)
    assert making.box == TextBox(width=70, color=Color(255, 0, 0), is_trimmed=False, density=Fraction(2))
    assert making.size == (50, 70)
    scaled = the_overlay(plan("l_text:Arial_20:Hello,w_100")).making
    assert scaled.box.width is None
    assert scaled.size == (100, 20)


@pytest.mark.parametrize("beside", ["c_fit,fl_relative,w_0.5", "c_fit,fl_relative,w_200", "c_scale,w_200,h_40"])
def test_sizes_relative_to_the_picture_scale_a_text_and_break_no_lines(beside: str) -> None:
    making = the_overlay(plan(f"l_text:Arial_20:Hello,{beside}")).making
    assert making.box == TextBox()
    assert making.size[0] != 50
    assert making.window.changes((50, 10))


def test_colour_and_ground_are_those_of_the_text_and_not_of_an_effect_beside_it() -> None:
    making = the_overlay(plan("l_text:Arial_20:Hello,co_red,b_blue,e_outline")).making
    assert making.box == TextBox(color=Color(255, 0, 0), background=Color(0, 0, 255))
    [stage] = making.stages
    assert isinstance(stage, Stage)
    assert (stage.color, stage.background) == (None, None)
    [stage] = the_overlay(plan("l_text:Arial_20:Hello,co_red/co_blue,e_outline/fl_layer_apply")).making.stages
    assert isinstance(stage, Stage)
    assert stage.color == Color(0, 0, 255)


def test_a_border_is_the_outline_of_letters_where_the_style_says_stroke() -> None:
    line = Border(3, Color(255, 0, 0))
    making = the_overlay(plan("l_text:Arial_20_stroke:Hello,bo_3px_solid_red")).making
    assert (making.box.outline, making.size) == (line, (50, 10))
    making = the_overlay(plan("l_text:Arial_20:Hello,bo_3px_solid_red")).making
    assert (making.box.outline, making.size) == (None, (56, 16))


def test_what_a_text_takes_while_it_is_drawn_counts() -> None:
    assert plan("w_10/c_scale,l_text:Arial_20:Hello,w_1").makings[0].drawn == (50, 10)
    assert plan("w_10/c_crop,l_text:Arial_20:" + "x" * 400 + ",w_1,h_1").pixel_bytes_max >= 4000 * 10 * DRAWING_BYTES


def test_a_mask_may_open_holes_and_an_opaque_ground_closes_them() -> None:
    assert plan("l_logo,fl_cutter").has_alpha
    assert the_overlay(plan("l_logo,fl_cutter")).blend is Blend.MASK
    assert plan("l_logo,x_1000").has_alpha
    assert not plan("l_logo").has_alpha
    assert not plan("o_50/u_logo,w_400,h_200").has_alpha
    assert plan("o_50/u_logo").has_alpha


def test_layers_for_the_faces_of_layers_come_to_an_end() -> None:
    row = Faces(framing=tuple((float(n), 0.0, n + 1.0, 1.0) for n in range(12)))
    asked = "l_logo/l_logo,fl_layer_apply,g_faces,h_1,w_1/fl_layer_apply.no_overflow,g_faces"
    with pytest.raises(LimitExceeded, match=f"at most {LAID_MAX} may be laid"):
        plan(asked, row, shown(faces=row))
    assert len(overlays(plan(asked, Faces(framing=row.framing[:7]), shown(faces=row)))) == 7


def test_laying_has_a_limit_of_work_in_all_frames() -> None:
    moving = msgspec.structs.replace(FACTS, format="gif", frames=1000, has_alpha=True)
    inputs = Inputs(pictures={(LOGO, None): shown()})
    limits = replace(LIMITS, animation_pixels_max=10**9)

    def work(text: str, facts: SourceFacts) -> int:
        made = make_plan(parse_transformation(text), facts, "webp", limits, inputs=inputs)
        return sum(one.work for one in overlays(made))

    assert work("l_logo", FACTS) == 40 * 20
    assert work("l_logo", moving) == 400 * 200 + 40 * 20
    assert work("l_logo,fl_tiled/l_logo,fl_cutter", FACTS) == 2 * 400 * 200 + 40 * 20
    assert LAID_PIXELS_MAX < 2 * 1000 * 400 * 200
    with pytest.raises(LimitExceeded, match="too large for its layers"):
        work("l_logo/l_logo", moving)


def test_what_covers_everything_leaves_nothing_to_be_seen_through() -> None:
    assert the_overlay(plan("o_50/u_logo,fl_tiled")).is_solid
    assert not the_overlay(plan("o_50/u_logo,fl_tiled", logo=shown())).making.has_alpha
    assert not the_overlay(plan("o_50/u_logo,o_50,fl_tiled")).is_solid
    assert not the_overlay(plan("o_50/u_logo")).is_solid
