"""Limits hold again for what follows a trim; sizes and pixels are in tests/vectors/picture/trim.txt."""

from __future__ import annotations

import msgspec
import pytest

from domicile.imaging.job import Done, MediaLimits, Outcome, RenderJob
from domicile.imaging.pipeline import render
from tests.pictures.synthetic import saved, spotted, walking

TALL = saved(spotted(400, 100, 10, 0, 100).crop((0, 0, 20, 100)))
"""Ten columns are left of twenty: scaled to the same width they are twice as high."""


def made(transformation: str, body: bytes = TALL, extension: str = "png", **limits: int) -> Outcome:
    """The outcome under changed limits."""
    changed = msgspec.structs.replace(MediaLimits(), **limits)
    return render(body, RenderJob(transformation=transformation, extension=extension, bucket="", limits=changed))[0]


def test_a_size_that_comes_of_a_trim_is_limited_too() -> None:
    done = made("e_trim/w_100")
    assert isinstance(done, Done)
    assert (done.width, done.height) == (100, 1000)
    assert not isinstance(made("e_trim/w_100", output_side_max=999), Done)
    assert not isinstance(made("e_trim/w_100", output_pixels_max=99_999), Done)
    assert isinstance(made("w_100/e_trim", output_side_max=999), Done)
    assert isinstance(made("w_100/e_trim", output_pixels_max=99_999), Done)


def test_memory_for_what_follows_a_trim_is_limited_too() -> None:
    assert isinstance(made("e_trim/w_50", working_bytes_max=300_000), Done)
    assert not isinstance(made("e_trim/w_100", working_bytes_max=300_000), Done)


@pytest.mark.parametrize(("bytes_max", "expected"), [(1_400_000, True), (1_100_000, False)])
def test_frames_that_wait_for_a_trim_are_counted(bytes_max: int, *, expected: bool) -> None:
    body = walking(400, 200, "GIF")
    assert isinstance(made("e_trim/w_10", body, "gif", working_bytes_max=bytes_max), Done) is expected
    assert isinstance(made("w_10", body, "gif", working_bytes_max=1_000_000), Done)
