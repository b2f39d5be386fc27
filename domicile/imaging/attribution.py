"""Who made a picture and whose it is, read from an original and written anew: the one metadata that a rendition may carry.

Only texts of known fields are taken, from IPTC, XMP and EXIF, never a block as it is: places, times, addresses, thumbnails
and what nobody has heard of have no way through. A URL asks (`fl_keep_attribution`, `fl_keep_iptc`), a policy allows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from domicile.imaging.containers import jpeg
from domicile.imaging.guarded import DECODER_ERRORS
from domicile.imaging.patched import Image
from domicile.imaging.source import Source
from domicile.imaging.svg.reading import SEPARATOR, Node, parse_xml
from domicile.imaging.tags import XMP_BYTES_MAX, XMP_IN_JPEG
from domicile.media.errors import MediaError

ATTRIBUTION = ("creator", "credit", "rights")
IPTC = (*ATTRIBUTION, "title", "headline", "description", "keywords")
FIELDS = {"attribution": ATTRIBUTION, "iptc": IPTC}
"""What each choice of a policy lets through."""
TEXT_CHARACTERS_MAX, TEXTS_MAX = 1000, 50
"""Of one text, and texts of one field."""

DC, RDF = "http://purl.org/dc/elements/1.1/", "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
LISTS, ITEM = {f"{RDF}{SEPARATOR}{kind}" for kind in ("Seq", "Alt", "Bag")}, f"{RDF}{SEPARATOR}li"
"""Items right inside a list right inside a field: what stands deeper is another property's."""
PHOTOSHOP = "http://ns.adobe.com/photoshop/1.0/"
XMP_NAMES = {
    "creator": (DC, "creator", "Seq"),
    "rights": (DC, "rights", "Alt"),
    "credit": (PHOTOSHOP, "Credit", ""),
    "title": (DC, "title", "Alt"),
    "headline": (PHOTOSHOP, "Headline", ""),
    "description": (DC, "description", "Alt"),
    "keywords": (DC, "subject", "Bag"),
}
"""Field -> namespace, name, and the kind of list that it stands in."""
IPTC_NUMBERS = {
    80: "creator",
    110: "credit",
    116: "rights",
    5: "title",
    105: "headline",
    120: "description",
    25: "keywords",
}
"""Of record 2 (IPTC IIM 4.2)."""
EXIF_NUMBERS = {0x013B: "creator", 0x8298: "rights"}
PHOTOSHOP_HEAD, IPTC_RESOURCE, APP13 = b"Photoshop 3.0\0", 0x0404, 0xED
UTF_8 = b"\x1b%G"

Texts = dict[str, list[str]]


@dataclass(slots=True)
class _Found:
    """Texts by field; of several places the first that has any is believed."""

    texts: Texts = field(default_factory=dict)

    def add(self, texts: Texts) -> None:
        for name, values in texts.items():
            cleaned = [text for value in values[:TEXTS_MAX] if (text := _clean(value))]
            if cleaned:
                self.texts.setdefault(name, cleaned)


def packet(source: Source, allowed: str) -> bytes:
    """XMP with the texts that `allowed` (a key of FIELDS) lets through; empty when there are none. Raises nothing."""
    found = _Found()
    for texts in _sources(source):
        found.add(texts)
    kept = {name: found.texts[name] for name in FIELDS[allowed] if name in found.texts}
    if not kept:
        return b""
    written = _write(kept)
    return written if len(written) <= XMP_BYTES_MAX else b""


def _sources(source: Source) -> Iterator[Texts]:
    """XMP, IPTC, EXIF: what cannot be read is passed over, a picture is not refused for its metadata."""
    for read in (_xmp, _iptc, _exif):
        try:
            yield read(source)
        except MediaError:
            continue
        except DECODER_ERRORS:
            continue


def _xmp(source: Source) -> Texts:
    body = b""
    if source.format == "jpg":
        payloads = (source.view[start:end] for marker, start, end in jpeg.segments(source.view) if marker == jpeg.APP1)
        body = next(
            (bytes(one[len(XMP_IN_JPEG) :]) for one in payloads if bytes(one[: len(XMP_IN_JPEG)]) == XMP_IN_JPEG), b""
        )
    elif source.vector is None and source.format != "heic":
        with source.open_image() as image:
            found = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
            body = found.encode() if isinstance(found, str) else bytes(found)
    return dict(_in_tree(parse_xml(memoryview(body.strip(b"\0 \r\n")), XMP_BYTES_MAX * 4))) if body else {}


