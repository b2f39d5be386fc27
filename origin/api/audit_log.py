"""Receipts, the keys that they are checked with, and the log that they are in: open to everybody but the receipts.

GET /v1_1/{cloud}/erasures/{id}/receipt                       once the erasure is over
GET /.well-known/domicile/receipt-keys                        keep a copy: verifiers start from it
GET /.well-known/domicile/log/checkpoint                      a signed note (C2SP)
GET /.well-known/domicile/log/consistency?from=SIZE&to=SIZE   that the log only grew
GET /.well-known/domicile/log/leaves?start=N&end=N            for whoever watches it: numbers and hashes
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

from aiohttp import web

from domicile.media.checkpoint import verifier_key
from domicile.media.errors import AssetNotFound, BadRequest
from domicile.media.statement import key_id
from origin.api.call import admin, reply
from origin.api.routes import Route
from origin.keys import ORIGIN
from origin.records.audit import LEAVES_PER_ANSWER_MAX

WELL_KNOWN = "/.well-known/domicile"
_DIGITS_MAX = 18


async def receipt(request: web.Request, path: Mapping[str, str]) -> web.Response:
    origin, tenant, _ = await admin(request, path)
    try:
        return reply(await origin.records.receipt(tenant.cloud, path["id"]))
    except AssetNotFound as missing:
        raise AssetNotFound("Resource not found - receipt: no such erasure, or it is not over yet") from missing


async def keys(request: web.Request, _: Mapping[str, str]) -> web.Response:
    records = request.app[ORIGIN].records
    statement, log = records.statement_public_key(), records.audit.public_key
    name = records.audit.name
    return web.json_response(
        {
            "statement": _told(statement),
            "log": {"name": name, "verifier_key": verifier_key(name, log), **_told(log)},
        }
    )


async def checkpoint(request: web.Request, _: Mapping[str, str]) -> web.Response:
    return web.Response(text=await request.app[ORIGIN].records.audit.checkpoint())


async def consistency(request: web.Request, _: Mapping[str, str]) -> web.Response:
    proof = await request.app[ORIGIN].records.audit.consistency(_number(request, "from"), _number(request, "to"))
    return web.json_response({"proof": [base64.b64encode(part).decode() for part in proof]})


async def leaves(request: web.Request, _: Mapping[str, str]) -> web.Response:
    """At most LEAVES_PER_ANSWER_MAX; fewer when the log ends, or more were asked for."""
    start, end = _number(request, "start"), _number(request, "end")
    found = await request.app[ORIGIN].records.audit.leaves(start, min(end, start + LEAVES_PER_ANSWER_MAX))
    return web.json_response({"leaves": [json.loads(leaf) for leaf in found]})


def _told(public_key: bytes) -> dict[str, str]:
    return {"alg": "ed25519", "key_id": key_id(public_key), "public_key": base64.b64encode(public_key).decode()}


def _number(request: web.Request, name: str) -> int:
    text = request.query.get(name, "")
    if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS_MAX):
        raise BadRequest(f"Invalid value for parameter {name}")
    return int(text)


ROUTES = (
    Route("receipt", "GET", "/v1_1/{cloud}/erasures/{id}/receipt", receipt),
    Route("receipt_keys", "GET", WELL_KNOWN + "/receipt-keys", keys),
    Route("log_checkpoint", "GET", WELL_KNOWN + "/log/checkpoint", checkpoint),
    Route("log_consistency", "GET", WELL_KNOWN + "/log/consistency", consistency),
    Route("log_leaves", "GET", WELL_KNOWN + "/log/leaves", leaves),
)
