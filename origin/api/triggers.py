"""Triggers through the Admin API: who is told of which events, whatever call they come from (docs/webhooks.md).

An address is held to the policy's list of hosts when it is given, when an event happens, and when the word is sent.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping

import msgspec
from aiohttp import web

from domicile.media.errors import AssetExists, AssetNotFound, BadRequest
from origin.api.answers import Json, instant
from origin.api.call import admin, admin_json, reply
from origin.api.notices import ANONYMOUS, EVERY_EVENT, check_address, is_polled, tellable
from origin.api.routes import CLOUD, Route
from origin.keys import Origin
from origin.records import Tenant, Trigger

ID_BYTES = 16
WEBHOOK, POLL = "webhook", "poll"
EVENTS = frozenset(
    "upload delete delete_by_token rename explicit eager generate_archive text sprite multi explode"
    " resource_tags_changed resource_context_changed resource_metadata_changed access_control_changed"
    " create_folder delete_folder move_or_rename_asset_folder subject_case_due subject_case_overdue".split()
)
"""What happens here and is told; a trigger for anything else would never be asked."""


async def listing(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """The oldest first; `event_type`: of this type alone."""
    origin, tenant, params = await admin(request, path)
    wanted = params.text("event_type")
    every = await origin.records.triggers.all(tenant.cloud)
    found = [one for one in every if wanted in {"", one.event_type}]
    rows = [_row(one) for one in sorted(found, key=lambda one: (one.created_at, one.id))]
    return reply({"triggers": rows, "total": len(rows)})


async def create(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """A new one; of an address, one for each type of event."""
    origin, tenant, params = await admin(request, path)
    uri = params.required("uri")
    if params.text("uri_type") not in {"", _type_of(uri)}:
        raise BadRequest("Invalid value for parameter uri_type: must be webhook, or poll for poll://CHANNEL")
    kind = params.required("event_type")
    if kind not in EVENTS and kind != EVERY_EVENT:
        raise BadRequest(f"Invalid value for parameter event_type: must be one of {', '.join(sorted(EVENTS))} or all")
    uri, now = _uri(origin, tenant, uri, "uri"), origin.now()
    every = await origin.records.triggers.all(tenant.cloud)
    if any((one.uri, one.event_type) == (uri, kind) for one in every):
        raise AssetExists("A trigger with this uri and event_type already exists")
    made = Trigger(id=secrets.token_hex(ID_BYTES), uri=uri, event_type=kind, created_at=now, updated_at=now)
    await origin.records.triggers.add(tenant.cloud, made.id, made)
    return reply(_row(made))


async def update(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """`new_uri`: where it tells from now on."""
    origin, tenant, params = await admin(request, path)
    uri = _uri(origin, tenant, params.required("new_uri"), "new_uri")
    now = origin.now()
    try:
        await origin.records.triggers.change(
            tenant.cloud, path["id"], lambda old: msgspec.structs.replace(old, uri=uri, updated_at=now)
        )
    except AssetNotFound:
        raise _missing(path["id"]) from None
    return reply({"message": "updated"})


async def delete(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """What it has left to be told already is told."""
    origin, tenant, _ = await admin(request, path)
    if not await origin.records.triggers.remove(tenant.cloud, path["id"]):
        raise _missing(path["id"])
    return reply({"message": "deleted"})


async def test(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """Would it pass this event on? Triggers have no filters here, so that it would; nothing is sent."""
    origin, tenant, _ = await admin_json(request, path)
    if await origin.records.triggers.get(tenant.cloud, path["id"]) is None:
        raise _missing(path["id"])
    return reply({"trigger_id": path["id"], "filter_present": False, "filter_result": True})


def _uri(origin: Origin, tenant: Tenant, uri: str, parameter: str) -> str:
    if uri == ANONYMOUS:
        raise BadRequest(f"Invalid value for parameter {parameter}: {ANONYMOUS} is for calls with a batch_id")
    check_address(uri, parameter, tellable(origin.records, tenant.cloud))
    return uri


def _type_of(uri: str) -> str:
    return POLL if is_polled(uri) else WEBHOOK


def _missing(trigger_id: str) -> AssetNotFound:
    return AssetNotFound(f"Trigger {trigger_id[:64]} not found")


def _row(trigger: Trigger) -> Json:
    return {
        "id": trigger.id,
        "uri": trigger.uri,
        "uri_type": _type_of(trigger.uri),
        "event_type": trigger.event_type,
        "created_at": instant(trigger.created_at),
        "updated_at": instant(trigger.updated_at),
    }


TRIGGERS = CLOUD + "/triggers"
ROUTES = (
    Route("triggers", "GET", TRIGGERS, listing),
    Route("triggers", "POST", TRIGGERS, create),
    Route("triggers", "PUT", TRIGGERS + "/{id}", update),
    Route("triggers", "DELETE", TRIGGERS + "/{id}", delete),
    Route("triggers", "POST", TRIGGERS + "/{id}/test", test),
)
