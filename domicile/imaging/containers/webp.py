"""WebP (RFC 9649): a walk over the RIFF chunks, so that a bomb is seen before the decoder allocates its canvas.

file  = "RIFF" size(4) "WEBP" { chunk }
chunk = type(4) size(4) data(size) [pad]
"""

from __future__ import annotations

from domicile.imaging.containers.claims import Claims
from domicile.media.errors import UndecodableMedia

ALPHA_FLAG = 0x10
CHUNKS_MAX = 100_000


def chunks(view: memoryview) -> list[tuple[bytes, int, int]]:
    """(type, start of data, end of data) of each chunk."""
    found: list[tuple[bytes, int, int]] = []
    at = 12
    while at + 8 <= len(view) and len(found) < CHUNKS_MAX:
        size = int.from_bytes(view[at + 4 : at + 8], "little")
        end = at + 8 + size
        found.append((bytes(view[at : at + 4]), at + 8, min(end, len(view))))
        at = end + (size & 1)
    return found


def read(view: memoryview) -> Claims:
    """Canvas, frames, loop, EXIF, profile. Raises UndecodableMedia."""
    size: tuple[int, int] | None = None
    frames, loop, exif, icc, has_alpha = 0, None, b"", b"", False
    for kind, start, end in chunks(view):
        data = view[start:end]
        if kind == b"VP8X" and len(data) >= 10:
            size = 1 + int.from_bytes(data[4:7], "little"), 1 + int.from_bytes(data[7:10], "little")
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
FRAME_HEADER_BYTES = 16
PIXELS = frozenset({b"VP8 ", b"VP8L", b"ALPH"})  # codespell:ignore


def stripped(view: memoryview) -> bytes:
    """The same pixels without profile, EXIF, XMP or unknown chunks, also inside frames."""
    pieces: list[bytes] = []
    for kind, start, end in chunks(view):
        data = bytes(view[start:end])
        if kind == b"VP8X":
            pieces.append(_chunk(kind, bytes([data[0] & ~METADATA_FLAGS]) + data[1:10]))
        elif kind == b"ANMF":
            inner = view[start - 12 + FRAME_HEADER_BYTES : end]  # `chunks` expects twelve bytes before the first one
            held = (_chunk(k, bytes(inner[s:e])) for k, s, e in chunks(inner) if k in PIXELS)
            pieces.append(_chunk(kind, data[:FRAME_HEADER_BYTES] + b"".join(held)))
        elif kind in PIXELS or kind == b"ANIM":
            pieces.append(_chunk(kind, data))
    body = b"WEBP" + b"".join(pieces)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def _chunk(kind: bytes, data: bytes) -> bytes:
    return kind + len(data).to_bytes(4, "little") + data + b"\0" * (len(data) & 1)
