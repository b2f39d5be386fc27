"""Which format the bytes are, by their first bytes; names and extensions are not asked.

Only formats on the allow-list pass. What is recognised and not accepted gets a message that says so.
"""

from __future__ import annotations

from domicile.imaging.svg.reading import looks_like_svg
from domicile.media.errors import UndecodableMedia

SNIFF_BYTES = 512
SVG_SNIFF_BYTES = 4096
"""Comments and a document type may stand before the root."""
PILLOW_NAMES = {
    "jpg": "JPEG",
    "png": "PNG",
    "gif": "GIF",
    "webp": "WEBP",
    "avif": "AVIF",
    "tiff": "TIFF",
    "bmp": "BMP",
    "ico": "ICO",
}
"""Of the allow-list, what Pillow opens: our names and its own."""
OTHER_NAMES = frozenset({"heic", "pdf", "svg"})
"""The rest of it."""

PREFIXES = (
    (b"\xff\xd8\xff", "jpg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"BM", "bmp"),
    (b"\0\0\1\0", "ico"),
    (b"%PDF-", "pdf"),
)
REFUSED_PREFIXES = (
    (b"\x1aE\xdf\xa3", "video"),
    (b"8BPS", "PSD"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x0a", "JPEG XL"),
)
AVIF_BRANDS = frozenset({b"avif", b"avis"})
HEIF_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"})


def sniff(view: memoryview) -> str:
    """A name of PILLOW_NAMES or OTHER_NAMES. Raises UndecodableMedia."""
    head = bytes(view[:SNIFF_BYTES])
    if not head:
        raise UndecodableMedia("Empty file")
    for prefix, name in PREFIXES:
        if head.startswith(prefix):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == b"ftyp":
        return _iso_media(head)
    for prefix, name in REFUSED_PREFIXES:
        if head.startswith(prefix):
            raise UndecodableMedia(f"Unsupported image format: {name}")
    if looks_like_svg(bytes(view[:SVG_SNIFF_BYTES])):
        return "svg"
    raise UndecodableMedia("Invalid image file")


def _iso_media(head: bytes) -> str:
    """ISO/IEC 14496-12, 4.3: major brand, minor version, compatible brands."""
    size = min(int.from_bytes(head[:4], "big"), len(head))
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, size - 3, 4))}
    if brands & AVIF_BRANDS:
        return "avif"
    if brands & HEIF_BRANDS:
        return "heic"
    raise UndecodableMedia("Unsupported image format: video")
