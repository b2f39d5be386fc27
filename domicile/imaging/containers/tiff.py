r"""TIFF (revision 6.0): a walk over the directories, before a library reads what they point at.

file      = "II*\0" / "MM\0*" offset(4) ; of the first directory
directory = count(2) { tag(2) type(2) count(4) value-or-offset(4) } offset(4) ; of the next, 0 at the end
"""

from __future__ import annotations

import struct

from domicile.media.errors import LimitExceeded

TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
INLINE_BYTES_MAX = 4
PIECES = frozenset({273, 324})
"""StripOffsets and TileOffsets: as many as there are strips or tiles."""
ENTRY_BYTES = 12


def check(view: memoryview, *, frames_max: int, chunks_max: int) -> None:
    """Raises LimitExceeded for more pages, entries, strips and tiles than allowed, and for values that overlap so much
    that reading them would take more bytes than the file has. What is broken is left to the decoder to refuse.
    """
    order = "<" if bytes(view[:2]) == b"II" else ">"
    entry, directories, pieces, value_bytes = struct.Struct(order + "HHII"), 0, 0, 0
    chunks = 0
    (at,) = struct.unpack_from(order + "I", view, 4) if len(view) >= 8 else (0,)
    while at and at + 2 <= len(view):
        directories += 1
        if directories > frames_max:
            raise LimitExceeded(f"Maximum number of frames is {frames_max}")
        (count,) = struct.unpack_from(order + "H", view, at)
        chunks += count
        end = at + 2 + count * ENTRY_BYTES
        if chunks <= chunks_max and end + 4 <= len(view):
            for tag, kind, length, _ in entry.iter_unpack(view[at + 2 : end]):
                size = length * TYPE_BYTES.get(kind, 1)
                value_bytes += size if size > INLINE_BYTES_MAX else 0
                pieces += length if tag in PIECES else 0
        if chunks + pieces > chunks_max:
            raise LimitExceeded(f"Maximum number of chunks in a file is {chunks_max}")
        if value_bytes > len(view):
            raise LimitExceeded("Maximum size of metadata is that of the file")
        (at,) = struct.unpack_from(order + "I", view, end) if end + 4 <= len(view) else (0,)
