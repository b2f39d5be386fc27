"""Which container of films and sounds a file is, by its first bytes. It decodes nothing, so the API may ask it."""

from __future__ import annotations

from domicile.imaging.containers.sound import is_frame

PICTURE_BRANDS = frozenset({b"avif", b"avis", b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"})
"""Files of the same container that are the picture decoders'."""
OLD_BEGINNINGS = frozenset({b"moov", b"mdat", b"wide"})
"""Of QuickTime before brands were thought of."""
EBML, RIFF, ID3 = b"\x1aE\xdf\xa3", b"RIFF", b"ID3"


def container_of(head: bytes) -> str | None:
    """Which reader a file is for, by its first bytes; None: it is no film and no sound."""
    if head[4:8] == b"ftyp":
        return None if head[8:12] in PICTURE_BRANDS else "iso"
    if head[4:8] in OLD_BEGINNINGS:
        return "iso"
    if head.startswith(EBML):
        return "matroska"
    if head[:4] == RIFF and head[8:12] == b"WAVE":
        return "wav"
    return "mp3" if head.startswith(ID3) or is_frame(head[:4]) else None
