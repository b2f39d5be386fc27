"""JPEG (ITU-T T.81, annex B): markers up to the first scan, and how many scans there are.

segment = 0xFF marker length(2) payload ; length counts itself
"""

from __future__ import annotations

import re

from domicile.imaging.containers.claims import Claims
from domicile.media.errors import UndecodableMedia

SOI, EOI, SOS, DHT, DAC, COM = 0xD8, 0xD9, 0xDA, 0xC4, 0xCC, 0xFE
APP0, APP1, APP2, APP14 = 0xE0, 0xE1, 0xE2, 0xEE
FRAMES = frozenset(range(0xC0, 0xD0)) - {DHT, DAC, 0xC8}
PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})
MODES = {1: "L", 3: "RGB", 4: "CMYK"}
EXIF_PREFIX, ICC_PREFIX = b"Exif\0\0", b"ICC_PROFILE\0"
SEGMENTS_MAX = 10_000
STRAY_BYTES_MAX = 65_536
COEFFICIENT_BYTES = 2
SOS_MARKER = b"\xff\xda"
PLAIN_SCANS_MAX = 16
"""What usual writers make, with a few false ones in tables and comments."""
PIECE_BYTES = 1024 * 1024
# A byte after 0xFF that ends entropy-coded data: not stuffing, not a restart, not fill.
NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


def segments(view: memoryview, at: int = 2) -> list[tuple[int, int, int]]:
    """(marker, start of payload, end) of each segment up to and including the next SOS. Raises UndecodableMedia."""
    found: list[tuple[int, int, int]] = []
    while len(found) < SEGMENTS_MAX:
        stray_end = min(at + STRAY_BYTES_MAX, len(view))
        while at < stray_end and view[at] != 0xFF:
            at += 1  # decoders skip stray bytes between segments; the strict decoder judges them later
        while at < stray_end and view[at] == 0xFF:
            at += 1
        if at >= stray_end:
            raise UndecodableMedia("Invalid image file")
        marker = view[at]
        at += 1
        if marker in STANDALONE or marker == 0:
            continue
        if marker == EOI or at + 2 > len(view):
            raise UndecodableMedia("Invalid image file")
        length = int.from_bytes(view[at : at + 2], "big")
        if length < 2 or at + length > len(view):
            raise UndecodableMedia("Invalid image file")
        found.append((marker, at + 2, at + length))
        at += length
        if marker == SOS:
            return found
    raise UndecodableMedia("Invalid image file")


def read(view: memoryview) -> Claims:
    """Size, components, EXIF, profile, scans of a multi-scan picture. Raises UndecodableMedia."""
    frame: tuple[int, memoryview] | None = None
    exif, icc, scan_components, data = b"", {}, 0, 0
    for marker, start, end in segments(view):
        payload = view[start:end]
        if marker in FRAMES and frame is None:
            frame = marker, payload
        elif marker == APP1 and not exif and payload[:6] == EXIF_PREFIX:
            exif = bytes(payload)
        elif marker == APP2 and payload[:12] == ICC_PREFIX and len(payload) > 14:
            icc[payload[12]] = bytes(payload[14:])
        elif marker == SOS and payload:
            scan_components, data = payload[0], end
    if frame is None or len(frame[1]) < 6:
        raise UndecodableMedia("Invalid image file")
    marker, payload = frame
    height, width, count = int.from_bytes(payload[1:3], "big"), int.from_bytes(payload[3:5], "big"), payload[5]
    if count not in MODES or len(payload) < 6 + 3 * count or not width or not height:
        raise UndecodableMedia("Invalid image file")
    is_multi_scan = marker in PROGRESSIVE or scan_components < count
    return Claims(
        width=width,
        height=height,
        exif=exif,
        icc=b"".join(icc[number] for number in sorted(icc)),
        mode=MODES[count],
        extra_bytes=_coefficients(payload, width, height, count) if is_multi_scan else 0,
        scans=_scans(view, data) if is_multi_scan else 1,
    )


def _scans(view: memoryview, at: int) -> int:
    """How many there are, `at` being the data of the first. Few files come near a limit: what looks like a scan is counted
    first, wherever it stands, and only if those are many, from marker to marker.
    """
    most = 1 + sum(
        bytes(view[start : start + PIECE_BYTES + 1]).count(SOS_MARKER) for start in range(at, len(view), PIECE_BYTES)
    )
    if most <= PLAIN_SCANS_MAX:
        return most
    scans = 1
    while (found := NEXT_MARKER.search(view, at)) is not None:
        at, marker = found.start() + 2, view[found.start() + 1]
        if marker == EOI:
            break
        if marker not in STANDALONE:
            scans += marker == SOS
            at += int.from_bytes(view[at : at + 2], "big")
    return scans


def _coefficients(frame: memoryview, width: int, height: int, count: int) -> int:
    """All coefficients are held until the last scan: two bytes a sample of each component."""
    factors = [(frame[7 + 3 * i] >> 4 or 1, frame[7 + 3 * i] & 15 or 1) for i in range(count)]
    most_x, most_y = max(x for x, _ in factors), max(y for _, y in factors)
    return sum(width * x // most_x * (height * y // most_y) for x, y in factors) * COEFFICIENT_BYTES


KEPT = frozenset({DHT, DAC, SOS, 0xDB, 0xDC, 0xDD, *FRAMES})
JFIF_PREFIX, JFIF_BYTES_MIN = b"JFIF\0", 14
ADOBE_PREFIX, ADOBE_BYTES_MIN = b"Adobe", 12
"""As libjpeg takes them for what they say (jdmarker.c); a shorter one says nothing."""
JFIF = b"\xff\xe0\x00\x10JFIF\0\1\1\0\0\1\0\1\0\0"
ADOBE = b"\xff\xee\x00\x0eAdobe\x00\x64\0\0\0\0"
"""Version 100, no flags; the transform follows."""
SCANS_MAX = 1000


def stripped(view: memoryview) -> bytes:
    """The same picture, coefficient by coefficient, without metadata: tables, frames and scans only, nothing after EOI.

    Raises UndecodableMedia.
    """
    pieces: list[bytes | memoryview] = [b"\xff\xd8", *_color_markers(view)]
    at = 2
    for _ in range(SCANS_MAX):
        for marker, start, end in segments(view, at):
            if marker in KEPT:
                pieces.append(view[start - 4 : end])
            at = end
        found = NEXT_MARKER.search(view, at)
        if found is None:
            break
        pieces.append(view[at : found.start()])
        at = found.start()
        if view[at + 1] == EOI:
            return b"".join([*pieces, b"\xff\xd9"])
    raise UndecodableMedia("Invalid image file")


def _color_markers(view: memoryview) -> list[bytes]:
    """What says how the components are colours, and only that, written anew: JFIF and Adobe's APP14.

    Decoders tell YCbCr from RGB by which of the two are there before the first scan: none is added, none is lost.
    """
    has_jfif, transform = False, None
    for marker, start, end in segments(view):
        payload = view[start:end]
        if marker == APP0 and len(payload) >= JFIF_BYTES_MIN and payload[:5] == JFIF_PREFIX:
            has_jfif = True
        elif marker == APP14 and len(payload) >= ADOBE_BYTES_MIN and payload[:5] == ADOBE_PREFIX:
            transform = payload[11]
    adobe = [] if transform is None else [ADOBE + bytes([transform])]
    return ([JFIF] if has_jfif else []) + adobe
