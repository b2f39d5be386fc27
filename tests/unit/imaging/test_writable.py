"""f_auto never ends in a format that cannot be written; what was asked for by name is refused instead."""

from __future__ import annotations

import msgspec
import pytest
from PIL import Image

from domicile.imaging.writable import PIXELS_MAX, can_write, planned
from domicile.media.errors import BadTransformation, LimitExceeded, MediaError
from domicile.media.facts import SourceFacts
from domicile.media.grammar import parse_transformation
from domicile.media.plan import PlanLimits

FACTS = SourceFacts(
    format="jpg", width=400, height=400, frames=1, has_alpha=False, orientation=1, body_bytes=1, md5="", mode="RGB"
)
LIMITS = PlanLimits(output_pixels_max=40_000_000, output_side_max=65_500, animation_pixels_max=10**8)


def written(text: str, bucket: str = "avif", extension: str | None = None, facts: SourceFacts = FACTS) -> str:
    return planned(parse_transformation(text), extension, facts, bucket, LIMITS).format


@pytest.mark.parametrize(
    "side, bucket, expected",
    [
        (3464, "avif", "avif"),
        (3465, "avif", "webp"),
        (5477, "webp", "webp"),
        (5478, "avif", "jpg"),
        (6000, "webp", "jpg"),
        (6000, "legacy", "jpg"),
    ],
)
def test_a_picture_too_large_for_the_best_format_gets_the_next(side: int, bucket: str, expected: str) -> None:
    assert written(f"c_scale,f_auto,h_{side},w_{side}", bucket) == expected
    holes = msgspec.structs.replace(FACTS, has_alpha=True)
    assert written(f"c_scale,f_auto,h_{side},w_{side}", bucket, facts=holes) == expected.replace("jpg", "png")


def test_a_side_too_long_for_webp_is_no_reason_to_refuse_either() -> None:
    assert written("c_scale,f_auto,h_10,w_20000", "webp") == "jpg"


@pytest.mark.parametrize(
    "text, extension",
    [
        ("c_scale,f_avif,h_3465,w_3465", None),
        ("c_scale,h_3465,w_3465", "avif"),
        ("c_scale,f_webp,h_5478,w_5478", None),
    ],
)
def test_a_format_asked_for_by_name_has_its_limit(text: str, extension: str | None) -> None:
    with pytest.raises(LimitExceeded, match=r"for (avif|webp)"):
        written(text, "", extension)


@pytest.mark.parametrize("own", ["png", "gif", "webp", "jpg"])
def test_a_large_original_is_given_back_and_can_be_had_as_jpeg_but_not_as_what_takes_too_long(own: str) -> None:
    large = msgspec.structs.replace(FACTS, width=10_000, height=10_000, format=own)
    assert written("", "", facts=large) == own
    assert written("q_80", "", "jpg", facts=large) == "jpg"
    assert written("f_auto,q_auto", "avif", facts=large) == "jpg"
    for extension in PIXELS_MAX:
        with pytest.raises(LimitExceeded, match=f"for {extension}"):
            written("q_80", "", extension, facts=large)


def test_too_large_for_any_format_is_over_the_limit() -> None:
    with pytest.raises(LimitExceeded, match="40000000"):
        written("c_scale,f_auto,h_7000,w_7000")


def test_a_pillow_without_an_encoder_is_asked_for_nothing_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    Image.init()
    assert can_write("avif")
    monkeypatch.delitem(Image.SAVE, "AVIF")
    assert written("f_auto,w_100") == "webp"
    monkeypatch.delitem(Image.SAVE, "WEBP")
    assert written("f_auto,w_100") == "jpg"
    with pytest.raises(BadTransformation, match="Unsupported image format - avif"):
        written("f_avif,w_100", "")


@pytest.mark.parametrize("extension", ["jpg", "png", "webp", "avif", "gif"])
def test_what_is_small_is_written_as_asked(extension: str) -> None:
    assert written("w_100", "", extension) == extension


def test_what_cannot_be_made_at_all_is_still_said() -> None:
    with pytest.raises(MediaError):
        written("c_crop,f_auto,w_10,x_400")
