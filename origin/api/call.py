"""What every API call begins and ends with: who calls, which asset is meant, and the JSON that goes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import hdrs, web

from domicile.media.asset import AssetName
from domicile.media.errors import AssetNotFound, BadRequest, MediaError, OutOfScope
from domicile.media.public_id import public_id_problem
from origin.api.answers import Address, Json
from origin.api.authenticate import Caller, basic_credentials, check_basic, check_signed
from origin.api.forms import read_body, read_params
from origin.api.limits import quotas_of
from origin.api.notices import NO_AUDIENCE, Audience, Told, audience_of, told
from origin.api.params import Params
from origin.api.scopes import check_route
from origin.keys import EXTRA_HEADERS, ORIGIN, REQUEST_ID, ROUTE, Origin
from origin.records import Committed, FencedState, Once, Tenant

RESOURCE_TYPES = frozenset({"image", "video", "raw"})
UPLOADED = frozenset({"upload", "private", "authenticated"})
"""Delivery types that a caller may give an asset."""
DELIVERY_TYPES = UPLOADED | {"text", "fetch", "sprite", "multi"}
"""Those that an asset may have: `text`, `sprite` and `multi` are made here."""


async def admin(request: web.Request, path: Mapping[str, str]) -> tuple[Origin, Tenant, Params]:
    """An Admin call: Basic credentials, then the hour's quota, then the parameters."""
    origin, tenant = _admin(request, path)
    return origin, tenant, await read_params(request, origin.settings.upload)


async def admin_json(request: web.Request, path: Mapping[str, str]) -> tuple[Origin, Tenant, bytes]:
    """The same for calls whose body is one JSON object of a shape of its own."""
    origin, tenant = _admin(request, path)
    return origin, tenant, await read_body(request, origin.settings.upload)


def _admin(request: web.Request, path: Mapping[str, str]) -> tuple[Origin, Tenant]:
    origin = request.app[ORIGIN]
    credentials = basic_credentials(request.headers.get(hdrs.AUTHORIZATION))
    tenant = check_basic(credentials, path["cloud"], origin.records.tenant_by_api_key)
    _let_in(request, origin, tenant, is_admin=True)
    return origin, tenant


