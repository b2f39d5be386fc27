"""PNG and APNG (W3C PNG, third edition): a walk over the chunks.

chunk = length(4) type(4) data(length) crc(4)
"""

from __future__ import annotations

from collections.abc import Iterator

from domicile.imaging.containers.claims import Claims, counted
from domicile.media.errors import LimitExceeded, UndecodableMedia

SIGNATURE = b"\x89PNG\r\n\x1a\n"
INFLATED = frozenset({b"zTXt", b"iTXt", b"iCCP"})
"""Chunks that a decoder inflates, also when it cannot use what comes out."""


def chunks(view: memoryview) -> Iterator[tuple[bytes, int, int]]:
    """(type, start of the chunk, end of the chunk) up to IEND or the end of the bytes. As many as there are."""
    at = len(SIGNATURE)
    while at + 12 <= len(view):
        length = int.from_bytes(view[at : at + 4], "big")
        kind = bytes(view[at + 4 : at + 8])
        end = at + 12 + length
        if end > len(view):
            return
        yield kind, at, end
        at = end
        if kind == b"IEND":
            return


def read(view: memoryview, *, chunks_max: int, inflated_chunks_max: int) -> Claims:
    """Size, frames of an APNG, EXIF wherever it stands. Raises UndecodableMedia, LimitExceeded."""
    if len(view) < 33 or bytes(view[12:16]) != b"IHDR":
        raise UndecodableMedia("Invalid image file")
    frames, loop, exif, seen_pixels, inflated = 1, None, b"", False, 0
    for kind, start, end in counted(chunks(view), chunks_max):
        if kind == b"IDAT":
            seen_pixels = True
        elif kind == b"acTL" and not seen_pixels and end - start >= 20:
            frames = max(1, int.from_bytes(view[start + 8 : start + 12], "big"))
            loop = int.from_bytes(view[start + 12 : start + 16], "big")
        elif kind == b"eXIf" and not exif:
            exif = bytes(view[start + 8 : end - 4])
        elif kind in INFLATED:
            inflated += 1
            if inflated > inflated_chunks_max:
                raise LimitExceeded(f"Maximum number of compressed metadata chunks is {inflated_chunks_max}")
    width, height = int.from_bytes(view[16:20], "big"), int.from_bytes(view[20:24], "big")
    return Claims(width=width, height=height, frames=frames, loop=loop if frames > 1 else None, exif=exif)


KEPT = frozenset(
    (
        b"IHDR",
        b"PLTE",
        b"tRNS",
        b"IDAT",
        b"IEND",
        b"acTL",
        b"fcTL",
        b"fdAT",
        b"gAMA",
        b"cHRM",
        b"sRGB",
        b"sBIT",
        b"bKGD",
    )
)


def stripped(view: memoryview) -> bytes:
    """The same pixels without text, EXIF, profile, time or unknown chunks, and nothing after IEND.

    Call it on what `read` has let pass: it counts no chunks.
    """
    return b"".join([SIGNATURE, *(view[start:end] for kind, start, end in chunks(view) if kind in KEPT)])
