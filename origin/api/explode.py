"""`explode`: every page of a document, or frame of an animation, made as a rendition of its own, behind the answer.

Pages are delivered by `pg_`, whether they were made early or not; this makes them early, lists them as derived, and tells.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping

import msgspec
from aiohttp import web

from domicile.media.asset import IMAGE_EXTENSIONS
from domicile.media.errors import AssetNotFound, BadRequest
from origin.api.call import count_fence, delivery_type_of, name_of, reply, signed, told_by
from origin.api.eager import BATCH_ID_BYTES, ORDERS_MAX, EagerTask, read_orders
from origin.api.notices import PARAMETERS
from origin.api.params import check_parameters
from origin.api.routes import CLOUD, Route
from origin.records import EAGER, Left, NewTask

USED = PARAMETERS | {"public_id", "type", "transformation", "format"}
PAGE_ALL = re.compile(r"(^|[,/])pg_all(?=[,/]|$)", re.ASCII)


async def explode(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """POST /image/explode; `transformation` says `pg_all` where the number of a page will stand."""
    call = await signed(request, path)
    origin, params = call.origin, call.params
    check_parameters(params, USED)
    public_id = params.required("public_id")
    name = name_of(call.tenant, "image", delivery_type_of(params.text("type")), public_id)
    word = told_by(call, request)
    record = await origin.records.get(name)
    if record is None:
        raise AssetNotFound(f"Resource not found - {public_id}")
    text = orders_of(params.text("transformation") or "pg_all", params.text("format"), pages=record.facts.frames)
    limits = origin.settings.media.limits(origin.settings.upload)
    read_orders(text, origin.records.named.all(call.tenant.cloud), limits, most=ORDERS_MAX)  # refused before the answer
    batch_id = word.batch_id or secrets.token_hex(BATCH_ID_BYTES)
    detail = EagerTask(eager=text, url=word.url, batch_id=batch_id, request_id=word.request_id, kind="explode")
    task = NewTask(kind=EAGER, detail=msgspec.msgpack.encode(detail))
    done = await origin.records.edit(
        [name], lambda one: one, once=call.once, waits=False, leave=lambda _record: Left(tasks=(task,))
    )
    count_fence(origin, done.fenced)
    origin.eager_left.set()
    return reply({"status": "processing", "batch_id": batch_id})


def orders_of(transformation: str, extension: str, *, pages: int) -> str:
    """One order a page, as `eager` writes them. Raises BadRequest.

    >>> orders_of("w_5/pg_all,e_blur", "png", pages=2)
    'w_5/pg_1,e_blur/png|w_5/pg_2,e_blur/png'
    """
    if len(PAGE_ALL.findall(transformation)) != 1 or "|" in transformation:
        raise BadRequest("Invalid value for parameter transformation: must have pg_all, once")
    if extension and extension.lower() not in IMAGE_EXTENSIONS:
        raise BadRequest("Invalid value for parameter format")
    if pages > ORDERS_MAX:
        raise BadRequest(f"Too many pages: at most {ORDERS_MAX}")
    ending = f"/{extension.lower()}" if extension else ""
    return "|".join(PAGE_ALL.sub(rf"\g<1>pg_{n + 1}", transformation) + ending for n in range(pages))


ROUTES = (Route("explode", "POST", CLOUD + "/image/explode", explode),)
