"""Strategies for transformations in the language's own terms: every value that the grammar can write."""

from __future__ import annotations

from hypothesis import assume
from hypothesis import strategies as st

from domicile.media.errors import MediaError
from domicile.media.fonts import FAMILIES
from domicile.media.grammar import COMPONENT_CHARS_MAX, GrammarLimits, build_component
from domicile.media.layer import LAYER_TYPES, Layer, LayerName
from domicile.media.layers import check_layers
from domicile.media.params.adjustment import BLUR_MAX, COLORS_MAX, LEVELS, MODE_DEFAULTS, MODES, PLAIN
from domicile.media.params.color import TRANSPARENT
from domicile.media.params.default import DEFAULT_ENCODED_CHARS_MAX, public_id_of, write_default
from domicile.media.params.density import DENSITY_MAX, DENSITY_MIN
from domicile.media.params.effect import STRENGTH_MAX
from domicile.media.params.flags import (
    ATTACHMENT,
    ATTACHMENT_ENCODED_CHARS_MAX,
    FLAGS,
    FORBIDDEN_IN_NAME,
    PNG_BITS,
    write_name,
)
from domicile.media.params.ground import AUTO as AUTO_COLORS
from domicile.media.params.ground import BRIGHTNESS_MAX, BRIGHTNESS_MIN, INTENSITY_MAX
from domicile.media.params.layer import LAYER_ENCODED_CHARS_MAX, write_picture
from domicile.media.params.page import PAGE_MAX
from domicile.media.params.quality import AUTO
from domicile.media.params.shape import WORDS
from domicile.media.params.size import ASPECT_DENOMINATOR_MAX, SIDE_MAX
from domicile.media.params.space import SPACES
from domicile.media.public_id import public_id_problem
from domicile.media.text import ALIGNMENTS, WEIGHTS, TextLayer, TextStyle
from domicile.media.transformation import (
    AutoColor,
    Blurred,
    Border,
    Color,
    Component,
    Crop,
    Effect,
    Focal,
    Gravity,
    Pixels,
    Quality,
    Radii,
    Share,
    Size,
    Transformation,
)

pixels = st.integers(1, SIDE_MAX).map(Pixels)
shares = st.integers(1, 100_000_000).map(lambda millionths: Share(millionths / 1_000_000))
sizes: st.SearchStrategy[Size] = pixels | shares
offsets: st.SearchStrategy[Size] = st.integers(-SIDE_MAX, SIDE_MAX).map(Pixels) | st.integers(
    -100_000_000, 100_000_000
).map(lambda millionths: Share(millionths / 1_000_000))
aspects = (
    st.tuples(st.integers(1, ASPECT_DENOMINATOR_MAX), st.integers(1, ASPECT_DENOMINATOR_MAX))
    .map(lambda sides: sides[0] / sides[1])
    .filter(lambda ratio: 0.001 <= ratio <= 1000)
)
dprs = st.integers(1000, 100_000).map(lambda parts: parts / 10_000)
zooms = st.integers(10, 1000).map(lambda hundredths: hundredths / 100)
turns = st.integers(0, 359) | st.sampled_from(sorted(WORDS))
corners = st.integers(0, 3) | st.integers(0, SIDE_MAX)
radii = st.just(Radii(is_max=True)) | st.tuples(corners, corners, corners, corners).map(Radii)
byte = st.integers(0, 255)
colors = st.just(TRANSPARENT) | st.builds(Color, byte, byte, byte, byte)
qualities = st.builds(Quality, st.integers(1, 100), st.just(""), st.sampled_from(["", "420", "444"])) | st.builds(
    Quality, st.none(), st.sampled_from(sorted(AUTO)), st.sampled_from(["", "420", "444"]), st.booleans()
)
effects = st.sampled_from(sorted(STRENGTH_MAX)).flatmap(
    lambda name: st.builds(
        Effect, st.just(name), st.none() if name == "grayscale" else st.none() | st.integers(1, STRENGTH_MAX[name])
    )
)
adjustments = st.sampled_from(sorted(LEVELS)).flatmap(
    lambda name: st.builds(
        Effect,
        st.just(name),
        st.integers(*LEVELS[name]) if name in {"trim", "outline"} else st.none() | st.integers(*LEVELS[name]),
        st.sampled_from(["", *sorted(MODES.get(name, frozenset()) - {MODE_DEFAULTS.get(name)})]),
        st.none() | st.integers(1, BLUR_MAX) if name == "outline" else st.none(),
        st.lists(
            st.tuples(colors, st.none() | st.integers(0, 100) if name == "tint" else st.none()),
            max_size=COLORS_MAX.get(name, 0),
        ).map(tuple),
    )
) | st.sampled_from(sorted(PLAIN)).map(Effect)
auto_colors = st.sampled_from(sorted(AUTO_COLORS)).map(AutoColor)
blurs = st.builds(Blurred) | st.builds(
    Blurred, st.integers(1, INTENSITY_MAX), st.none() | st.integers(BRIGHTNESS_MIN, BRIGHTNESS_MAX)
)
file_names = st.text(min_size=1, max_size=40).filter(
    lambda name: (
        name.isprintable()
        and FORBIDDEN_IN_NAME.isdisjoint(name)
        and len(write_name(name)) <= ATTACHMENT_ENCODED_CHARS_MAX
    )
)


