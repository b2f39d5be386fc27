"""WebP (RFC 9649): a walk over the RIFF chunks, so that a bomb is seen before the decoder allocates its canvas.

file  = "RIFF" size(4) "WEBP" { chunk }
chunk = type(4) size(4) data(size) [pad]
"""

from __future__ import annotations

from collections.abc import Iterator

from domicile.imaging.containers.claims import Claims, counted
from domicile.media.errors import UndecodableMedia

ALPHA_FLAG = 0x10
FILE_HEADER_BYTES = 12
FRAME_HEADER_BYTES = 16


def chunks(view: memoryview, at: int = FILE_HEADER_BYTES) -> Iterator[tuple[bytes, int, int]]:
    """(type, start of data, end of data) of each chunk from `at` on. As many as there are."""
    while at + 8 <= len(view):
        size = int.from_bytes(view[at + 4 : at + 8], "little")
        end = at + 8 + size
        yield bytes(view[at : at + 4]), at + 8, min(end, len(view))
        at = end + (size & 1)


def all_chunks(view: memoryview) -> Iterator[tuple[bytes, int, int]]:
    """Each chunk, and after a frame of an animation those inside it, by their places in `view`."""
    for kind, start, end in chunks(view):
        yield kind, start, end
        if kind == b"ANMF":
            yield from ((b"", s, e) for _, s, e in chunks(view[:end], start + FRAME_HEADER_BYTES))


def read(view: memoryview, *, chunks_max: int) -> Claims:
    """Canvas, frames, loop, EXIF, profile. Raises UndecodableMedia, LimitExceeded."""
    size: tuple[int, int] | None = None
    frames, loop, exif, icc, has_alpha = 0, None, b"", b"", False
    for kind, start, end in counted(all_chunks(view), chunks_max):
        data = view[start:end]
        if kind == b"VP8X" and len(data) >= 10:
            canvas = 1 + int.from_bytes(data[4:7], "little"), 1 + int.from_bytes(data[7:10], "little")
            size = max(size or canvas, canvas)  # a second one is an error, and not a way to seem small
            has_alpha = bool(data[0] & ALPHA_FLAG)
        elif kind in {b"VP8 ", b"VP8L"}:
            still = _lossy(data) if kind == b"VP8 " else _lossless(data)
            size = max(size or still, still)
            has_alpha |= kind == b"VP8L" and len(data) > 4 and bool(data[4] & ALPHA_FLAG)
        elif kind == b"ANIM" and len(data) >= 6:
            loop = int.from_bytes(data[4:6], "little")
        elif kind == b"ANMF":
            frames += 1
        elif kind == b"EXIF":
            exif = bytes(data)
        elif kind == b"ICCP":
            icc = bytes(data)
    if size is None:
        raise UndecodableMedia("Invalid image file")
    frames = max(1, frames)
    return Claims(
        width=size[0],
        height=size[1],
        frames=frames,
        loop=loop if frames > 1 else None,
        exif=exif,
        icc=icc,
        has_alpha=has_alpha,
    )


def _lossy(data: memoryview) -> tuple[int, int]:
    if len(data) < 10:
        raise UndecodableMedia("Invalid image file")
    return int.from_bytes(data[6:8], "little") & 0x3FFF, int.from_bytes(data[8:10], "little") & 0x3FFF


def _lossless(data: memoryview) -> tuple[int, int]:
    if len(data) < 5:
        raise UndecodableMedia("Invalid image file")
    bits = int.from_bytes(data[1:5], "little")
    return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)


METADATA_FLAGS = 0x20 | 0x08 | 0x04
"""VP8X flags of profile, EXIF and XMP."""
PIXELS = frozenset({b"VP8 ", b"VP8L", b"ALPH"})  # codespell:ignore


def stripped(view: memoryview) -> bytes:
    """The same pixels without profile, EXIF, XMP or unknown chunks, also inside frames.

    Call it on what `read` has let pass: it counts no chunks.
    """
    pieces: list[bytes] = []
    for kind, start, end in chunks(view):
        data = bytes(view[start:end])
        if kind == b"VP8X":
            pieces.append(chunk(kind, bytes([data[0] & ~METADATA_FLAGS]) + data[1:10]))
        elif kind == b"ANMF":
            inner = chunks(view[:end], start + FRAME_HEADER_BYTES)
            held = (chunk(k, bytes(view[s:e])) for k, s, e in inner if k in PIXELS)
            pieces.append(chunk(kind, data[:FRAME_HEADER_BYTES] + b"".join(held)))
        elif kind in PIXELS or kind == b"ANIM":
            pieces.append(chunk(kind, data))
    body = b"WEBP" + b"".join(pieces)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def chunk(kind: bytes, data: bytes) -> bytes:
    """With its padding."""
    return kind + len(data).to_bytes(4, "little") + data + b"\0" * (len(data) & 1)
