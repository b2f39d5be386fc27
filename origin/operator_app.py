"""The operator's door: a UNIX socket of mode 0600 for the commands `domicile tenant`, `domicile key` and `domicile token`.

    POST /_admin/v1/tenants      {"cloud": "acme"}  ->  {"cloud", "api_key", "cloudinary_url"}
    GET  /_admin/v1/tenants                         ->  {"clouds": [...]}
    POST /_admin/v1/keys         {"cloud", "keyid", "public_key", "operations"?, "days"?}  ->  {"keyid", "not_after"}
    POST /_admin/v1/keys/revoke  {"keyid"}          ->  {"revoked": true | false}
    POST /_admin/v1/token_keys         {"cloud"}          ->  {"id", "key"}     the key in hex, shown this once
    POST /_admin/v1/token_keys/list    {"cloud"}          ->  {"ids": [...]}
    POST /_admin/v1/token_keys/retire  {"cloud", "id"}    ->  {"fenced": true | false}
    POST /_admin/v1/policies                        ->  {"changed": [...]}    reads DATA/policies again
    …    /_admin/v1/api_keys…                        see operator_keys.py
    …    /_admin/v1/crawl                            see operator_crawl.py

Whoever can open the socket owns the installation, so there is no other check. Bodies and errors are JSON.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from aiohttp import web
from aiohttp.typedefs import Handler

from domicile.media.errors import AssetNotFound, BadRequest, MediaError
from domicile.media.policy import PolicyError
from domicile.service import logging
from domicile.service.signing import KEY_ID
from origin.api.answers import instant
from origin.api.call import count_fence
from origin.api.params import Params
from origin.api.routes import Route, find
from origin.credentials import cloudinary_url
from origin.errors import as_json, code_of, for_api
from origin.http import drop_server_header
from origin.keys import ORIGIN, Origin
from origin.operator_crawl import ROUTES as CRAWL_ROUTES
from origin.operator_keys import ROUTES as API_KEY_ROUTES
from origin.operator_keys import read
from origin.records import Fencing, PurgeKey
from origin.scope import API_KEY

OPERATIONS = frozenset({"asset", "public_id", "url", "tag", "prefix", "all", "erase"})
DAYS = 365
DAYS_MAX = 3650
DAY_SECONDS = 86_400
EARLY_SECONDS = 300
"""A new key is good from a little before now: clocks differ."""
PUBLIC_KEY_BYTES = 32

log = logging.get()


def operator_app(origin: Origin) -> web.Application:
    """The application behind the operator's socket."""
    app = web.Application(middlewares=[answering], client_max_size=0)
    app[ORIGIN] = origin
    app.router.add_route("*", "/{path:.*}", dispatch)
    app.on_response_prepare.append(drop_server_header)
    return app


async def dispatch(request: web.Request) -> web.StreamResponse:
    route, captured = find(ROUTES, request.method, request.raw_path)
    return await route.handler(request, captured)


