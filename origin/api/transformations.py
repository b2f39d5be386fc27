"""Transformations through the Admin API: create, change, show, list, delete.

Named ones are listed under their URL spelling, `t_name`, and both spellings are taken. Those without a name are there as long
as renditions made with them are known, or while they are allowed for strict transformations. Source: cloudinary-compat 4,
the SDK's calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from domicile.media.errors import BadRequest, MediaError
from domicile.media.grammar import DEFAULT_LIMITS
from domicile.media.long_names import info_of
from domicile.media.pending import read_definition
from domicile.media.program import NAME, build_segment
from domicile.media.strict import SPELLED_OUT
from origin.api.answers import Json, derived_of, names_of, progress
from origin.api.call import admin, count_fence, reply
from origin.api.params import Params
from origin.keys import Origin
from origin.records import Named, NamedCommitted, Tenant
from origin.records.named import missing

PREFIX = "t_"
DEFINITION_CHARS_MAX = 2000
"""All named transformations of a cloud are part of each grant."""
RESULTS_DEFAULT, RESULTS_MAX = 10, 500
USED_CURSOR = "#"
"""What a cursor begins with behind the last transformation that is kept."""


async def create(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """A new name for a transformation."""
    origin, tenant, params = await admin(request, path)
    _check(params, {"name", "transformation", "allowed_for_strict"})
    made = Named(
        name=_name(params.required("name"), "name"),
        text=_definition(params.required("transformation")),
        allowed_for_strict=params.flag("allowed_for_strict", default=False),
        created_at=origin.now(),
    )
    return _done(origin, "created", await origin.records.named.create(tenant.cloud, made))


async def update(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """`unsafe_update`: what the name means from now on. `allowed_for_strict`: may it be used without a signature?"""
    origin, tenant, params = await admin(request, path)
    _check(params, {"transformation", "unsafe_update", "allowed_for_strict"})
    asked = _asked(params, origin.records.named.all(tenant.cloud))
    if asked.name is None:
        if "unsafe_update" in params or "allowed_for_strict" not in params:
            raise BadRequest("Of a transformation without a name only allowed_for_strict can be changed")
        allowed = params.flag("allowed_for_strict", default=False)
        return _done(origin, "updated", await origin.records.named.allow(tenant.cloud, asked.text, allowed=allowed))
    done = await origin.records.named.update(
        tenant.cloud,
        asked.name,
        text=_definition(params.required("unsafe_update")) if "unsafe_update" in params else None,
        allowed_for_strict=params.flag("allowed_for_strict", default=False) if "allowed_for_strict" in params else None,
    )
    return _done(origin, "updated", done)


async def delete(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """The name means nothing any more; of one without a name, all that was made with it goes from every cache."""
    origin, tenant, params = await admin(request, path)
    _check(params, {"transformation"})
    named = origin.records.named.all(tenant.cloud)
    asked = _asked(params, named)
    if asked.name is not None:
        return _done(origin, "deleted", await origin.records.named.delete(tenant.cloud, asked.name))
    if SPELLED_OUT + asked.text in named:
        await origin.records.named.allow(tenant.cloud, asked.text, allowed=False)
    elif not await origin.records.transformations.is_used(tenant.cloud, asked.text):
        raise missing(asked.text[:64])
    return _done(origin, "deleted", await origin.records.transformations.drop(tenant.cloud, asked.text))


async def show(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """All, or with `transformation` one and what was made with it."""
    origin, tenant, params = await admin(request, path)
    if "transformation" in params:
        return await _details(origin, tenant, params)
    kinds = {"": (True, True), "true": (True, False), "false": (False, True)}
    shows_named, shows_others = kinds[str(params.flag("named", default=False)).lower() if "named" in params else ""]
    most = params.number("max_results", RESULTS_DEFAULT, at_least=1, at_most=RESULTS_MAX)
    named, after, rows = origin.records.named.all(tenant.cloud), params.text("next_cursor"), list[Json]()
    if not after.startswith(USED_CURSOR):
        wanted = sorted(
            name
            for name, one in named.items()
            if name > after and (shows_others if one.is_spelled_out else shows_named)
        )
        rows = [await _row(origin, tenant, named[name]) for name in wanted[:most]]
        if len(wanted) > most:
            return reply({"transformations": rows, "next_cursor": wanted[most - 1]})
        if shows_others and len(rows) == most:
            return reply({"transformations": rows, "next_cursor": USED_CURSOR})
    place = None
    if shows_others:
        used, place = await origin.records.transformations.page(
            tenant.cloud, after=after.removeprefix(USED_CURSOR), limit=most - len(rows)
        )
        known = {one.text for one in named.values()}
        rows += [_spelled_out(one.text, is_used=True) for one in used if one.text not in known]
    return reply({"transformations": rows} | ({"next_cursor": USED_CURSOR + place} if place is not None else {}))


async def _details(origin: Origin, tenant: Tenant, params: Params) -> web.Response:
    named = origin.records.named.all(tenant.cloud)
    asked = _asked(params, named)
    one = named.get(SPELLED_OUT + asked.text if asked.name is None else asked.name)
    if one is None and asked.name is not None:
        raise missing(asked.name)
    text = asked.text if one is None else one.text
    most = params.number("max_results", RESULTS_DEFAULT, at_least=1, at_most=RESULTS_MAX)
    made, place = await origin.records.transformations.made(
        tenant.cloud, text, after=params.text("next_cursor"), limit=most
    )
    if one is None and not made:
        raise missing(text[:64])
    row = _spelled_out(text, is_used=True) if one is None else await _row(origin, tenant, one)
    address = origin.address_of(tenant)
    derived = [{**names_of(record), **derived_of(record, rendition, address)} for record, rendition in made]
    more = {"next_cursor": place} if place is not None else {}
    return reply({**row, "info": info_of(asked.spelled or text), "derived": derived, **more})


def _check(params: Params, used: set[str]) -> None:
    for name in params.names():
        if name in params and name not in used:
            raise BadRequest(f"Parameter {name[:64]} is not supported yet")


def _name(text: str, parameter: str) -> str:
    name = text.removeprefix(PREFIX)
    if NAME.fullmatch(name) is None:
        raise BadRequest(f"Invalid value for parameter {parameter}: must be 1 to 64 of A-Z, a-z, 0-9, _ and -")
    return name


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """Which one: a name, or else a canonical text."""

    name: str | None
    text: str = ""
    spelled: str = ""
    """The text as it came: `info` tells it in the caller's words."""


