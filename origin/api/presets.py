"""Upload presets through the Admin API: create, change, show, list, delete.

Settings are upload parameters, checked as a call's are; they are told as the SDKs read them: lists as lists, objects as
objects, booleans as booleans.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from domicile.media.errors import AssetNotFound, BadRequest
from domicile.media.long_names import info_of
from origin.api import breakpoints
from origin.api.admission import PRESET_ONLY
from origin.api.answers import Json
from origin.api.call import UPLOADED, admin, delivery_type_of, reply
from origin.api.eager import read_wish
from origin.api.incoming import read_incoming
from origin.api.moderation import first_moderation
from origin.api.naming import asset_folder, random_id
from origin.api.notices import Audience, tellable, told
from origin.api.params import SIGNING, USED, Params, Value, check_parameters, context_of, tags_of, write_context
from origin.keys import Origin
from origin.records import Preset

NAME_CHARS_MAX = 255
RESULTS_DEFAULT, RESULTS_MAX = 10, 500
OWN = SIGNING | {"name", "unsigned"}
"""Not settings. (SDKs send a timestamp along.)"""
NEVER = {"file", "public_id", "upload_preset", "batch_id", "display_name", "callback"}
"""What is about one upload, and not about many."""
_FLAGS = frozenset(
    "overwrite use_filename unique_filename discard_original_filename use_asset_folder_as_public_id_prefix"
    " use_filename_as_display_name unique_display_name faces colors phash quality_analysis image_metadata media_metadata blurhash thumbhash"
    " return_delete_token backup exif disallow_public_id live invalidate async eager_async".split()
)
_TEXTS: dict[str, str] = {"true": "true", "1": "true", "false": "false", "0": "false"}


async def create(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """A preset, under a name of its own or a random one."""
    origin, tenant, params = await admin(request, path)
    settings = settings_in(params)
    _check_orders(origin, tenant.cloud, settings)
    preset = Preset(
        name=_name(params.text("name") or random_id()),
        unsigned=params.flag("unsigned", default=False),
        settings=settings,
        created_at=origin.now(),
    )
    await origin.records.presets.add(tenant.cloud, preset.name, preset)
    return reply({"message": "created", "name": preset.name})


async def update(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """The settings that are named are replaced; an empty one is taken away."""
    origin, tenant, params = await admin(request, path)
    settings = settings_in(params)
    _check_orders(origin, tenant.cloud, settings)
    emptied = {name for name in params.names() if name not in params}
    unsigned = params.flag("unsigned", default=False) if "unsigned" in params else None

    def edit(preset: Preset) -> Preset:
        kept = {name: value for name, value in preset.settings.items() if name not in emptied}
        return msgspec.structs.replace(
            preset,
            unsigned=preset.unsigned if unsigned is None else unsigned,
            settings={**kept, **settings},
        )

    await origin.records.presets.change(tenant.cloud, path["name"], edit)
    return reply({"message": "updated"})


async def delete(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """Uploads that name it are refused from now on."""
    origin, tenant, _ = await admin(request, path)
    if not await origin.records.presets.remove(tenant.cloud, path["name"]):
        raise _missing(path["name"])
    return reply({"message": "deleted"})


async def show(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """One preset."""
    origin, tenant, _ = await admin(request, path)
    preset = await origin.records.presets.get(tenant.cloud, path["name"])
    if preset is None:
        raise _missing(path["name"])
    return reply(_row(preset))


async def listing(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """The newest first."""
    origin, tenant, params = await admin(request, path)
    most = params.number("max_results", RESULTS_DEFAULT, at_least=1, at_most=RESULTS_MAX)
    start = params.number("next_cursor", 0, at_least=0, at_most=10**9)
    every = sorted(await origin.records.presets.all(tenant.cloud), key=lambda one: (-one.created_at, one.name))
    answer: Json = {"presets": [_row(preset) for preset in every[start : start + most]]}
    if len(every) > start + most:
        answer["next_cursor"] = str(start + most)
    return reply(answer)


def settings_in(params: Params) -> dict[str, Value]:
    """The settings of a preset, as a call would send them. Raises BadRequest for what an upload would not take."""
    values: dict[str, Value] = {}
    objects: dict[str, dict[str, str]] = {}
    for name, value in params.values.items():
        outer, bracket, inner = name.partition("[")
        if bracket and outer in {"context", "metadata"} and isinstance(value, str):
            objects.setdefault(outer, {})[inner.rstrip("]")] = value
        elif value and name not in OWN:
            values[name] = _TEXTS.get(value, value) if name in _FLAGS and isinstance(value, str) else value
    values |= {name: write_context(pairs) for name, pairs in objects.items()}
    asked = Params(values)
    check_parameters(asked, USED | PRESET_ONLY)
    for name in asked.names():
        if name in NEVER:
            raise BadRequest(f"Parameter {name} cannot be part of an upload preset")
    for name in _FLAGS & values.keys():
        asked.flag(name, default=False)
    tags_of(asked)
    context_of(asked)
    return values


def _check_orders(origin: Origin, cloud: str, settings: Mapping[str, Value]) -> None:
    """What no upload could be given is refused now. Raises BadRequest, BadTransformation, LimitExceeded."""
    asked, named = Params(settings), origin.records.named.all(cloud)
    limits = origin.settings.media.limits(origin.settings.upload)
    read_incoming(asked, named, limits)
    audience = Audience(hosts=tellable(origin.records, cloud))
    read_wish(asked, named, limits, request_id="", now=origin.now(), audience=audience)
    breakpoints.wanted(asked, limits)
    told(asked, request_id="", now=origin.now(), audience=audience)
    asset_folder(asked)
    delivery_type_of(asked.text("type"), allowed=UPLOADED)
    first_moderation(asked, now=origin.now())


def _name(name: str) -> str:
    if not 0 < len(name) <= NAME_CHARS_MAX or "/" in name or not name.isprintable():
        raise BadRequest(f"Invalid value for parameter name: must be 1 to {NAME_CHARS_MAX} characters without a slash")
    return name


def _missing(name: str) -> AssetNotFound:
    return AssetNotFound(f"Upload preset {name[:64]} not found")


def _row(preset: Preset) -> Json:
    return {
        "name": preset.name,
        "unsigned": preset.unsigned,
        "settings": {name: _told(name, value) for name, value in preset.settings.items()},
    }


def _told(name: str, value: Value) -> Any:
    asked = Params({name: value})
    if name in _FLAGS:
        return asked.flag(name, default=False)
    if name == "tags":
        return list(tags_of(asked))
    if name == "allowed_formats":
        return list(asked.texts(name, split=True))
    if name in {"context", "metadata"}:
        return context_of(asked, name)
    if name == "transformation":
        return info_of(asked.text(name))
    return value