def _in_tree(root: Node) -> Iterator[tuple[str, list[str]]]:
    for node in _all(root):
        for name, (namespace, word, _) in XMP_NAMES.items():
            spelled = namespace + SEPARATOR + word
            if spelled in node.attributes:
                yield name, [node.attributes[spelled]]
            if node.tag == spelled:
                items = [one for kind in _nodes(node) if kind.tag in LISTS for one in _nodes(kind) if one.tag == ITEM]
                yield name, [_text(one) for one in items or [node]]


def _all(node: Node) -> Iterator[Node]:
    yield node
    for child in _nodes(node):
        yield from _all(child)


def _nodes(node: Node) -> Iterator[Node]:
    return (child for child in node.children if isinstance(child, Node))


def _text(node: Node) -> str:
    return "".join(child for child in node.children if isinstance(child, str))


def _iptc(source: Source) -> Texts:
    texts: Texts = {}
    if source.format != "jpg":
        return texts
    block = b"".join(
        bytes(source.view[start + len(PHOTOSHOP_HEAD) : end])
        for marker, start, end in jpeg.segments(source.view)
        if marker == APP13 and bytes(source.view[start : start + len(PHOTOSHOP_HEAD)]) == PHOTOSHOP_HEAD
    )
    encoding = "latin-1"
    for record, number, value in _datasets(_resource(block, IPTC_RESOURCE)):
        if (record, number) == (1, 90):
            encoding = "utf-8" if value == UTF_8 else encoding
        elif record == 2 and number in IPTC_NUMBERS:
            texts.setdefault(IPTC_NUMBERS[number], []).append(value.decode(encoding, "replace"))
    return texts


def _resource(block: bytes, wanted: int) -> bytes:
    """One of Photoshop's image resources: "8BIM" number(2) pascal-name size(4) data, padded to even."""
    at = 0
    while block[at : at + 4] == b"8BIM":
        number = int.from_bytes(block[at + 4 : at + 6], "big")
        at += 6 + (block[at + 6] + 2) // 2 * 2
        size = int.from_bytes(block[at : at + 4], "big")
        if number == wanted:
            return block[at + 4 : at + 4 + size]
        at += 4 + (size + 1) // 2 * 2
    return b""


def _datasets(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Record, number and value: 0x1C record number size(2) value. Extended sizes end the walk."""
    at = 0
    while at + 5 <= len(data) and data[at] == 0x1C:
        size = int.from_bytes(data[at + 3 : at + 5], "big")
        if size & 0x8000:
            return
        yield data[at + 1], data[at + 2], data[at + 5 : at + 5 + size]
        at += 5 + size


def _exif(source: Source) -> Texts:
    if not source.claims.exif:
        return {}
    parsed = Image.Exif()
    parsed.load(source.claims.exif)
    return {name: [str(parsed[tag])] for tag, name in EXIF_NUMBERS.items() if tag in parsed}


def _clean(text: str) -> str:
    """One line of printable characters."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text[:TEXT_CHARACTERS_MAX]).split())


def _write(texts: Texts) -> bytes:
    pieces = []
    for name, values in texts.items():
        namespace, word, kind = XMP_NAMES[name]
        prefix = "dc" if namespace == DC else "photoshop"
        if kind == "Alt":
            inside = f'<rdf:Alt><rdf:li xml:lang="x-default">{escape(values[0])}</rdf:li></rdf:Alt>'
        elif kind:
            inside = (
                f"<rdf:{kind}>" + "".join(f"<rdf:li>{escape(value)}</rdf:li>" for value in values) + f"</rdf:{kind}>"
            )
        else:
            inside = escape(values[0])
        pieces.append(f"<{prefix}:{word}>{inside}</{prefix}:{word}>")
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        f'<rdf:RDF xmlns:rdf="{RDF}"><rdf:Description rdf:about="" xmlns:dc="{DC}" xmlns:photoshop="{PHOTOSHOP}">'
        + "".join(pieces)
        + "</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()