def _asked(params: Params, named: Mapping[str, Named]) -> _Asked:
    """A text that is the name of one means that one, however it looks. AssetNotFound for what is neither."""
    given = params.required("transformation")
    name = given.removeprefix(PREFIX)
    if name in named and NAME.fullmatch(name) is not None:
        return _Asked(name=name)
    try:
        text = _definition(given)
    except MediaError:
        raise missing(name[:64]) from None
    return _Asked(name=None, text=text, spelled=given)


def _definition(text: str) -> str:
    """Canonical. Raises BadTransformation, LimitExceeded."""
    if len(text) > DEFINITION_CHARS_MAX:
        raise BadRequest(f"The transformation is too long: at most {DEFINITION_CHARS_MAX} characters")
    canonical = "/".join(map(build_segment, read_definition(text, DEFAULT_LIMITS)))
    if len(canonical) > DEFINITION_CHARS_MAX:
        raise BadRequest(f"The transformation is too long: at most {DEFINITION_CHARS_MAX} characters")
    return canonical


def _done(origin: Origin, word: str, done: NamedCommitted) -> web.Response:
    count_fence(origin, done.fenced)
    return reply({"message": word, "domicile": progress(done.head, done.fenced)})


async def _row(origin: Origin, tenant: Tenant, named: Named) -> Json:
    """`used` of one that has a name: False only if nothing at all was made of the cloud's assets, or it is plain and nothing
    was made with it alone or as a part.
    """
    if named.is_spelled_out:
        is_used = await origin.records.transformations.is_used(tenant.cloud, named.text)
        return {**_spelled_out(named.text, is_used=is_used), "allowed_for_strict": named.allowed_for_strict}
    return {
        "name": f"{PREFIX}{named.name}",
        "allowed_for_strict": named.allowed_for_strict,
        "used": await origin.records.transformations.may_be_used(tenant.cloud, named.text),
        "named": True,
    }


def _spelled_out(text: str, *, is_used: bool) -> Json:
    return {"name": text, "allowed_for_strict": False, "used": is_used, "named": False}
