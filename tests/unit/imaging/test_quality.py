"""Numbers for encoders."""

from __future__ import annotations

import pytest

from domicile.imaging.choice import usual
from domicile.imaging.quality import encoder_quality
from domicile.media.transformation import Quality


def test_a_level_is_jpegs_and_webps_own() -> None:
    assert encoder_quality(Quality(61), "jpg") == 61
    assert encoder_quality(Quality(61), "webp") == 61


def test_avif_is_mapped_and_rises_with_every_level() -> None:
    values = [encoder_quality(Quality(level), "avif") for level in range(1, 101)]
    assert values == sorted(values)
    assert values[79] == 64
    assert 1 <= values[0] < values[-1] <= 100


@pytest.mark.parametrize("output_format", ["jpg", "webp", "avif"])
def test_automatic_levels_fall_in_order(output_format: str) -> None:
    levels = [encoder_quality(Quality(None, name), output_format) for name in ("best", "good", "eco", "low")]
    assert levels == sorted(levels, reverse=True)
    assert len(set(levels)) == 4
    assert encoder_quality(Quality(None), output_format) == usual(output_format, 76)


def test_the_default_is_80_and_more_for_what_was_not_asked_to_change() -> None:
    assert encoder_quality(None, "jpg") == 80
    assert encoder_quality(None, "jpg", untouched=True) == 95
    assert encoder_quality(None, "png") == 100