def _let_in(request: web.Request, origin: Origin, tenant: Tenant, *, is_admin: bool) -> None:
    """Is it this key's to call, and has it calls left? Raises OutOfScope, Overloaded."""
    check_route(tenant.scope, request[ROUTE], request.method)
    quotas = quotas_of(origin.records.policy(tenant.cloud))
    origin.limits.count_call(tenant, quotas, request[EXTRA_HEADERS], is_admin=is_admin, now=origin.now())


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call of the Upload API whose caller is known."""

    origin: Origin
    caller: Caller
    params: Params = field(repr=False)
    audience: Audience = field(default=NO_AUDIENCE, repr=False)

    @property
    def tenant(self) -> Tenant:
        return self.caller.tenant

    @property
    def once(self) -> Once | None:
        return self.caller.once

    @property
    def address(self) -> Address:
        return self.origin.address_of(self.tenant, self.caller.digest)


def told_by(call: Call, request: web.Request) -> Told:
    """Whom the call wants told. Raises BadRequest."""
    return told(call.params, request_id=request[REQUEST_ID], now=call.origin.now(), audience=call.audience)


async def told_by_cloud(request: web.Request, cloud: str) -> Told:
    """Whom the cloud has told of whatever call: of calls that name nobody themselves."""
    origin = request.app[ORIGIN]
    audience = await audience_of(origin.records, cloud)
    return told(Params(), request_id=request[REQUEST_ID], now=origin.now(), audience=audience)


async def signed(
    request: web.Request, path: Mapping[str, str], *, notification_unsigned: bool = False, may_expire: bool = False
) -> Call:
    """A call of the Upload API without a file: signed parameters, or Basic. `may_expire`: see `check_signed`."""
    origin = request.app[ORIGIN]
    params = await read_params(request, origin.settings.upload)
    caller = authenticate(
        request,
        origin,
        path["cloud"],
        params,
        notification_unsigned=notification_unsigned,
        may_expire=may_expire,
    )
    audience = await audience_of(origin.records, caller.tenant.cloud)
    return Call(origin=origin, caller=caller, params=params, audience=audience)


def authenticate(
    request: web.Request,
    origin: Origin,
    cloud: str,
    params: Params,
    *,
    notification_unsigned: bool = False,
    may_expire: bool = False,
) -> Caller:
    """Basic when the header is there, else the signature."""
    caller = _proved(request, origin, cloud, params, notification_unsigned=notification_unsigned, may_expire=may_expire)
    if caller.signed is not None:
        origin.metrics.signatures.add(version=str(caller.signed.version), hash=str(caller.signed.digest))
    _let_in(request, origin, caller.tenant, is_admin=False)
    return caller


def is_proved(request: web.Request, origin: Origin, cloud: str, params: Params) -> bool:
    """Would these parameters be enough to know the caller, if no others came?"""
    try:
        _proved(request, origin, cloud, params)
    except MediaError:
        return False
    return True


def _proved(
    request: web.Request,
    origin: Origin,
    cloud: str,
    params: Params,
    *,
    notification_unsigned: bool = False,
    may_expire: bool = False,
) -> Caller:
    find = origin.records.tenant_by_api_key
    credentials = basic_credentials(request.headers.get(hdrs.AUTHORIZATION))
    if credentials is not None:
        return Caller(tenant=check_basic(credentials, cloud, find))
    return check_signed(
        params,
        cloud,
        find,
        now=origin.now(),
        allow_version_1=origin.settings.signature_v1,
        notification_unsigned=notification_unsigned,
        may_expire=may_expire,
    )


def resource_type_of(path: Mapping[str, str]) -> str:
    resource_type = path.get("resource_type", "image")
    if resource_type not in RESOURCE_TYPES:
        raise AssetNotFound("Not found: this endpoint is not supported")
    return resource_type


def delivery_type_of(text: str, parameter: str = "type", *, allowed: frozenset[str] = DELIVERY_TYPES) -> str:
    delivery_type = text or "upload"
    if delivery_type not in allowed:
        raise BadRequest(f"Invalid value for parameter {parameter}")
    return delivery_type


def name_of(tenant: Tenant, resource_type: str, delivery_type: str, public_id: str) -> AssetName:
    """Raises OutOfScope for what is not this key's to name."""
    tenant.scope.require_name(public_id)
    return AssetName(cloud=tenant.cloud, resource_type=resource_type, delivery_type=delivery_type, public_id=public_id)


def check_public_id(public_id: str, parameter: str = "public_id") -> str:
    """A public_id that can be written as a URL and read back. Raises BadRequest."""
    problem = public_id_problem(public_id)
    if problem is None and public_id != public_id.strip():
        problem = "public_id begins or ends with a space"
    if problem is not None:
        shown = public_id if len(public_id) <= 255 else f"{public_id[:32]}…"
        raise BadRequest(f"{parameter} ({shown}) is invalid: {problem}")
    return public_id


def refuse(params: Params, *names: str) -> None:
    """Raise BadRequest for a parameter that would need what is not supported yet."""
    for name in names:
        if name in params:
            raise BadRequest(f"Parameter {name} is not supported yet")


def made_here(done: Committed) -> Committed:
    """What a call has made of many, unless its name is taken and it may not replace that: what is there is something else.

    Raises OutOfScope.
    """
    if done.existing:
        raise OutOfScope("This API key may not edit, and what has this name would be replaced")
    return done


def count_fence(origin: Origin, fenced: FencedState) -> None:
    origin.metrics.fence_waits.add(state=str(fenced.state))


def reply(answer: Json) -> web.Response:
    return web.json_response(answer)
