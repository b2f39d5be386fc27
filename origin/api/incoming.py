"""`transformation` and `format` of an upload: what is kept is not what was sent, but what they make of it.

A layer would put another asset's pixels into an original, which erasing that asset could not reach: 400.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from domicile.imaging.job import MediaLimits
from domicile.media.asset import IMAGE_EXTENSIONS
from domicile.media.errors import BadRequest, BadTransformation
from domicile.media.negotiate import CONTENT_TYPES
from origin.api.params import Params
from origin.keys import Origin
from origin.records import Named
from origin.renders import Order, Picture, make, read_order


def read_incoming(params: Params, named: Mapping[str, Named], limits: MediaLimits) -> Order | None:
    """None: the file is kept as it was sent. Raises BadRequest, BadTransformation, LimitExceeded."""
    text, wanted = params.text("transformation"), params.text("format").lower()
    if not text and not wanted:
        return None
    if wanted and IMAGE_EXTENSIONS.get(wanted) not in CONTENT_TYPES:
        raise BadRequest("Invalid value for parameter format")
    order = read_order(text, named, limits)
    if order.chain.layers:
        raise BadTransformation("Invalid transformation: a layer cannot become part of an original")
    return replace(order, extension=IMAGE_EXTENSIONS[wanted]) if wanted else order


async def applied(origin: Origin, picture: Picture, order: Order) -> bytes:
    """The file that is kept. Raises as rendering does."""
    return (await make(origin, picture, order, redacts=False)).rendered.body
