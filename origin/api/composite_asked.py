"""What a sprite or an animation is to be made of: all pictures with a tag, or those that delivery URLs of this cloud show.

A URL says how its picture is shown, and the call's transformation what is made of that. Its signature does not count: what is
made is for everybody.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass, field

from aiohttp import web

from domicile.imaging.job import MediaLimits
from domicile.media.asset import IMAGE_EXTENSIONS, AssetName
from domicile.media.errors import AssetNotFound, BadRequest, LimitExceeded, MediaError
from domicile.media.keys import name_hash
from domicile.media.url import Candidate, parse
from origin.api.call import Call, check_public_id
from origin.api.notices import PARAMETERS
from origin.api.params import check_parameters
from origin.delivery_url import path_of
from origin.records import AssetRecord, Filter
from origin.renders import Order, read_order

USED = PARAMETERS | {"tag", "urls", "transformation", "public_id", "mode", "async"}
PIECES_MAX = 200
"""Pictures in one."""
DELAY_MS, DELAY_MS_MAX = 100, 60_000
"""Between frames, where `dl_` does not say."""
UNFIT = "Invalid value for parameter urls: must be delivery URLs of pictures of this cloud"
_OWN = re.compile(r"(?:(?<=^)|(?<=[,/]))(f|dl)_([A-Za-z0-9]+)(?:,|(?=/)|$)", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a call asks for."""

    tag: str = field(repr=False)
    urls: tuple[str, ...] = field(repr=False)
    """One of both is said."""
    public_id: str = field(repr=False)
    transformation: str
    """Of each picture."""
    extension: str
    delay_ms: int


def read_asked(request: web.Request, call: Call, *, usual: str, formats: frozenset[str]) -> Asked:
    """Raises BadRequest, BadTransformation, LimitExceeded."""
    params = call.params
    check_parameters(params, USED)
    if params.text("mode") not in {"", "download"}:
        raise BadRequest("Invalid value for parameter mode")
    if request.method != "POST" and params.text("mode") != "download":
        raise BadRequest("What is kept is asked for by POST")
    tag, urls = params.text("tag"), params.texts("urls")
    if bool(tag) == bool(urls):
        raise BadRequest("Missing required parameter - either tag or urls")
    if len(urls) > PIECES_MAX:
        raise LimitExceeded(f"Too many pictures: at most {PIECES_MAX}")
    text, own = split_own(params.text("transformation"))
    wanted = own.get("f", usual).lower()
    extension = IMAGE_EXTENSIONS.get(wanted, "")
    if extension not in formats:
        raise BadRequest(f"Invalid value for parameter format: {wanted[:16]} cannot be made of many pictures")
    delay = own.get("dl", str(DELAY_MS))
    if not delay.isdigit() or not 0 < int(delay) <= DELAY_MS_MAX:
        raise BadRequest(f"Invalid value for parameter delay: must be 1 to {DELAY_MS_MAX}")
    named = tag or name_hash(call.tenant.name_key, "urls", "\n".join(urls))
    return Asked(
        tag=tag,
        urls=urls,
        public_id=check_public_id(params.text("public_id") or named),
        transformation=text,
        extension=extension,
        delay_ms=int(delay),
    )


def split_own(transformation: str) -> tuple[str, dict[str, str]]:
    """What is about the whole, and not about each picture, taken out: format and delay.

    >>> split_own("c_fill,dl_50,w_5/f_gif")
    ('c_fill,w_5', {'dl': '50', 'f': 'gif'})
    """
    own: dict[str, str] = dict(_OWN.findall(transformation))
    rest = [part.strip(",") for part in _OWN.sub("", transformation).split("/")]
    return "/".join(part for part in rest if part), own


async def chosen_by(call: Call, asked: Asked) -> list[tuple[AssetRecord, Order]]:
    """The pictures, and how each is shown; in the order of their URLs, or of their public_ids.

    AssetNotFound, BadRequest, BadTransformation, LimitExceeded.
    """
    origin, cloud = call.origin, call.tenant.cloud
    limits, named = origin.settings.media.limits(origin.settings.upload), origin.records.named.all(cloud)
    if asked.urls:
        found = [await _behind(call, url, limits) for url in asked.urls]
        texts = (f"{shown}/{asked.transformation}".strip("/") for _, shown in found)
        return [(one, read_order(f"{text}/png", named, limits)) for (one, _), text in zip(found, texts, strict=True)]
    order = read_order(f"{asked.transformation}/png", named, limits)
    where = Filter(resource_type="image", delivery_type="upload", tag=asked.tag)
    page = await origin.records.list(cloud, where, max_results=PIECES_MAX)
    if page.next_cursor is not None:
        raise LimitExceeded(f"Too many pictures with this tag: at most {PIECES_MAX}")
    if not page.records:
        raise AssetNotFound("Resource not found - no picture has this tag")
    return [(one, order) for one in sorted(page.records, key=lambda one: one.name.public_id)]


async def _behind(call: Call, url: str, limits: MediaLimits) -> tuple[AssetRecord, str]:
    """The picture that a URL shows, and the transformation in it. Raises AssetNotFound, BadRequest."""
    origin, cloud = call.origin, call.tenant.cloud
    try:
        parsed = parse(path_of(url, origin.settings.delivery_hosts), limits=limits)
    except MediaError as bad:
        raise BadRequest(UNFIT) from bad
    if parsed.cloud != cloud or parsed.resource_type != "image" or parsed.delivery_type == "fetch":
        raise BadRequest(UNFIT)
    for candidate in parsed.candidates:
        name = AssetName(
            cloud=cloud,
            resource_type=parsed.resource_type,
            delivery_type=parsed.delivery_type,
            public_id=candidate.public_id,
        )
        record = await origin.records.get(name)
        if record is not None:
            return record, shown_by(candidate)
    raise AssetNotFound(f"Resource not found - {parsed.candidates[0].public_id}")


def shown_by(candidate: Candidate) -> str:
    """The transformation as the URL has it, without what is about the whole."""
    parts = candidate.signed_text.split("/")
    written = parts[: len(parts) - 1 - candidate.public_id.count("/")]
    return split_own("/".join(written))[0]


def free_key(public_id: str, taken: Container[str]) -> str:
    """What a picture is called in the list of them, also when it is there twice.

    >>> free_key("a", {"a", "a_2"})
    'a_3'
    """
    key, number = public_id, 1
    while key in taken:
        number += 1
        key = f"{public_id}_{number}"
    return key
