"""The boundary to decoders: what they raise about hostile bytes becomes one of our refusals."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from domicile.imaging.job import MediaLimits, Refused
from domicile.imaging.patched import Image, PngImagePlugin
from domicile.media.errors import BadTransformation, LimitExceeded, MediaError, UndecodableMedia

DECODER_ERRORS: tuple[type[Exception], ...] = (
    OSError,
    SyntaxError,
    ValueError,
    LookupError,
    ArithmeticError,
    TypeError,
    AttributeError,
    AssertionError,
    EOFError,
    MemoryError,
    BufferError,
    RuntimeError,
    struct.error,
    zlib.error,
)
"""What Pillow and simplejpeg were seen to raise, or may by their sources, on bytes that are not what they claim."""

CODES: dict[type[MediaError], str] = {
    UndecodableMedia: "undecodable_media",
    LimitExceeded: "limit_exceeded",
    BadTransformation: "bad_transformation",
}


def refusal(error: MediaError) -> Refused:
    """The answer for a caller in another process."""
    return Refused(code=CODES[type(error)], message=error.message)


@contextmanager
def decoding(complaint: str = "Invalid image file") -> Iterator[None]:
    """Turn a codec's complaint into UndecodableMedia, or LimitExceeded for a decompression bomb."""
    try:
        yield
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as bomb:
        raise LimitExceeded("Image has too many pixels") from bomb
    except DECODER_ERRORS as error:
        raise UndecodableMedia(complaint) from error


@contextmanager
def decoder_limits(limits: MediaLimits) -> Iterator[None]:
    """Pillow's own bounds, as a second line behind ours. The process decodes one picture at a time."""
    before = Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY
    Image.MAX_IMAGE_PIXELS = limits.source_pixels_max
    PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY = limits.metadata_bytes_max
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    finally:
        Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY = before
