"""What a component lays over the picture (`l`) or under it (`u`).

    l = u   = picture / "text:" text                      ; media/text.py
    picture = [ type ":" ] segment *( ":" segment )       ; public_id with ":" for "/", percent-encoded
    type    = "upload" / "private" / "authenticated"
    picture =/ "fetch:" base64                            ; of an address elsewhere, for URLs; padding may be left out

`upload:` is written back only where the name could be taken for something else. What is known to Cloudinary and not to us
is refused by its first word: `video:`, `subtitles:`, `lut:`.
Not yet: names in variables. Source: cloudinary-compat 3.1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from domicile.media.errors import BadTransformation
from domicile.media.layer import LAYER_TYPES, Layer, LayerName
from domicile.media.params.base import Malformed, Parameter
from domicile.media.percent import percent_decode, percent_encode
from domicile.media.public_id import public_id_problem
from domicile.media.remote import decode_remote, encode_remote
from domicile.media.text import TextLayer, read_text, write_text_layer
from domicile.media.transformation import Component

LAYER_ENCODED_CHARS_MAX = 768
"""Small enough to leave room for the rest below the grammar's limit for a component."""
UPLOAD = LAYER_TYPES[0]
REFUSED = {
    "video": "not supported",
    "subtitles": "not supported",
    "lut": "not supported",
}
"""First words of layers that are something else than a picture of the cloud, and why they are refused."""
TEXT, FETCH = "text", "fetch"
NEEDS_TYPE = frozenset(LAYER_TYPES) | REFUSED.keys() | {TEXT}
"""First words that are no folder, unless a type stands before them."""


def read_layer(key: str, text: str) -> Layer:
    """`key`: "l" or "u". Raises Malformed; BadTransformation, with the reason, for what only Cloudinary has."""
    first, colon, rest = text.partition(":")
    if first in REFUSED:
        raise BadTransformation.component(f"{key}_{first} ({REFUSED[first]})")
    if first == TEXT:
        return Layer(read_text(rest), is_under=key == "u")
    if colon and first == FETCH:
        return Layer(read_fetched(rest), is_under=key == "u")
    name = read_picture(first, rest) if colon and first in LAYER_TYPES else read_picture(UPLOAD, text)
    return Layer(name, is_under=key == "u")


def read_picture(delivery_type: str, text: str) -> LayerName:
    """Decoded once. Raises Malformed."""
    if text.startswith("$"):  # a variable; encoded, it is a name
        raise Malformed
    try:
        public_id = "/".join(percent_decode(segment).decode() for segment in text.split(":"))
    except UnicodeDecodeError:
        raise Malformed from None
    name = LayerName(delivery_type, public_id)
    if public_id_problem(public_id) is not None or len(write_picture(name)) > LAYER_ENCODED_CHARS_MAX:
        raise Malformed
    return name


def read_fetched(text: str) -> LayerName:
    """Raises Malformed."""
    try:
        name = LayerName(FETCH, decode_remote(text))
    except ValueError:
        raise Malformed from None
    if len(write_picture(name)) > LAYER_ENCODED_CHARS_MAX:
        raise Malformed
    return name


def write_content(content: LayerName | TextLayer) -> str:
    return f"{TEXT}:{write_text_layer(content)}" if isinstance(content, TextLayer) else write_picture(content)


def write_picture(name: LayerName) -> str:
    if name.delivery_type == FETCH:
        return f"{FETCH}:{encode_remote(name.public_id)}"
    segments = name.public_id.split("/")
    is_plain = name.delivery_type == UPLOAD and segments[0] not in NEEDS_TYPE
    return ":".join(map(percent_encode, segments if is_plain else [name.delivery_type, *segments]))


def _reader(key: str) -> Callable[[str], Mapping[str, Any]]:
    return lambda text: {"layer": read_layer(key, text)}


def _writer(*, is_under: bool) -> Callable[[Component], str | None]:
    def write(component: Component) -> str | None:
        layer = component.layer
        return None if layer is None or layer.is_under is not is_under else write_content(layer.content)

    return write


PARAMETERS = (
    Parameter(key="l", read=_reader("l"), write=_writer(is_under=False)),
    Parameter(key="u", read=_reader("u"), write=_writer(is_under=True)),
)
