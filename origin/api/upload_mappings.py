"""Upload mappings through the Admin API: which folders of public_ids lie elsewhere until somebody asks (docs/remote.md)."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec
from aiohttp import web

from domicile.media.errors import AssetNotFound, BadRequest
from domicile.media.public_id import public_id_problem
from domicile.media.remote import is_listed, read_address
from origin.api.answers import Json
from origin.api.call import admin, reply
from origin.api.cursors import cursor_behind, word_of
from origin.api.params import Params
from origin.api.routes import CLOUD, Route
from origin.keys import Origin
from origin.records import Tenant, UploadMapping
from origin.remote import rules_of

RESULTS_DEFAULT, RESULTS_MAX = 10, 500
_ONE_HOST = re.compile(r"https?://[^/?#]+(/.*)?", re.IGNORECASE | re.DOTALL)


async def show(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """All, by folder, or with `folder` one."""
    origin, tenant, params = await admin(request, path)
    if "folder" in params:
        folder = params.text("folder").strip("/")
        found = await origin.records.upload_mappings.get(tenant.cloud, folder)
        if found is None:
            raise _missing(folder)
        return reply(_row(found))
    most = params.number("max_results", RESULTS_DEFAULT, at_least=1, at_most=RESULTS_MAX)
    after = word_of(params.text("next_cursor"))
    every = await origin.records.upload_mappings.all(tenant.cloud)
    left = sorted((one for one in every if one.folder > after), key=lambda one: one.folder)
    answer: Json = {"mappings": [_row(one) for one in left[:most]]}
    if len(left) > most:
        answer["next_cursor"] = cursor_behind(left[most - 1].folder)
    return reply(answer)


async def create(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """Of a folder that has none."""
    origin, tenant, params = await admin(request, path)
    mapping = UploadMapping(folder=_folder(params), template=_template(origin, tenant, params), created_at=origin.now())
    await origin.records.upload_mappings.add(tenant.cloud, mapping.folder, mapping)
    return reply({"message": "created", "folder": mapping.folder})


async def update(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """What is here already stays as it is."""
    origin, tenant, params = await admin(request, path)
    folder, template = _folder(params), _template(origin, tenant, params)
    try:
        await origin.records.upload_mappings.change(
            tenant.cloud, folder, lambda old: msgspec.structs.replace(old, template=template)
        )
    except AssetNotFound:
        raise _missing(folder) from None
    return reply({"message": "updated"})


async def delete(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """What was brought by it stays."""
    origin, tenant, params = await admin(request, path)
    folder = _folder(params)
    if not await origin.records.upload_mappings.remove(tenant.cloud, folder):
        raise _missing(folder)
    return reply({"message": "deleted"})


def _folder(params: Params) -> str:
    folder = params.required("folder").strip("/")
    problem = public_id_problem(folder)
    if problem is not None:
        raise BadRequest(f"Invalid value for parameter folder: {problem.replace('public_id', 'the path')}")
    return folder


def _template(origin: Origin, tenant: Tenant, params: Params) -> str:
    """Raises BadRequest: also for one that a public_id could turn to another host, or that leads where the policy does not
    let be fetched.
    """
    template = params.required("template")
    try:
        address = read_address(template)
    except BadRequest as bad:
        raise BadRequest(f"Invalid value for parameter template: {bad.message}") from bad
    if _ONE_HOST.fullmatch(template) is None or "#" in template:
        raise BadRequest("Invalid value for parameter template: must have a path before a query, and no fragment")
    if not is_listed(address, rules_of(origin, tenant.cloud).hosts):
        raise BadRequest("Invalid value for parameter template: the host is not in this cloud's list")
    return template


def _missing(folder: str) -> AssetNotFound:
    return AssetNotFound(f"Upload mapping {folder[:64]} not found")


def _row(mapping: UploadMapping) -> Json:
    return {"folder": mapping.folder, "template": mapping.template}


MAPPINGS = CLOUD + "/upload_mappings"
ROUTES = (
    Route("upload_mappings", "GET", MAPPINGS, show),
    Route("upload_mappings", "POST", MAPPINGS, create),
    Route("upload_mappings", "PUT", MAPPINGS, update),
    Route("upload_mappings", "DELETE", MAPPINGS, delete),
)