@web.middleware
async def answering(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        response: web.StreamResponse = await handler(request)
    except MediaError as error:
        request.app[ORIGIN].metrics.errors.add(kind=code_of(error))
        return for_api(error, upload=False)
    except Exception:
        log.exception("operator_call_failed")
        return as_json(500, "Internal error")
    return response


async def create_tenant(request: web.Request, _: Mapping[str, str]) -> web.Response:
    origin, params = await read(request)
    tenant = await origin.records.create_tenant(params.required("cloud"))
    log.info("tenant_created")
    return web.json_response(
        {"cloud": tenant.cloud, "api_key": tenant.api_key, "cloudinary_url": cloudinary_url(tenant, origin.settings)}
    )


async def list_tenants(request: web.Request, _: Mapping[str, str]) -> web.Response:
    return web.json_response({"clouds": list(request.app[ORIGIN].records.tenants())})


async def add_key(request: web.Request, _: Mapping[str, str]) -> web.Response:
    """Register the public half of a key that may sign purges of one cloud."""
    origin, params = await read(request)
    key = key_of(params, now=origin.now())
    if origin.records.tenant(key.tenant) is None:
        raise AssetNotFound("There is no such cloud")
    await origin.records.add_purge_key(key)
    log.info("purge_key_added", key_id=key.keyid)
    return web.json_response({"keyid": key.keyid, "not_after": instant(key.not_after)})


def key_of(params: Params, *, now: float) -> PurgeKey:
    """The key that a call describes. Raises BadRequest."""
    keyid = params.required("keyid")
    if not KEY_ID.fullmatch(keyid) or API_KEY.fullmatch(keyid):  # `domicile key revoke` tells them apart by their looks
        raise BadRequest("Invalid value for parameter keyid")
    try:
        public_key = base64.b64decode(params.required("public_key"), validate=True)
    except binascii.Error as bad:
        raise BadRequest("Invalid value for parameter public_key: must be base64") from bad
    if len(public_key) != PUBLIC_KEY_BYTES:
        raise BadRequest("Invalid value for parameter public_key: must be 32 bytes")
    operations = frozenset(params.texts("operations", split=True)) or OPERATIONS
    if not operations <= OPERATIONS:
        raise BadRequest(f"Invalid value for parameter operations: must be of {', '.join(sorted(OPERATIONS))}")
    days = params.number("days", DAYS, at_least=1, at_most=DAYS_MAX)
    return PurgeKey(
        tenant=params.required("cloud"),
        keyid=keyid,
        public_key=public_key,
        operations=operations,
        not_before=now - EARLY_SECONDS,
        not_after=now + days * DAY_SECONDS,
    )


async def revoke_key(request: web.Request, _: Mapping[str, str]) -> web.Response:
    origin, params = await read(request)
    revoked = await origin.records.revoke_purge_key(params.required("keyid"))
    return web.json_response({"revoked": revoked})


async def add_token_key(request: web.Request, _: Mapping[str, str]) -> web.Response:
    origin, params = await read(request)
    made, state = await origin.records.token_keys.create(params.required("cloud"))
    count_fence(origin, state)
    log.info("token_key_added")
    return web.json_response({"id": made.id, "key": made.key.hex()})


async def list_token_keys(request: web.Request, _: Mapping[str, str]) -> web.Response:
    origin, params = await read(request)
    return web.json_response({"ids": [one.id for one in origin.records.token_keys.all(params.required("cloud"))]})


async def retire_token_key(request: web.Request, _: Mapping[str, str]) -> web.Response:
    origin, params = await read(request)
    state = await origin.records.token_keys.retire(params.required("cloud"), params.required("id"))
    count_fence(origin, state)
    log.info("token_key_retired")
    return web.json_response({"fenced": state.state is Fencing.FENCED})


async def reload_policies(request: web.Request, _: Mapping[str, str]) -> web.Response:
    try:
        changed = await request.app[ORIGIN].records.reload_policies()
    except PolicyError as bad:
        raise BadRequest(str(bad)) from bad
    return web.json_response({"changed": list(changed)})


ROUTES = (
    Route("create_tenant", "POST", "/_admin/v1/tenants", create_tenant),
    Route("list_tenants", "GET", "/_admin/v1/tenants", list_tenants),
    Route("add_key", "POST", "/_admin/v1/keys", add_key),
    Route("revoke_key", "POST", "/_admin/v1/keys/revoke", revoke_key),
    Route("add_token_key", "POST", "/_admin/v1/token_keys", add_token_key),
    Route("list_token_keys", "POST", "/_admin/v1/token_keys/list", list_token_keys),
    Route("retire_token_key", "POST", "/_admin/v1/token_keys/retire", retire_token_key),
    Route("reload_policies", "POST", "/_admin/v1/policies", reload_policies),
    *API_KEY_ROUTES,
    *CRAWL_ROUTES,
)
