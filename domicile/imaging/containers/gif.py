"""GIF (GIF89a specification): a walk over the blocks.

file   = header screen { extension / image } trailer
blocks = { length(1) data(length) } 0
"""

from __future__ import annotations

from domicile.imaging.containers.claims import Claims
from domicile.media.errors import LimitExceeded, UndecodableMedia

EXTENSION, IMAGE, TRAILER = 0x21, 0x2C, 0x3B
GRAPHIC_CONTROL, COMMENT, APPLICATION = 0xF9, 0xFE, 0xFF
NETSCAPE = b"NETSCAPE2.0"
LOOP = b"\x03\x01"
"""Length and kind of the sub-block that holds the number of repeats."""
STRAY_BYTES_MAX = 65_536


def read(view: memoryview, *, frames_max: int, comment_bytes_max: int) -> Claims:
    """Canvas (grown by frames that stick out), frames, loop, transparency. Raises UndecodableMedia, LimitExceeded."""
    if len(view) < 13:
        raise UndecodableMedia("Invalid image file")
    width, height = _u16(view, 6), _u16(view, 8)
    at = 13 + _table(view[10])
    frames, plays, has_alpha, comments, stray = 0, 1, False, 0, 0
    while at < len(view) and view[at] != TRAILER:
        if view[at] == EXTENSION and at + 1 < len(view):
            end = _skip(view, at + 2)
            if view[at + 1] == GRAPHIC_CONTROL and at + 3 < len(view):
                # Later frames are painted over the first: their holes show it, not the ground.
                has_alpha |= not frames and bool(view[at + 3] & 1)
            elif view[at + 1] == APPLICATION and bytes(view[at + 3 : at + 14]) == NETSCAPE and at + 19 <= len(view):
                repeats = _u16(view, at + 16)
                plays = repeats + 1 if repeats else 0
            else:
                comments += end - at
            at = end
        elif view[at] == IMAGE and at + 10 <= len(view):
            frames += 1
            width = max(width, _u16(view, at + 1) + _u16(view, at + 5))
            height = max(height, _u16(view, at + 3) + _u16(view, at + 7))
            at = _skip(view, at + 10 + _table(view[at + 9]) + 1)
        else:
            at, stray = at + 1, stray + 1  # decoders skip stray bytes
        if frames > frames_max:
            raise LimitExceeded(f"Maximum number of frames is {frames_max}")
        if stray > STRAY_BYTES_MAX:
            raise UndecodableMedia("Invalid image file")
        if comments > comment_bytes_max:
            raise LimitExceeded(f"Maximum size of metadata is {comment_bytes_max} bytes")
    if not frames:
        raise UndecodableMedia("Invalid image file")
    has_alpha |= (width, height) != (_u16(view, 6), _u16(view, 8))  # nothing is painted beside the old screen
    return Claims(width=width, height=height, frames=frames, loop=plays if frames > 1 else None, has_alpha=has_alpha)


def _u16(view: memoryview, at: int) -> int:
    return view[at] | view[at + 1] << 8


def _table(flags: int) -> int:
    """Bytes of the colour table that the flags announce."""
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _skip(view: memoryview, at: int) -> int:
    while at < len(view) and view[at]:
        at += 1 + view[at]
    return at + 1


def stripped(view: memoryview) -> bytes:
    """The same frames without comments, plain text and application data (XMP), and nothing after the trailer.

    What says how long and how often frames are shown is written anew: blocks of any kind may follow it in its extension.
    """
    at = 13 + _table(view[10])
    pieces: list[memoryview | bytes] = [view[:at]]
    while at < len(view) and view[at] != TRAILER:
        start = at
        if view[at] == EXTENSION and at + 1 < len(view):
            at = _skip(view, at + 2)
            pieces.append(_control(view, start, at) or _loop(view, start, at))
        elif view[at] == IMAGE and at + 10 <= len(view):
            at = _skip(view, at + 10 + _table(view[at + 9]) + 1)
            pieces.append(view[start:at])
        else:
            at += 1
    return b"".join([*pieces, bytes([TRAILER])])


def _control(view: memoryview, start: int, end: int) -> bytes:
    """The graphic control extension at `start` and nothing else; empty for any other."""
    if view[start + 1] != GRAPHIC_CONTROL or end - start < 8 or view[start + 2] < 4:
        return b""
    return bytes([EXTENSION, GRAPHIC_CONTROL, 4, *view[start + 3 : start + 7], 0])


def _loop(view: memoryview, start: int, end: int) -> bytes:
    """The number of repeats and nothing else; empty for any other extension."""
    is_loop = view[start + 1] == APPLICATION and bytes(view[start + 3 : start + 14]) == NETSCAPE
    if not is_loop or end - start < 19 or bytes(view[start + 14 : start + 16]) != LOOP:
        return b""
    return bytes([EXTENSION, APPLICATION, len(NETSCAPE), *NETSCAPE, *LOOP, *view[start + 16 : start + 18], 0])