default_images = st.text(min_size=1, max_size=30).filter(
    lambda text: public_id_problem(public_id_of(text)) is None and len(write_default(text)) <= DEFAULT_ENCODED_CHARS_MAX
)
layer_ids = st.text(min_size=1, max_size=30) | st.sampled_from(["private", "text/a", "upload/b", "video", "a/fetch"])
own_names = st.builds(LayerName, st.sampled_from([kind for kind in LAYER_TYPES if kind != "fetch"]), layer_ids).filter(
    lambda name: public_id_problem(name.public_id) is None
)
addresses = st.builds("{}://{}".format, st.sampled_from(["http", "https"]), st.text(max_size=40))
layer_names = (own_names | st.builds(LayerName, st.just("fetch"), addresses)).filter(
    lambda name: len(write_picture(name)) <= LAYER_ENCODED_CHARS_MAX
)
text_styles = st.builds(
    TextStyle,
    family=st.sampled_from(sorted(FAMILIES)),
    size=st.integers(1, GrammarLimits().font_size_max),
    weight=st.sampled_from(["", *WEIGHTS]),
    italic=st.booleans(),
    alignment=st.sampled_from(["", *ALIGNMENTS]),
    line_spacing=st.integers(-1000, 1000).map(lambda tenths: tenths / 10),
)
texts = st.builds(TextLayer, style=text_styles, characters=st.text(min_size=1, max_size=30)).filter(
    lambda text: text.characters.strip() and all(char.isprintable() for char in text.characters)
)
layers = st.builds(Layer, layer_names | texts, st.booleans())


@st.composite
def components(draw: st.DrawFn) -> Component:
    flags = draw(
        st.frozensets(
            st.sampled_from(sorted(flag for flag in FLAGS - set(PNG_BITS) if "progressive" not in flag)), max_size=4
        )
    )
    progressive = draw(st.sampled_from([None, *sorted(flag for flag in FLAGS if "progressive" in flag)]))
    if progressive is not None:
        flags |= {progressive}
    flags |= draw(st.sampled_from([frozenset[str](), *(frozenset({flag}) for flag in sorted(PNG_BITS))]))
    gravity = draw(st.none() | st.sampled_from(Gravity))
    component = Component(
        width=draw(st.none() | sizes),
        height=draw(st.none() | sizes),
        aspect=draw(st.none() | aspects),
        crop=draw(st.none() | st.sampled_from(Crop)),
        gravity=gravity,
        focal=draw(st.none() | st.sampled_from(Focal)) if gravity is Gravity.AUTO else None,
        aggressiveness=draw(st.none() | st.integers(0, 100)) if gravity is Gravity.AUTO else None,
        x=draw(st.none() | offsets),
        y=draw(st.none() | offsets),
        zoom=draw(st.none() | zooms),
        dpr=draw(st.none() | dprs),
        angles=tuple(draw(st.lists(turns, max_size=4))),
        radii=draw(st.none() | radii),
        effect=draw(st.none() | effects | adjustments),
        color=draw(st.none() | colors),
        opacity=draw(st.none() | st.integers(0, 100)),
        border=draw(st.none() | st.builds(Border, st.integers(0, SIDE_MAX), colors)),
        background=draw(st.none() | colors | auto_colors | blurs),
        quality=draw(st.none() | qualities),
        color_space=draw(st.none() | st.sampled_from(sorted(SPACES))),
        format=draw(st.none() | st.sampled_from(["jpg", "png", "webp", "avif", "gif", "auto"])),
        page=draw(st.none() | st.integers(1, PAGE_MAX)),
        density=draw(st.none() | st.integers(DENSITY_MIN, DENSITY_MAX)),
        flags=flags,
        attachment_name=draw(st.none() | file_names) if ATTACHMENT in flags else None,
        default_image=draw(st.none() | default_images),
        layer=draw(st.none() | layers),
    )
    assume(len(build_component(component)) <= COMPONENT_CHARS_MAX)
    return component if component != Component() else Component(width=Pixels(1))


def _is_sound(transformation: Transformation) -> bool:
    """Does every `fl_layer_apply` close a layer?"""
    try:
        check_layers(transformation.components, GrammarLimits())
    except MediaError:
        return False
    return True


transformations = st.lists(components(), max_size=4).map(lambda found: Transformation(tuple(found))).filter(_is_sound)
