"""What a file says about itself in EXIF, IPTC and XMP: a bounded choice of it, as plain texts, names as ExifTool spells them.

Read here, byte by byte and within limits, and not by a library: tables point anywhere they like, and what points outside,
or is too long or too much, is left out. A picture is never refused for its metadata.
"""

from __future__ import annotations

import html
import re
import struct
from collections.abc import Callable, Iterator
from fractions import Fraction

from domicile.imaging.analysis.names import EXIF_NAMES, GPS_NAMES, IPTC_NAMES, TIFF_NAMES, XMP_NAMES
from domicile.imaging.containers import jpeg
from domicile.imaging.source import Source
from domicile.media.analysis import METADATA_CHARS_MAX, METADATA_ENTRIES_MAX, METADATA_VALUE_CHARS_MAX
from domicile.media.errors import UndecodableMedia

ENTRIES_MAX = 512
"""Of one table of EXIF, or one block of IPTC."""
VALUES_MAX = 16
"""Numbers of one entry."""
XMP_BYTES_MAX = 64 * 1024
APP13 = 0xED
EXIF_TABLE, GPS_TABLE = 0x8769, 0x8825
PHOTOSHOP, RESOURCE, IPTC_RESOURCE, IPTC_MARK, IPTC_RECORD = b"Photoshop 3.0\0", b"8BIM", 0x0404, 0x1C, 2
WIDTHS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 9: 4, 10: 8}
"""Bytes of one value, by the type of an entry (TIFF 6.0)."""
NUMBERS = {1: "B", 3: "H", 4: "I", 9: "i"}
RATIONALS = {5: "II", 10: "ii"}
ASCII, UNDEFINED = 2, 7
_XMP_BEGIN, _XMP_END = re.compile(rb"<x:xmpmeta"), b"</x:xmpmeta>"
_TAGS = re.compile(r"<[^<>]*>")

Found = Iterator[tuple[str, str]]


def metadata_of(source: Source) -> dict[str, str]:
    """Name -> text, in the order found; of names that occur twice the first one."""
    kept: dict[str, str] = {}
    left = METADATA_CHARS_MAX
    for reader in (_exif, _iptc, _xmp):
        for name, found in reader(source):
            text = _plain(found)
            cost = len(name) + len(text)
            if text and name not in kept and cost <= left and len(kept) < METADATA_ENTRIES_MAX:
                kept[name] = text
                left -= cost
    return kept


