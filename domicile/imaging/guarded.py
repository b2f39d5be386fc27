"""The boundary to decoders: what they raise about hostile bytes becomes one of our refusals.

Around our own steps and the encoders little is caught: their pixels are good, so what they raise is a limit of a format,
or a bug of ours that must be seen (`worker.py` tells its place, the caller gets a 500 and not the blame).
"""

from __future__ import annotations

import re
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
    BufferError,
    RuntimeError,
    struct.error,
    zlib.error,
)
"""What Pillow and simplejpeg were seen to raise, or may by their sources, on bytes that are not what they claim.

Not MemoryError: a process that has worked before may be to blame for it, and the serving side tries it on a fresh one.
"""

SIZE_ERRORS: tuple[type[Exception], ...] = (OverflowError, struct.error)
"""What is raised for a number that does not fit the field of a file format."""
TOO_LARGE = re.compile(r"encoding error [5679]\b")
"""libwebp: bad dimension, partition 0 overflow, partition overflow, file too big."""
NO_MEMORY = re.compile(
    r"encoding error [12]\b|out of memory|insufficient memory|encoding of (color|alpha) planes? failed", re.IGNORECASE
)
"""libwebp, libavif (its encoder gives no reason), Pillow, libjpeg-turbo, where they do not raise MemoryError."""

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
    except PermissionError:
        raise  # a wall of the sandbox, which no bytes should make a decoder run into
    except DECODER_ERRORS as error:
        raise UndecodableMedia(complaint) from error


@contextmanager
def making(complaint: str = "Image is too large for its format") -> Iterator[None]:
    """Around our own work on good pixels: LimitExceeded for what does not fit the format; all else is our bug."""
    try:
        yield
    except SIZE_ERRORS as error:
        raise LimitExceeded(complaint) from error
    except (ValueError, OSError, RuntimeError) as error:
        if TOO_LARGE.search(str(error)):
            raise LimitExceeded(complaint) from error
        if NO_MEMORY.search(str(error)):
            raise MemoryError from error
        raise


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
