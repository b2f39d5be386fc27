"""HEIC, still pictures of HEVC in HEIF (ISO/IEC 23008-12): a walk over the boxes that list what is in the file.

    box  = size(4) type(4) [largesize(8)] payload       ; size 1: largesize counts, size 0: to the end
    meta = version-flags(4) *box                        ; beside others: iinf
    iinf = version-flags(4) count(2 or 4) *infe
    infe = version(1) flags(3) item-id(2 or 4) protection(2) item-type(4) …

The library that decodes knows many kinds of item; only those that cameras write are let through to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from domicile.media.errors import LimitExceeded, UndecodableMedia

PICTURES = frozenset({b"hvc1", b"grid", b"iden"})
"""HEVC, tiles of it, and the same turned or cropped."""
BESIDE = frozenset({b"Exif", b"mime", b"uri ", b"tmap"})
"""What stands beside the picture and is not decoded: EXIF, XMP, what makers add, how to show it on bright screens."""
BOXES_MAX = 1000
"""In the file, in its `meta`, and items in `iinf`: a phone's picture of 48 megapixels has fewer than 300."""
WITH_LONG_ID = 3


def boxes(view: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """(type, payload) of each box. Raises UndecodableMedia for one that is longer than the file, LimitExceeded."""
    at = count = 0
    while at + 8 <= len(view):
        count += 1
        if count > BOXES_MAX:
            raise LimitExceeded(f"Maximum number of boxes in a HEIC file is {BOXES_MAX}")
        size, head = int.from_bytes(view[at : at + 4], "big"), 8
        if size == 1:
            size, head = int.from_bytes(view[at + 8 : at + 16], "big"), 16
        elif size == 0:
            size = len(view) - at
        if size < head or at + size > len(view):
            raise UndecodableMedia("Invalid image file")
        yield bytes(view[at + 4 : at + 8]), view[at + head : at + size]
        at += size


def item_types(view: memoryview) -> list[bytes]:
    """The types of all items. Raises UndecodableMedia and LimitExceeded."""
    meta = next((payload for kind, payload in boxes(view) if kind == b"meta"), memoryview(b""))
    listed = next((payload for kind, payload in boxes(meta[4:]) if kind == b"iinf"), memoryview(b""))
    if len(listed) < 6:
        raise UndecodableMedia("Invalid image file")
    entries = boxes(listed[8 if listed[0] else 6 :])
    return [_type_of(payload) for kind, payload in islice(entries, BOXES_MAX) if kind == b"infe"]


def _type_of(entry: memoryview) -> bytes:
    at = 10 if entry and entry[0] >= WITH_LONG_ID else 8
    return bytes(entry[at : at + 4])


def check_items(view: memoryview) -> None:
    """Raises UndecodableMedia for a file with anything else in it than pictures in HEVC and what stands beside them."""
    found = set(item_types(view))
    if not found & PICTURES or found - PICTURES - BESIDE:
        raise UndecodableMedia("Unsupported image format: HEIF with something else than HEVC")
