"""URLs against the language: parse, evaluate, plan. Whatever comes, it ends as a plan or as one of the declared errors.

Checked of each: no other exception, no long time, the canonical text is a fixed point, evaluating twice is the same.
"""

from __future__ import annotations

import random
import time

from domicile.imaging.job import MediaLimits
from domicile.imaging.plan_limits import plan_limits
from domicile.media.chain import chained
from domicile.media.cost import PIXELS_MIN, pixels_of
from domicile.media.errors import AssetNotFound, BadSignature, BadTransformation, BadUrl, LimitExceeded, MediaError
from domicile.media.evaluate import Known, evaluate
from domicile.media.facts import SourceFacts
from domicile.media.grammar import DEFAULT_LIMITS, PARAMETERS, build_transformation, parse_transformation
from domicile.media.layer import LayerName
from domicile.media.overlay import Inputs, Shown
from domicile.media.pending import Hints, read_named, settled
from domicile.media.plan import make_plan
from domicile.media.program import parse_segment
from domicile.media.split import Candidate
from domicile.media.transformation import Transformation
from domicile.media.url import build, parse

DECLARED = (BadUrl, BadTransformation, LimitExceeded, BadSignature, AssetNotFound)
"""What `url.parse` says that it raises."""
SECONDS_MAX = 1.0
"""Of processor time, for one URL."""
LIMITS = plan_limits(MediaLimits())
FORMATS = ("jpg", "png", "webp", "avif", "gif")
NAMED = read_named({"a": "c_fill,h_10,w_$a", "b": "if_w_gt_5/e_blur/if_end"})
HINTS = Hints(dpr="2.0", width="300")
PICTURES = tuple(
    Known(
        facts=SourceFacts(
            format=format_, width=width, height=height, frames=frames, has_alpha=has_alpha, orientation=orientation,
            body_bytes=1000, md5="0" * 32,
        ),
        tags=("a", "b"),
        context={"a": "5", "caption": "x"},
    )
    for format_, width, height, frames, has_alpha, orientation in (
        ("jpg", 4000, 3000, 1, False, 6),
        ("png", 1, 1, 1, True, 1),
        ("gif", 300, 200, 9, True, 1),
        ("tiff", 90, 5000, 3, False, 8),
        ("webp", 16_000, 2, 1, False, 1),
    )
)  # fmt: skip


class Everything(dict[tuple[LayerName, int | None], Shown]):
    """Whatever a layer names is a picture, and there are some of each kind."""

    def get(self, key: tuple[LayerName, int | None], default: Shown | None = None) -> Shown:  # type: ignore[override]
        return Shown(facts=PICTURES[len(key[0].public_id) % len(PICTURES)].facts)


INPUTS = Inputs(pictures=Everything(), measure=lambda text, box: (box.width or 90, box.height or 20))

SEEDS = (
    "/demo/image/upload/c_fill,g_auto,h_400,w_600/f_auto,q_auto/v1/people/jane.jpg",
    "/demo/image/upload/$a_5,$b_!x!/if_w_gt_100_and_!a!_in_tags,w_$a_mul_2/if_else/e_blur:$a/if_end/sample",
    "/demo/image/authenticated/s--AAAAAAAA--/t_a/t_b/dpr_auto,w_auto:100:400/v12/a%20b.png",
    "/demo/image/upload/a_45,b_rgb:ff000080,bo_4px_solid_red,r_20:0:max/c_pad,ar_16:9,w_0.5/d_none.png/x",
    "/demo/image/upload/e_pixelate_faces:20/c_thumb,g_face:center,w_90,h_90,z_0.7/o_50,e_shadow:40,x_5,y_-5/y",
    "/demo/image/upload/l_a:logo,w_100,o_60/fl_layer_apply,g_south_east,x_10/l_text:Arial_40_bold:Hi%20there/v1/z.webp",
    "/demo/image/upload/e_trim:10:rgb:fff/c_crop,x_10,y_10,w_100,h_100/pg_2,dn_72,cs_srgb/e_outline:5,co_blue/k.gif",
    "/demo/images/v1/name/suffix.jpg",
    "/demo/iu/c_scale,w_iw_div_2/name",
)
WORDS = (
    *(f"{key}_" for key in PARAMETERS), "/", ",", "_", ":", ".", "-", "%2C", "%2F", "%25", "%00", "%C3%A9", "$a", "$b_",
    "!x!", "if_", "if_else", "if_end", "_and_", "_or_", "_add_", "_sub_", "_mul_", "_div_", "_mod_", "_pow_", "_gt_",
    "_in_tags", "ctx:!a!", "iw", "ih", "iar", "cp", "pc", "0", "1", "0.0", "1e9", "99999999", "-1", "0.0000001", "auto",
    "max", "rgb:fff", "ar_16:9", "fl_layer_apply", "l_text:Arial_20:", "u_", "t_a", "t_b", "s--AAAAAAAA--", "v1", "v0",
    "..", "//", "\u202e", "é", "\ud800", "~", "+", " ", "?", "#", ";", "=", "A" * 300, "9" * 40,
)  # fmt: skip
MUTATIONS_MAX = 6


