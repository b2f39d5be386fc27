"""What decoders raise becomes a refusal; what we raise stays."""

from __future__ import annotations

import io
import struct
import warnings
import zlib

import pytest
from PIL import Image, PngImagePlugin

from domicile.imaging.guarded import CODES, decoder_limits, decoding, making, refusal
from domicile.imaging.job import MediaLimits
from domicile.media.errors import BadTransformation, LimitExceeded, UndecodableMedia


@pytest.mark.parametrize(
    "error",
    [
        *(OSError, SyntaxError, ValueError, KeyError, IndexError, OverflowError, ZeroDivisionError),
        *(EOFError, struct.error, zlib.error, RuntimeError, TypeError, AttributeError, AssertionError, RecursionError),
    ],
)
def test_a_complaint_of_a_decoder_is_undecodable_media(error: type[Exception]) -> None:
    with pytest.raises(UndecodableMedia, match="Invalid image file"), decoding():
        raise error


def test_a_bomb_is_over_a_limit() -> None:
    with pytest.raises(LimitExceeded), decoding():
        raise Image.DecompressionBombError


@pytest.mark.parametrize("error", [MemoryError, PermissionError])
def test_what_the_process_or_the_sandbox_is_to_blame_for_is_not_the_files_fault(error: type[Exception]) -> None:
    with pytest.raises(error), decoding():
        raise error


@pytest.mark.parametrize(
    "bug",
    [
        *(PermissionError, AttributeError, AssertionError, TypeError, KeyError, ZeroDivisionError, SyntaxError),
        *(ValueError("conversion from A to B not supported"), OSError("encoder error -2 when writing image file")),
        RuntimeError("Failed to encode image: Invalid argument"),
    ],
)
def test_a_bug_in_our_own_work_is_not_the_users_bad_file(bug: Exception | type[Exception]) -> None:
    with pytest.raises(bug if isinstance(bug, type) else type(bug)), making():
        raise bug


@pytest.mark.parametrize(
    "error",
    [
        *(OverflowError(), struct.error("ushort format requires 0 <= number <= 65535")),
        *(ValueError(f"encoding error {number}") for number in (6, 7, 9)),
        ValueError("encoding error 5: Image size exceeds WebP limit of 16383 pixels"),
    ],
)
def test_what_does_not_fit_a_format_is_over_a_limit(error: Exception) -> None:
    with pytest.raises(LimitExceeded, match="mine"), making("mine"):
        raise error


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        ValueError("encoding error 1"),
        RuntimeError("Failed to encode image: Encoding of color planes failed"),
    ],
)
def test_an_encoder_without_memory_says_so_in_one_way(error: Exception) -> None:
    with pytest.raises(MemoryError), making():
        raise error


def test_pillows_own_refusal_of_a_size_is_known() -> None:
    with pytest.raises(LimitExceeded), making():
        Image.new("L", (16_384, 1)).save(io.BytesIO(), "WEBP")


def test_our_own_errors_pass() -> None:
    with pytest.raises(LimitExceeded, match="mine"), decoding():
        raise LimitExceeded("mine")


def test_every_refusal_has_its_code() -> None:
    assert refusal(UndecodableMedia("a")).code == "undecodable_media"
    assert refusal(LimitExceeded("a")).code == "limit_exceeded"
    assert refusal(BadTransformation("a")).code == "bad_transformation"
    assert refusal(LimitExceeded("words")).message == "words"
    assert len(CODES) == 3


def test_pillows_own_bounds_are_set_and_given_back() -> None:
    before = Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK
    with decoder_limits(MediaLimits(source_pixels_max=7, metadata_bytes_max=9)):
        assert (Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK) == (7, 9)
        warnings.warn("about a file", UserWarning, stacklevel=1)
        with pytest.raises(Image.DecompressionBombWarning):
            warnings.warn("bomb", Image.DecompressionBombWarning, stacklevel=1)
    assert before == (Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK)
