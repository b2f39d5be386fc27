"""What is written into a finished file on purpose, and nothing else is: a colour profile, a packet of XMP.

    jpg     APP2 (ICC.1, B.4), APP1 (XMP part 3, 1.1.3), behind the header's own segments
    png     iCCP, iTXt, behind IHDR
    webp    ICCP, "XMP ", in a file with VP8X (RFC 9649, 2.7)

Other formats are left as they are.
"""

from __future__ import annotations

import zlib

from domicile.imaging.containers import jpeg, png, webp
from domicile.media.geometry import Side

TAKES = frozenset({"jpg", "png", "webp"})
XMP_IN_JPEG, ICC_IN_JPEG = b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0\1\1"
XMP_BYTES_MAX = 60_000
"""One segment of a JPEG holds 65,533."""
ICC_FLAG, XMP_FLAG = 0x20, 0x04


def tagged(body: bytes, output_format: str, size: Side, *, icc: bytes = b"", xmp: bytes = b"") -> bytes:
    """The file with both in it; the same when there is nothing to write, or no place for it."""
    if not (icc or xmp):
        return body
    match output_format:
        case "jpg":
            return _jpeg(body, icc, xmp)
        case "png":
            return _png(body, icc, xmp)
        case "webp":
            return _webp(body, size, icc, xmp)
        case _:
            return body


def _jpeg(body: bytes, icc: bytes, xmp: bytes) -> bytes:
    at = 2
    for marker, _, end in jpeg.segments(memoryview(body)):
        if marker not in {jpeg.APP0, jpeg.APP14}:
            break
        at = end
    pieces = [b""] * 2
    if xmp:
        pieces[0] = _segment(jpeg.APP1, XMP_IN_JPEG + xmp)
    if icc:
        pieces[1] = _segment(jpeg.APP2, ICC_IN_JPEG + icc)
    return body[:at] + b"".join(pieces) + body[at:]


def _segment(marker: int, payload: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(payload) + 2).to_bytes(2, "big") + payload


def _png(body: bytes, icc: bytes, xmp: bytes) -> bytes:
    _, _, end = next(iter(png.chunks(memoryview(body))))
    pieces = b""
    if icc:
        pieces += _chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(icc))
    if xmp:
        pieces += _chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp)
    return body[:end] + pieces + body[end:]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def _webp(body: bytes, size: Side, icc: bytes, xmp: bytes) -> bytes:
    """The order of chunks is set: VP8X, ICCP, animation, pictures, XMP."""
    rest = body[12:]
    if rest[:4] == b"VP8X":
        head, rest = bytearray(rest[:18]), rest[18:]
    else:
        # Alpha of a file without VP8X stands in the lossless bitstream's own head (RFC 9649, 3.4).
        has_alpha = rest[:4] == b"VP8L" and bool(rest[12] & 0x10)
        flags = webp.ALPHA_FLAG if has_alpha else 0
        sides = (size[0] - 1).to_bytes(3, "little") + (size[1] - 1).to_bytes(3, "little")
        head = bytearray(b"VP8X" + (10).to_bytes(4, "little") + bytes([flags, 0, 0, 0]) + sides)
    head[8] |= (ICC_FLAG if icc else 0) | (XMP_FLAG if xmp else 0)
    inside = b"WEBP" + bytes(head)
    inside += webp.chunk(b"ICCP", icc) if icc else b""
    inside += rest
    inside += webp.chunk(b"XMP ", xmp) if xmp else b""
    return b"RIFF" + len(inside).to_bytes(4, "little") + inside