class Finding(AssertionError):
    """A URL that broke a rule."""


def url(rng: random.Random) -> str:
    """A raw path, some of it sensible."""
    text = rng.choice(SEEDS)
    for _ in range(rng.randint(1, MUTATIONS_MAX)):
        at, to = sorted((rng.randint(0, len(text)), rng.randint(0, len(text))))
        match rng.randrange(6):
            case 0:
                text = text[:at] + rng.choice(WORDS) + text[at:]
            case 1:
                text = text[:at] + rng.choice(WORDS) + text[min(to, at + 8) :]
            case 2:
                text = text[:at] + text[min(to, at + 12) :]
            case 3:
                text = text[:to] + text[at:to] * rng.randint(1, 3) + text[to:]
            case 4:
                other = rng.choice(SEEDS)
                text = text[:at] + other[rng.randint(0, len(other)) :]
            case _:
                text = text[:at] + chr(rng.choice((*[rng.randrange(33, 127)] * 9, rng.randrange(0x110000)))) + text[at:]
    return text


def check(raw: str) -> str:
    """What came of it: "plan", or the class of the refusal. Raises Finding, or whatever should not have been raised."""
    started = time.process_time()
    outcome = _run(raw)
    if (seconds := time.process_time() - started) > SECONDS_MAX:
        raise Finding(f"took {seconds:.1f} s")
    return outcome


def _run(raw: str) -> str:
    try:
        request = parse(raw)
    except DECLARED as refused:
        return type(refused).__name__
    try:
        build(request)
    except UnicodeEncodeError as lost:
        raise Finding("a path that can be read cannot be written") from lost
    outcomes = {_candidate(candidate) for candidate in request.candidates}
    return "plan" if "plan" in outcomes else min(outcomes)


def _candidate(candidate: Candidate) -> str:
    try:
        if candidate.pending:
            candidate = candidate.settled(settled(candidate.pending, NAMED, HINTS, DEFAULT_LIMITS).chain)
    except DECLARED as refused:
        return type(refused).__name__
    text = candidate.transformation_text
    if text:
        again = chained([parse_segment(segment, DEFAULT_LIMITS) for segment in text.split("/")], DEFAULT_LIMITS)
        if again.text != text:
            raise Finding(f"not canonical: {text!r} -> {again.text!r}")
    outcomes = {_planned(candidate, known) for known in PICTURES}
    return "plan" if "plan" in outcomes else min(outcomes)


def _planned(candidate: Candidate, known: Known) -> str:
    transformation = candidate.transformation
    if candidate.program is not None:
        try:
            transformation = evaluate(candidate.program, known)
        except BadTransformation as refused:
            return type(refused).__name__
        if evaluate(candidate.program, known) != transformation:
            raise Finding("a program comes to two things")
    plain = build_transformation(transformation)
    if candidate.program is not None and _read(plain) not in {transformation, None}:
        raise Finding(f"not plain: {plain!r}")
    if pixels_of(plain, known.facts, candidate.extension, LIMITS) < PIXELS_MIN:
        raise Finding("costs nothing")
    outcome = "plan"
    for wanted in FORMATS:
        try:
            plan = make_plan(transformation, known.facts, wanted, LIMITS, inputs=INPUTS)
        except MediaError as refused:
            outcome = type(refused).__name__
            if not isinstance(refused, DECLARED):
                raise Finding(f"make_plan raises {outcome}") from refused
            continue
        if min(plan.size) < 1 or plan.size[0] * plan.size[1] > max(LIMITS.output_pixels_max, _area(known)):
            raise Finding(f"planned {plan.size}")
    return outcome


def _area(known: Known) -> int:
    return known.facts.width * known.facts.height


def _read(plain: str) -> Transformation | None:
    """None: longer than what a URL may say, which a program may come to."""
    try:
        return parse_transformation(plain, DEFAULT_LIMITS)
    except LimitExceeded:
        return None
