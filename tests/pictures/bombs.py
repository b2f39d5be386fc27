"""Small files that ask for much work: one maker for each way in which a format lets a few bytes say "again" or "large"."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

from PIL import Image

from domicile.imaging.containers.jpeg import SOS, segments
from tests.pictures.synthetic import animation, quadrants, saved


def chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def jpeg_scans(count: int, side: int = 64) -> bytes:
    """A progressive JPEG whose last scan comes again and again. Each visits every block of the picture."""
    body = saved(quadrants(side, side), "JPEG", progressive=True)
    view, at, last = memoryview(body), 2, 0
    while True:
        found = body.find(b"\xff\xda", at)
        if found < 0:
            break
        last, at = found, found + 2
    assert segments(view, last)[-1][0] == SOS
    end = body.rindex(b"\xff\xd9")
    return body[:end] + body[last:end] * count + body[end:]


def png_chunks(kind: bytes, count: int, inflated_bytes: int = 7 * 1024 * 1024, *, damaged: bool = True) -> bytes:
    """Compressed chunks, each inflated and, its checksum being wrong, forgotten: no sum of what was kept grows."""
    head = {b"iCCP": b"p\0\0", b"zTXt": b"k\0\0", b"iTXt": b"k\0\1\0\0\0"}[kind]
    packed = zlib.compress(bytes(inflated_bytes), 9)
    packed = packed[:-1] + bytes([packed[-1] ^ 1]) if damaged else packed
    body = saved(quadrants(8, 8))
    at = body.index(b"IDAT") - 4
    return body[:at] + chunk(kind, head + packed) * count + body[at:]


def png_inflating(kind: bytes, inflated_bytes: int) -> bytes:
    return png_chunks(kind, 1, inflated_bytes, damaged=False)


def apng_frames(count: int) -> bytes:
    """A PNG that says it has so many frames, of which one is there."""
    body = saved(quadrants(8, 8))
    at = body.index(b"IDAT") - 4
    return body[:at] + chunk(b"acTL", struct.pack(">II", count, 0)) + body[at:]


def gif_frames(count: int, side: int = 1, canvas: int = 1) -> bytes:
    """So many frames of one pixel on a canvas."""
    frame = b"\x2c" + struct.pack("<HHHH", 0, 0, side, side) + b"\0\x02\x02\x44\x01\0"
    head = b"GIF89a" + struct.pack("<HH", canvas, canvas) + b"\x80\0\0" + bytes(3) + b"\xff" * 3
    return head + frame * count + b";"


def webp_frames(count: int) -> bytes:
    """An animation whose last frame comes again and again."""
    body = animation("WEBP")
    last = body.rindex(b"ANMF")
    frames = body[last:] * count
    return b"RIFF" + (len(body) - 8 + len(frames)).to_bytes(4, "little") + body[8:] + frames


def webp_canvas_twice() -> bytes:
    """A large canvas behind which a small one stands."""
    body = bytearray(animation("WEBP"))
    at = body.index(b"VP8X")
    large = bytearray(body[at : at + 18])
    large[12:18] = b"\xfe\x3f\0" * 2
    return bytes(body[:at] + large + body[at:])


def box(kind: bytes, data: bytes) -> bytes:
    return (8 + len(data)).to_bytes(4, "big") + kind + data


def avif_tiles(width: int, height: int) -> bytes:
    """An AVIF whose picture is small and has a tile that is not, by its `ispe`."""
    body = saved(quadrants(64, 64), "AVIF")
    start = body.index(b"ipco") - 4
    end = start + int.from_bytes(body[start : start + 4], "big")
    return _grown(body, end, box(b"ispe", struct.pack(">III", 0, width, height)))


def avif_boxes(count: int) -> bytes:
    body = saved(quadrants(64, 64), "AVIF")
    return _grown(body, body.index(b"ispe") - 4, box(b"free", b"") * count)


def _grown(body: bytes, at: int, more: bytes) -> bytes:
    """`more` put in front of the box at `at`, which lies in ipco in iprp in meta; their sizes follow. The item's data
    moves, which no test of ours gets as far as to see.
    """
    grown = bytearray(body)
    for kind in (b"meta", b"iprp", b"ipco"):
        start = body.index(kind) - 4
        size = int.from_bytes(body[start : start + 4], "big") + len(more)
        grown[start : start + 4] = size.to_bytes(4, "big")
    return bytes(grown[:at] + more + grown[at:])


def tiff_directories(count: int) -> bytes:
    """Pages that all describe the same strip, one directory behind the other."""
    out = bytearray(b"II*\0" + struct.pack("<I", 12) + b"\0\0\0\0")
    fields = [(256, 3, 1, 2), (257, 3, 1, 2), (258, 3, 1, 8), (262, 3, 1, 1), (273, 4, 1, 8), (279, 4, 1, 4)]
    for number in range(count):
        size = 2 + len(fields) * 12 + 4
        after = 12 + (number + 1) * size if number + 1 < count else 0
        out += struct.pack("<H", len(fields)) + b"".join(struct.pack("<HHII", *f) for f in fields)
        out += struct.pack("<I", after)
    return bytes(out)


def tiff_pieces(count: int, tag: int = 273) -> bytes:
    """One directory that names so many strips (273) or tiles (324)."""
    fields = [(256, 4, 1, 8), (257, 4, 1, count), (258, 3, 1, 8), (262, 3, 1, 1), (278, 4, 1, 1), (tag, 4, count, 8)]
    head = b"II*\0" + struct.pack("<I", 8 + count * 4) + bytes(count * 4)
    return head + struct.pack("<H", len(fields)) + b"".join(struct.pack("<HHII", *f) for f in fields) + bytes(4)


def tiff_overlapping(count: int) -> bytes:
    """So many entries, each of which says that all of the file is its value."""
    size = 8 + 2 + count * 12 + 4
    entries = b"".join(struct.pack("<HHII", 40_000 + number % 20_000, 1, size, 0) for number in range(count))
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", count) + entries + bytes(4)


def ico_entries(count: int) -> bytes:
    picture = saved(quadrants(8, 8))
    entry = struct.pack("<BBBBHHII", 8, 8, 0, 0, 1, 32, len(picture), 6 + 16 * count)
    return struct.pack("<HHH", 0, 1, count) + entry * count + picture


def ico_large(side: int = 9000) -> bytes:
    """A picture of which the directory says that it is small."""
    out = io.BytesIO()
    Image.new("1", (side, side)).save(out, "PNG")
    picture = out.getvalue()
    return struct.pack("<HHH", 0, 1, 1) + struct.pack("<BBBBHHII", 8, 8, 0, 0, 1, 32, len(picture), 22) + picture


def bmp_rle(width: int, height: int, code: bytes) -> bytes:
    palette = bytes(256 * 4)
    offset = 14 + 40 + len(palette)
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(code), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", offset + len(code), 0, 0, offset) + head + palette + code


def bmp_rows(width: int, height: int) -> bytes:
    """One pixel a row: Pillow fills up the others one at a time."""
    return bmp_rle(width, height, b"\x01\x01\0\0" * height + b"\0\x01")


def bmp_idle(length: int) -> bytes:
    """Runs beyond the end of the row: read, and nothing is painted."""
    return bmp_rle(64, 64, b"\x40\x01" + b"\x01\x01" * length + b"\0\x01")


BOMBS: dict[str, Callable[[], bytes]] = {
    "jpeg scans": lambda: jpeg_scans(5000),
    "jpeg scans of many pixels": lambda: jpeg_scans(80, 6000),
    "png zTXt": lambda: png_inflating(b"zTXt", 300 * 1024 * 1024),
    "png iTXt": lambda: png_inflating(b"iTXt", 300 * 1024 * 1024),
    "png iCCP": lambda: png_inflating(b"iCCP", 200 * 1024 * 1024),
    "png many zTXt": lambda: png_chunks(b"zTXt", 2000),
    "png many iTXt": lambda: png_chunks(b"iTXt", 2000),
    "png many iCCP": lambda: png_chunks(b"iCCP", 2000),
    "apng frames": lambda: apng_frames(1_000_000),
    "gif frames": lambda: gif_frames(20_000),
    "gif frames of many pixels": lambda: gif_frames(900, canvas=10_000),
    "webp frames": lambda: webp_frames(3000),
    "webp canvas twice": webp_canvas_twice,
    "avif tile": lambda: avif_tiles(30_000, 30_000),
    "avif boxes": lambda: avif_boxes(200_000),
    "tiff directories": lambda: tiff_directories(5000),
    "tiff strips": lambda: tiff_pieces(1_000_000),
    "tiff tiles": lambda: tiff_pieces(1_000_000, tag=324),
    "tiff overlapping values": lambda: tiff_overlapping(30_000),
    "ico entries": lambda: ico_entries(60_000),
    "ico larger than it says": ico_large,
    "bmp rows": lambda: bmp_rows(30_000, 4000),
    "bmp idle runs": lambda: bmp_idle(5_000_000),
}
"""Each is refused from its header, in a moment and without memory; see tests/integration/test_bombs.py."""
