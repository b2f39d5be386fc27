"""Keys of the API, at the operator's door.

    POST /_admin/v1/api_keys          {"cloud", "scope"?, "folder"?, "name"?, "calls_max"?}
                                      ->  {"api_key", "api_secret", "cloudinary_url", "fenced", …}    shown this once
    POST /_admin/v1/api_keys/list     {"cloud"}             ->  {"keys": [...]}
    POST /_admin/v1/api_keys/enable   {"cloud", "api_key"}  ->  {"fenced": true | false}
    POST /_admin/v1/api_keys/disable  {"cloud", "api_key"}  ->  {"fenced": true | false}
    POST /_admin/v1/api_keys/revoke   {"cloud", "api_key"}  ->  {"fenced": true | false}

`fenced`: no edge believes a signature any more that only the old state would have let it believe.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from domicile.media.errors import AssetNotFound
from domicile.service import logging
from origin.api.answers import instant
from origin.api.call import count_fence
from origin.api.forms import read_params
from origin.api.params import Params
from origin.api.routes import Route
from origin.credentials import cloudinary_url
from origin.keys import ORIGIN, Origin
from origin.records import FencedState, Fencing
from origin.records.api_keys import CALLS_MAX
from origin.scope import ApiKey, scope_of

PATH = "/_admin/v1/api_keys"

log = logging.get()


async def read(request: web.Request) -> tuple[Origin, Params]:
    """Every operator's call begins with it."""
    origin = request.app[ORIGIN]
    return origin, await read_params(request, origin.settings.upload)


async def create(request: web.Request, _: Mapping[str, str]) -> web.Response:
    origin, params = await read(request)
    cloud = params.required("cloud")
    tenant = origin.records.tenant(cloud)
    if tenant is None:
        raise AssetNotFound("There is no such cloud")
    key, state = await origin.records.api_keys.create(
        cloud,
        scope_of(params.texts("scope", split=True), params.text("folder")),
        name=params.text("name"),
        calls_max=params.number("calls_max", 0, at_least=1, at_most=CALLS_MAX),
    )
    log.info("api_key_created")
    return web.json_response(
        {
            **_shown(key),
            "api_secret": key.secret,
            "cloudinary_url": cloudinary_url(tenant.called_by(key), origin.settings),
            **_fence(origin, state),
        }
    )


async def listing(request: web.Request, _: Mapping[str, str]) -> web.Response:
    origin, params = await read(request)
    now = origin.now()
    keys = [
        {**_shown(key), "calls_this_hour": origin.limits.calls_of(key.api_key, now=now).used}
        for key in origin.records.api_keys.all(params.required("cloud"))
    ]
    return web.json_response({"keys": keys})


async def enable(request: web.Request, _: Mapping[str, str]) -> web.Response:
    return await _set_enabled(request, is_enabled=True)


async def disable(request: web.Request, _: Mapping[str, str]) -> web.Response:
    return await _set_enabled(request, is_enabled=False)


async def _set_enabled(request: web.Request, *, is_enabled: bool) -> web.Response:
    origin, params = await read(request)
    cloud, api_key = params.required("cloud"), params.required("api_key")
    state = await origin.records.api_keys.set_enabled(cloud, api_key, is_enabled=is_enabled)
    log.info("api_key_switched", enabled=is_enabled)
    return web.json_response(_fence(origin, state))


async def revoke(request: web.Request, _: Mapping[str, str]) -> web.Response:
    origin, params = await read(request)
    state = await origin.records.api_keys.revoke(params.required("cloud"), params.required("api_key"))
    log.info("api_key_revoked")
    return web.json_response(_fence(origin, state))


def _shown(key: ApiKey) -> dict[str, Any]:
    return {
        "api_key": key.api_key,
        "name": key.name,
        "scope": sorted(key.scope.operations),
        "folder": key.scope.folder,
        "calls_max": key.calls_max or None,
        "enabled": key.is_enabled,
        "created_at": instant(key.created_at),
    }


def _fence(origin: Origin, state: FencedState) -> dict[str, bool]:
    count_fence(origin, state)
    return {"fenced": state.state is Fencing.FENCED}


ROUTES = (
    Route("create_api_key", "POST", PATH, create),
    Route("list_api_keys", "POST", PATH + "/list", listing),
    Route("enable_api_key", "POST", PATH + "/enable", enable),
    Route("disable_api_key", "POST", PATH + "/disable", disable),
    Route("revoke_api_key", "POST", PATH + "/revoke", revoke),
)
