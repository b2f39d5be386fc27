"""What kind of asset a file becomes: a picture, or a film, a sound or any other file, which is kept as it is."""

from __future__ import annotations

from domicile.imaging.film_sniff import container_of
from domicile.imaging.sniff import SVG_SNIFF_BYTES, sniff
from domicile.media.errors import BadRequest, UndecodableMedia
from domicile.media.film import NOT_TRANSFORMED
from origin.api.params import Params

IMAGE, RAW, VIDEO = "image", "raw", "video"
SNIFF_BYTES = SVG_SNIFF_BYTES
"""What `kind_of` looks at."""
_OF_PICTURES = frozenset(
    "transformation format eager faces colors phash quality_analysis image_metadata media_metadata blurhash thumbhash responsive_breakpoints"
    " face_coordinates custom_coordinates".split()
)
_MAKES = frozenset({"transformation", "format", "eager", "responsive_breakpoints"})


def kind_of(resource_type: str, head: bytes) -> str:
    """IMAGE, VIDEO or RAW. `auto`: what the first bytes say."""
    if resource_type != "auto":
        return resource_type
    if container_of(head) is not None:
        return VIDEO
    try:
        sniff(memoryview(head))
    except UndecodableMedia:
        return RAW
    return IMAGE


def check_as_it_is(kind: str, params: Params) -> None:
    """Of a file that is kept as it is. Raises BadRequest for what only a picture has."""
    for name in params.names():
        if name in params and name in _OF_PICTURES and params.values[name] not in {"0", "false"}:
            if kind == VIDEO and name in _MAKES:
                raise BadRequest(NOT_TRANSFORMED)
            raise BadRequest(f"Parameter {name} is not for {'videos' if kind == VIDEO else 'raw files'}")
