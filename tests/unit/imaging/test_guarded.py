"""What decoders raise becomes a refusal; what we raise stays."""

from __future__ import annotations

import struct
import warnings
import zlib

import pytest
from PIL import Image, PngImagePlugin

from domicile.imaging.guarded import CODES, decoder_limits, decoding, refusal
from domicile.imaging.job import MediaLimits
from domicile.media.errors import BadTransformation, LimitExceeded, UndecodableMedia


@pytest.mark.parametrize(
    "error",
    [
        *(OSError, SyntaxError, ValueError, KeyError, IndexError, OverflowError, ZeroDivisionError, MemoryError),
        *(EOFError, struct.error, zlib.error, RuntimeError, TypeError, AttributeError, AssertionError, RecursionError),
    ],
)
def test_a_complaint_of_a_decoder_is_undecodable_media(error: type[Exception]) -> None:
    with pytest.raises(UndecodableMedia, match="Invalid image file"), decoding():
        raise error


def test_a_bomb_is_over_a_limit() -> None:
    with pytest.raises(LimitExceeded), decoding():
        raise Image.DecompressionBombError


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
