"""`text`: a picture of a text, kept as an asset of type `text`.

It is drawn behind the walls as a text layer on a transparent point, which grows to hold it; styles are those of `l_text`.
Source: the SDK's `uploader.text`; defaults are guesses (docs/adr/0031).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping

from aiohttp import web

from domicile.media.asset import AssetName
from domicile.media.errors import BadRequest, BadTransformation
from domicile.media.facts import SourceFacts
from domicile.media.policy import Activity
from domicile.media.text import write_characters
from origin.api.answers import asset, changed, found_by_stranger
from origin.api.call import check_public_id, count_fence, reply, signed
from origin.api.manage import leaving
from origin.api.naming import random_id
from origin.api.params import Params, check_parameters
from origin.keys import ORIGIN
from origin.records import NewAsset
from origin.renders import Picture, make, read_order
from origin.scope import Operation

USED = frozenset(
    "text public_id font_family font_size font_color text_align font_weight font_style background opacity"
    " text_decoration overwrite".split()
)
WORDS = ("font_weight", "font_style", "text_decoration", "text_align")
FAMILY, SIZE = "Arial", "12"
POINT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNgYGBgAAAABQABeqhXUAAAAABJRU5ErkJggg=="
)
"""A PNG of one transparent pixel."""
POINT_FACTS = SourceFacts(
    format="png", width=1, height=1, frames=1, has_alpha=True, orientation=1, body_bytes=len(POINT), md5=""
)
_WORD = re.compile(r"[A-Za-z0-9 ]{1,64}", re.ASCII)
_COLOR = re.compile(r"#?([0-9A-Fa-f]{3,8})|(?:rgb:)?([A-Za-z0-9]{1,32})", re.ASCII)


async def text(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """POST /image/text."""
    call = await signed(request, path)
    origin, params, cloud = request.app[ORIGIN], call.params, call.tenant.cloud
    check_parameters(params, USED)
    limits = origin.settings.media.limits(origin.settings.upload)
    order = read_order(f"{transformation_of(params)}/png", {}, limits)
    name = AssetName(
        cloud=cloud,
        resource_type="image",
        delivery_type="text",
        public_id=check_public_id(params.text("public_id") or random_id()),
    )
    permit = origin.records.permit(cloud, Activity.STORE)
    origin.records.permit(cloud, Activity.TRANSFORM)
    picture = Picture(name=name, body=POINT, facts=POINT_FACTS)
    body = (await make(origin, picture, order, redacts=False)).rendered.body
    facts = (await origin.pool.probe(body, limits, tenant=cloud)).done.source
    overwrite = params.flag("overwrite", default=True) and call.tenant.scope.allows(Operation.EDIT)
    new = NewAsset(name=name, facts=facts, overwrite=overwrite, created_at=origin.now())
    draft = await origin.records.mint(cloud)
    try:
        await origin.records.put_original(draft, body, permit)
        done = await origin.records.commit_upload(draft, new, once=call.once, leave=leaving("text", call, request))
    except BaseException:
        await origin.records.discard(draft)
        raise
    if done.overwritten:
        origin.pool.retire(cloud)
    count_fence(origin, done.fenced)
    if done.existing and not call.tenant.scope.allows(Operation.READ):
        return reply(found_by_stranger(done.record, call.address))
    return reply(asset(done.record, call.address) | changed(done))


def transformation_of(params: Params) -> str:
    """The layer, as a URL would have it. Raises BadRequest.

    >>> transformation_of(Params({"text": "a, b/c", "font_weight": "bold", "font_color": "#ff0000"}))
    'l_text:Arial_12_bold:a%252C%20b%252Fc,co_rgb:ff0000'
    """
    words = [params.text("font_family") or FAMILY, params.text("font_size") or SIZE]
    words += [params.text(name) for name in WORDS if params.text(name) not in {"", "normal", "none"}]
    for word in words:
        if _WORD.fullmatch(word) is None:
            raise BadRequest(f"Invalid text style - {word[:64]}")
    style = "_".join(words).replace(" ", "%20")
    parts = [f"l_text:{style}:{write_characters(params.required('text'))}"]
    for name, key in (("font_color", "co"), ("background", "b")):
        if name in params:
            parts.append(f"{key}_{_color(params.text(name), name)}")
    if "opacity" in params:
        parts.append(f"o_{params.number('opacity', 100, at_least=0, at_most=100)}")
    return ",".join(parts)


def _color(text: str, name: str) -> str:
    match = _COLOR.fullmatch(text)
    if match is None:
        raise BadTransformation(f"Invalid value for parameter {name}")
    is_hex = match[1] is not None and (text.startswith("#") or not match[1].isalpha())
    return f"rgb:{match[1]}" if is_hex else text
