"""Which formats can hold a picture: sides, AVIF's pixels, the encoder's memory."""

from __future__ import annotations

import msgspec
import pytest

from domicile.imaging.job import MediaLimits
from domicile.media.negotiate import TYPES
from domicile.media.writing import ENCODER_BYTES, PROBE_BYTES, SIDE_MAX, cannot_write

LIMITS = MediaLimits()
TWELVE, TWENTY_FOUR, FIFTY, HUNDRED = (4000, 3000), (6000, 4000), (8000, 6250), (10_000, 10_000)


def test_every_format_that_we_write_is_known() -> None:
    assert set(SIDE_MAX) == set(ENCODER_BYTES) == set(TYPES)


@pytest.mark.parametrize(
    ("output_format", "size", "has_alpha", "named"),
    [
        ("avif", TWELVE, False, None),
        ("avif", (4001, 3000), False, "avif_pixels_max"),
        ("avif", TWELVE, True, "working_bytes_max"),
        ("avif", (3000, 3000), True, None),
        ("webp", TWENTY_FOUR, False, None),
        ("webp", FIFTY, False, "working_bytes_max"),
        ("webp", TWENTY_FOUR, True, "working_bytes_max"),
        ("webp", (16_384, 10), False, "16383"),
        ("jpg", HUNDRED, False, None),
        ("jpg", HUNDRED, True, "working_bytes_max"),
        ("jpg", (65_501, 10), False, "65500"),
        ("png", (8000, 5000), True, None),
        ("png", HUNDRED, True, "40000000 pixels"),
        ("gif", TWELVE, False, None),
        ("gif", TWENTY_FOUR, False, "working_bytes_max"),
    ],
)
def test_a_picture_that_cannot_be_written_is_told_which_limit(
    output_format: str, size: tuple[int, int], has_alpha: bool, named: str | None
) -> None:
    complaint = cannot_write(output_format, size, LIMITS, has_alpha=has_alpha)
    assert (complaint is None) if named is None else (complaint is not None and named in complaint)


def test_the_frames_of_an_animation_are_held_together() -> None:
    assert cannot_write("webp", (1000, 1000), LIMITS, frames=100) is None
    assert "working_bytes_max" in (cannot_write("webp", (1000, 1000), LIMITS, frames=120) or "")


def test_what_is_probed_holds_the_probe_or_the_encoder_and_not_both() -> None:
    small = msgspec.structs.replace(LIMITS, working_bytes_max=PROBE_BYTES + 4 * 1000 * 1000)
    assert cannot_write("jpg", (1000, 1000), small, probed=True) is None
    assert "working_bytes_max" in (cannot_write("jpg", (1000, 1001), small, probed=True) or "")
    assert cannot_write("jpg", (1000, 1001), small) is None
    assert cannot_write("avif", (1000, 1000), LIMITS, probed=True) == cannot_write("avif", (1000, 1000), LIMITS)


def test_a_progressive_jpeg_needs_its_coefficients() -> None:
    assert cannot_write("jpg", FIFTY, LIMITS) is None
    assert "working_bytes_max" in (cannot_write("jpg", FIFTY, LIMITS, progressive=True) or "")