def _plain(text: str) -> str:
    """Printable, without spaces at the ends, cut to the limit."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text[: 2 * METADATA_VALUE_CHARS_MAX])
    return shown.strip()[:METADATA_VALUE_CHARS_MAX].strip()


def _exif(source: Source) -> Found:
    body = source.claims.exif.removeprefix(jpeg.EXIF_PREFIX)
    order = {b"II": "<", b"MM": ">"}.get(body[:2])
    if order is None or len(body) < 8:
        return
    first = struct.unpack_from(order + "I", body, 4)[0]
    pointers: dict[int, int] = {}
    yield from _table(body, order, first, TIFF_NAMES, pointers)
    for pointer, names in ((EXIF_TABLE, EXIF_NAMES), (GPS_TABLE, GPS_NAMES)):
        if pointer in pointers:
            yield from _table(body, order, pointers[pointer], names, {})


def _table(body: bytes, order: str, at: int, names: dict[int, str], pointers: dict[int, int]) -> Found:
    """The entries of one table that have a name; those that lead to other tables go into `pointers`."""
    if at + 2 > len(body):
        return
    count = min(struct.unpack_from(order + "H", body, at)[0], ENTRIES_MAX)
    for start in range(at + 2, min(at + 2 + 12 * count, len(body) - 11), 12):
        tag, kind, values = struct.unpack_from(order + "HHI", body, start)
        size = WIDTHS.get(kind, 0) * values
        place = start + 8 if size <= 4 else struct.unpack_from(order + "I", body, start + 8)[0]
        if tag in {EXIF_TABLE, GPS_TABLE}:
            pointers.setdefault(tag, struct.unpack_from(order + "I", body, start + 8)[0])
        elif tag in names and 0 < size <= len(body) and place + size <= len(body):
            yield (
                names[tag],
                _value(body[place : place + min(size, 8 * METADATA_VALUE_CHARS_MAX)], order, kind, names[tag]),
            )


def _value(raw: bytes, order: str, kind: int, name: str) -> str:
    if kind in {ASCII, UNDEFINED}:
        text = raw.removeprefix(b"ASCII\0\0\0").split(b"\0", 1)[0]
        return text.decode("utf-8", "replace") if kind == ASCII or text.isascii() else ""
    if kind in NUMBERS:
        count = min(len(raw) // WIDTHS[kind], VALUES_MAX)
        return " ".join(map(str, struct.unpack_from(f"{order}{count}{NUMBERS[kind]}", raw)))
    pairs = [
        struct.unpack_from(order + RATIONALS[kind], raw, at) for at in range(0, min(len(raw), 8 * VALUES_MAX) - 7, 8)
    ]
    return SPELLINGS.get(name, _decimals)(pairs)


Pairs = list[tuple[int, int]]


def _decimals(pairs: Pairs) -> str:
    return " ".join(f"{top / bottom:.6g}" for top, bottom in pairs if bottom)


def _fraction(pairs: Pairs) -> str:
    top, bottom = pairs[0] if pairs else (0, 0)
    if not bottom or not top:
        return ""
    value = Fraction(top, bottom)
    return f"1/{round(1 / value)}" if 0 < value < Fraction(1, 4) else f"{float(value):.6g}"


def _degrees(pairs: Pairs) -> str:
    if len(pairs) != 3 or not all(bottom for _, bottom in pairs):
        return ""
    degrees, minutes, seconds = (top / bottom for top, bottom in pairs)
    return f"{degrees:.6g} deg {minutes:.6g}' {seconds:.2f}\""


SPELLINGS: dict[str, Callable[[Pairs], str]] = {
    "ExposureTime": _fraction, "GPSLatitude": _degrees, "GPSLongitude": _degrees,
}  # fmt: skip


def _iptc(source: Source) -> Found:
    """IIM records of a JPEG (IPTC-IIM 4.2), in the resources that Photoshop writes."""
    if source.format != "jpg":
        return
    try:
        segments = jpeg.segments(source.view)
    except UndecodableMedia:
        return
    for marker, start, end in segments:
        if marker == APP13 and source.view[start : start + len(PHOTOSHOP)] == PHOTOSHOP:
            for resource in _resources(bytes(source.view[start + len(PHOTOSHOP) : end])):
                yield from _records(resource)


def _resources(body: bytes) -> Iterator[bytes]:
    """The blocks of IPTC: mark, number, a name padded to even, length, bytes padded to even."""
    at = 0
    while body[at : at + 4] == RESOURCE and at + 12 <= len(body):
        number = int.from_bytes(body[at + 4 : at + 6], "big")
        size_at = at + 6 + (body[at + 6] + 2) // 2 * 2
        start, size = size_at + 4, int.from_bytes(body[size_at : size_at + 4], "big")
        if number == IPTC_RESOURCE:
            yield body[start : start + size]
        at = start + (size + 1) // 2 * 2


def _records(body: bytes) -> Found:
    texts: dict[str, list[str]] = {}
    at = 0
    for _ in range(ENTRIES_MAX):
        if at + 5 > len(body) or body[at] != IPTC_MARK:
            break
        size = int.from_bytes(body[at + 3 : at + 5], "big")
        if body[at + 1] == IPTC_RECORD and body[at + 2] in IPTC_NAMES:
            text = body[at + 5 : at + 5 + size].decode("utf-8", "replace")
            texts.setdefault(IPTC_NAMES[body[at + 2]], []).append(text)
        at += 5 + size
    yield from ((name, ", ".join(parts)) for name, parts in texts.items())


def _xmp(source: Source) -> Found:
    """Properties with known names, as attributes or as elements; the first packet of the file, wherever it is."""
    begin = _XMP_BEGIN.search(source.view)
    if begin is None:
        return
    packet = bytes(source.view[begin.start() : begin.start() + XMP_BYTES_MAX])
    text = packet[: packet.find(_XMP_END) + 1 or len(packet)].decode("utf-8", "replace")
    for key, name in XMP_NAMES.items():
        found = _between(text, f'{key}="', '"') or _between(text, f"<{key}>", f"</{key}>")
        words = html.unescape(_TAGS.sub("\n", found)).split("\n")
        yield name, ", ".join(word.strip() for word in words if word.strip())


def _between(text: str, begin: str, end: str) -> str:
    start = text.find(begin)
    stop = text.find(end, start + len(begin)) if start >= 0 else -1
    return text[start + len(begin) : stop] if stop >= 0 else ""
