"""Named transformations through the Admin API: create, change, show, list, delete.

Answers list them under their URL spelling, `t_name`, and take both spellings. Only named ones are kept: what else was
asked for in URLs is in the `derived` list of each asset. Source: cloudinary-compat 4, the SDK's calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from domicile.media.errors import AssetNotFound, BadRequest
from domicile.media.grammar import DEFAULT_LIMITS
from domicile.media.pending import read_definition
from domicile.media.program import NAME, build_segment
from origin.api.answers import Json, progress
from origin.api.call import admin, count_fence, reply
from origin.api.params import Params
from origin.keys import Origin
from origin.records import Named, NamedCommitted

PREFIX = "t_"
DEFINITION_CHARS_MAX = 2000
"""All named transformations of a cloud are part of each grant."""
RESULTS_DEFAULT, RESULTS_MAX = 10, 500

LONG_NAMES = {
    "a": "angle", "ar": "aspect_ratio", "b": "background", "c": "crop", "dpr": "dpr", "e": "effect", "f": "fetch_format",
    "fl": "flags", "g": "gravity", "h": "height", "if": "if", "o": "opacity", "q": "quality", "r": "radius", "w": "width",
    "x": "x", "y": "y",
}  # fmt: skip
"""Names of parameters as SDKs spell them, for `info`; others stand under their key."""


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
    """`unsafe_update`: what the name means from now on. `allowed_for_strict` is kept and shown."""
    origin, tenant, params = await admin(request, path)
    _check(params, {"transformation", "unsafe_update", "allowed_for_strict"})
    done = await origin.records.named.update(
        tenant.cloud,
        _asked(params),
        text=_definition(params.required("unsafe_update")) if "unsafe_update" in params else None,
        allowed_for_strict=params.flag("allowed_for_strict", default=False) if "allowed_for_strict" in params else None,
    )
    return _done(origin, "updated", done)


async def delete(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """The name means nothing any more."""
    origin, tenant, params = await admin(request, path)
    _check(params, {"transformation"})
    return _done(origin, "deleted", await origin.records.named.delete(tenant.cloud, _asked(params)))


async def show(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """All, or with `transformation` one."""
    origin, tenant, params = await admin(request, path)
    named = origin.records.named.all(tenant.cloud)
    if "transformation" in params:
        name = _asked(params)
        if name not in named:
            raise AssetNotFound(f"Transformation not found - {name}")
        return reply({**_row(named[name]), "info": info_of(named[name].text), "derived": []})
    if not params.flag("named", default=True):
        raise BadRequest("Parameter named is not supported yet: only named transformations are kept")
    after = params.text("next_cursor")
    most = params.number("max_results", RESULTS_DEFAULT, at_least=1, at_most=RESULTS_MAX)
    names = sorted(name for name in named if name > after)
    answer: Json = {"transformations": [_row(named[name]) for name in names[:most]]}
    if len(names) > most:
        answer["next_cursor"] = names[most - 1]
    return reply(answer)


def _check(params: Params, used: set[str]) -> None:
    for name in params.names():
        if name in params and name not in used:
            raise BadRequest(f"Parameter {name[:64]} is not supported yet")


def _name(text: str, parameter: str) -> str:
    name = text.removeprefix(PREFIX)
    if NAME.fullmatch(name) is None:
        raise BadRequest(f"Invalid value for parameter {parameter}: must be 1 to 64 of A-Z, a-z, 0-9, _ and -")
    return name


def _asked(params: Params) -> str:
    """Which one. A transformation that is spelled out has no name, and is none of those that are kept."""
    text = params.required("transformation")
    name = text.removeprefix(PREFIX)
    if NAME.fullmatch(name) is None:
        raise AssetNotFound(f"Transformation not found - {text[:64]}")
    return name


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


def _row(named: Named) -> Json:
    return {
        "name": f"{PREFIX}{named.name}",
        "allowed_for_strict": named.allowed_for_strict,
        "used": True,  # nobody counts; who deletes what is unused must not believe that it is
        "named": True,
    }


def info_of(text: str) -> list[Json]:
    """One object a component, with numbers as numbers."""
    return [dict(map(_pair, component.split(","))) for component in text.split("/")]


def _pair(part: str) -> tuple[str, Any]:
    key, _, value = part.partition("_")
    return LONG_NAMES.get(key, key), int(value) if value.isdigit() else value
