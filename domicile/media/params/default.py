"""The picture that stands in for one that does not exist.

    d       = segment *( ":" segment ) [ "." extension ]      ; the public_id of an image of type upload, ":" for "/"
    segment = 1*( any but "," ":" "/" )                       ; percent-encoded

Source: cloudinary-compat 3.4; which picture it is and when it is taken: edge/upstream.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domicile.media.asset import IMAGE_EXTENSIONS
from domicile.media.params.base import Malformed, Parameter
from domicile.media.percent import percent_decode, percent_encode
from domicile.media.public_id import public_id_problem
from domicile.media.transformation import Component

DEFAULT_ENCODED_CHARS_MAX = 384
"""Small enough to leave room for the rest below the grammar's limit for a component."""


def read_default(text: str) -> str:
    """Decoded once."""
    try:
        written = "/".join(percent_decode(segment).decode() for segment in text.split(":"))
    except UnicodeDecodeError:
        raise Malformed from None
    if public_id_problem(public_id_of(written)) is not None or len(write_default(written)) > DEFAULT_ENCODED_CHARS_MAX:
        raise Malformed
    return written


def public_id_of(written: str) -> str:
    """Without the extension, which says nothing: the format of the answer is the URL's matter.

    >>> public_id_of("people/nobody.png"), public_id_of("v1.2")
    ('people/nobody', 'v1.2')
    """
    stem, dot, extension = written.rpartition(".")
    return stem if stem and dot and extension.lower() in IMAGE_EXTENSIONS else written


def write_default(written: str) -> str:
    return ":".join(percent_encode(segment) for segment in written.split("/"))


def _read(text: str) -> Mapping[str, Any]:
    return {"default_image": read_default(text)}


def _write(component: Component) -> str | None:
    return None if component.default_image is None else write_default(component.default_image)


PARAMETERS = (Parameter(key="d", read=_read, write=_write),)
