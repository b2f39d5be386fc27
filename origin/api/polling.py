"""Notices for who cannot be called: `poll://CHANNEL` for an address, or `poll://*` with the `batch_id` of a call.

    GET  /v2/notifications/{cloud}/messages        those that wait; holds the call open while there are none
    POST /v2/notifications/{cloud}/messages/ack    they have come: they are told no more

Each is signed as a webhook is, over the very bytes that stand in `signed_payload`. What is not acknowledged comes again. Source: the
SDK's `notifications`, `ack_notifications`.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping

import msgspec
from aiohttp import web

from domicile.media.errors import BadRequest
from domicile.media.signature import Digest, sign_webhook
from origin.api.answers import Json
from origin.api.call import admin, reply
from origin.api.notices import Notice, batch_channel, named_channel
from origin.api.params import Params
from origin.api.routes import Route
from origin.keys import Origin
from origin.records import Task, Tenant

MESSAGES_DEFAULT, MESSAGES_MAX = 10, 100
WAIT_SECONDS_DEFAULT, WAIT_SECONDS_MAX = 20, 60
HIDDEN_SECONDS_DEFAULT, HIDDEN_SECONDS_MAX = 30, 600
LOOK_SECONDS = 0.5
"""Between two looks of a call that is held open."""


async def messages(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """Notices that wait under `channel` or `batch_id`, or, after `wait_seconds`, none."""
    origin, tenant, params = await admin(request, path)
    channel = _channel(params)
    most = params.number("max_messages", MESSAGES_DEFAULT, at_least=1, at_most=MESSAGES_MAX)
    wait = params.number("wait_seconds", WAIT_SECONDS_DEFAULT, at_least=0, at_most=WAIT_SECONDS_MAX)
    hidden = params.number("visibility_timeout", HIDDEN_SECONDS_DEFAULT, at_least=1, at_most=HIDDEN_SECONDS_MAX)
    loop = asyncio.get_running_loop()
    until = loop.time() + wait
    with origin.limits.poll(tenant.cloud):
        while True:
            found = await origin.records.polled.claim(tenant.cloud, channel, limit=most, seconds=hidden)
            left = until - loop.time()
            if found or left <= 0 or origin.draining:
                break
            await asyncio.sleep(min(LOOK_SECONDS, left))
    return reply({"messages": [_message(origin, tenant, task) for task in found]} if found else {})


async def acknowledge(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """`receipt_handles`: of the notices that have come."""
    origin, tenant, params = await admin(request, path)
    handles = params.texts("receipt_handles")
    if not 0 < len(handles) <= MESSAGES_MAX:
        raise BadRequest(f"Invalid value for parameter receipt_handles: must be 1 to {MESSAGES_MAX} of them")
    known = await origin.records.polled.acknowledge(tenant.cloud, handles)
    rows = [{"receipt_handle": one, "status": "acked" if one in known else "not_found"} for one in handles]
    return reply({"results": rows})


def _channel(params: Params) -> str:
    channel, batch_id = params.text("channel"), params.text("batch_id")
    if bool(channel) == bool(batch_id):
        raise BadRequest("Supply exactly one of channel and batch_id")
    return named_channel(channel) if channel else batch_channel(batch_id)


def _message(origin: Origin, tenant: Tenant, task: Task) -> Json:
    body = msgspec.msgpack.decode(task.detail, type=Notice).body
    payload: Json = json.loads(body)
    policy, timestamp = origin.records.policy(tenant.cloud), int(origin.now())
    digest = Digest(policy.notifications.digest) if policy is not None else Digest.SHA1
    batch = {"batch_id": payload["batch_id"]} if "batch_id" in payload else {}
    return {
        "receipt_handle": task.id,
        **batch,
        "payload": payload,
        "signed_payload": base64.urlsafe_b64encode(body).decode().rstrip("="),
        "signature": sign_webhook(body.decode(), timestamp, tenant.api_secret, digest=digest),
        "timestamp": str(timestamp),
    }


PLACE = "/v2/notifications/{cloud}/messages"
ROUTES = (
    Route("triggers", "GET", PLACE, messages),
    Route("triggers", "POST", PLACE + "/ack", acknowledge),
)
