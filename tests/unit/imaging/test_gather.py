"""Many pictures become one sheet, or one animation."""

from __future__ import annotations

import io

import msgspec
import pytest
from PIL import Image, ImageSequence

from domicile.imaging.gather import gather
from domicile.imaging.job import Done, GatherJob, MediaLimits, Refused

RED, BLUE = (255, 0, 0, 255), (0, 0, 255, 255)


def piece(size: tuple[int, int], color: tuple[int, int, int, int]) -> bytes:
    body = io.BytesIO()
    Image.new("RGBA", size, color).save(body, "PNG")
    return body.getvalue()


PIECES = (piece((4, 2), RED), piece((2, 3), BLUE))


def job(**changes: object) -> GatherJob:
    usual = GatherJob(
        limits=MediaLimits(), sizes=tuple(map(len, PIECES)), canvas=(4, 5), places=((0, 0), (1, 2)), duration_ms=0
    )
    return msgspec.structs.replace(usual, **changes)


def test_a_sheet_has_each_picture_in_its_place_and_nothing_elsewhere() -> None:
    done, body = gather(b"".join(PIECES), job())
    assert isinstance(done, Done)
    assert (done.width, done.height, done.frames, done.format) == (4, 5, 1, "png")
    with Image.open(io.BytesIO(body)) as sheet:
        assert [sheet.convert("RGBA").getpixel(at) for at in ((0, 0), (1, 2), (0, 2), (3, 4))] == [
            RED, BLUE, (0, 0, 0, 0), (0, 0, 0, 0),
        ]  # fmt: skip


def test_an_animation_shows_each_by_itself_for_its_time() -> None:
    done, body = gather(b"".join(PIECES), job(duration_ms=70))
    assert isinstance(done, Done)
    assert done.frames == 2
    with Image.open(io.BytesIO(body)) as animation:
        frames = [(frame.convert("RGBA"), frame.info["duration"]) for frame in ImageSequence.Iterator(animation)]
    assert [duration for _, duration in frames] == [70, 70]
    assert [frames[1][0].getpixel(at) for at in ((0, 0), (1, 2))] == [(0, 0, 0, 0), BLUE]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"sizes": (len(PIECES[0]),)}, "undecodable_media"),
        ({"sizes": ()}, "undecodable_media"),
        ({"places": ((0, 0),)}, "undecodable_media"),
        ({"canvas": (70_000, 5)}, "limit_exceeded"),
        ({"canvas": (60_000, 5_000)}, "limit_exceeded"),
        ({"limits": MediaLimits(frames_max=1), "duration_ms": 5}, "limit_exceeded"),
        ({"limits": MediaLimits(animation_pixels_max=30), "duration_ms": 5}, "limit_exceeded"),
        ({"limits": MediaLimits(working_bytes_max=100)}, "limit_exceeded"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes: dict[str, object], code: str) -> None:
    refused, body = gather(b"".join(PIECES), job(**changes))
    assert isinstance(refused, Refused)
    assert (refused.code, body) == (code, b"")


def test_what_is_no_picture_is_refused() -> None:
    refused, _ = gather(b"x" * 20, job(sizes=(10, 10)))
    assert isinstance(refused, Refused)
