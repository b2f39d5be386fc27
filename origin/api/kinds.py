"""What kind of asset a file becomes: a picture, or a file that is kept as it is."""

from __future__ import annotations

from domicile.imaging.sniff import SVG_SNIFF_BYTES, sniff
from domicile.media.errors import BadRequest, UndecodableMedia
from origin.api.params import Params

IMAGE, RAW = "image", "raw"
SNIFF_BYTES = SVG_SNIFF_BYTES
"""What `kind_of` looks at."""
_OF_PICTURES = frozenset(
    "transformation format eager faces colors phash quality_analysis image_metadata media_metadata blurhash thumbhash responsive_breakpoints"
    " face_coordinates custom_coordinates".split()
)
_VIDEO = b"\x1aE\xdf\xa3"
_FILM_BRANDS = frozenset(
    {b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"qt  ", b"M4V ", b"dash"}
)
"""ISO/IEC 14496-12 files that hold a film; those of pictures are the decoders' to tell."""


def check_resource_type(resource_type: str) -> None:
    """Before a file is read. Raises BadRequest."""
    if resource_type == "video":
        raise BadRequest("Resource type video is not supported yet: raw keeps a film as it is")


def kind_of(resource_type: str, body: bytes) -> str:
    """IMAGE or RAW. `auto`: what the first bytes say. Raises BadRequest for a film, which `auto` would make a video."""
    if resource_type != "auto":
        return resource_type
    if body.startswith(_VIDEO) or (body[4:8] == b"ftyp" and body[8:12] in _FILM_BRANDS):
        check_resource_type("video")
    try:
        sniff(memoryview(body))
    except UndecodableMedia:
        return RAW
    return IMAGE


def check_raw(params: Params) -> None:
    """Raises BadRequest for what only a picture has."""
    for name in params.names():
        if name in params and name in _OF_PICTURES and params.values[name] not in {"0", "false"}:
            raise BadRequest(f"Parameter {name} is not for raw files")
