"""All that is held about one person, handed out once (Art. 15 and 20 GDPR; docs/data-subjects.md).

    POST subjects/exports                subject_id  multi_subject=include | leave_out  expires_in  next_cursor   -> a link
    GET  subjects/exports/{id}           how far it has come, or what became of it
    GET  subjects/exports/{id}/download  token: the archive, once; to whoever has the link

That nothing is held is an answer, too: signed like a manifest, without a link. Whom a call is about stands in its body.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from urllib.parse import quote

from aiohttp import hdrs, web

from domicile.media.errors import AssetNotFound, BadRequest, MediaError
from domicile.media.policy import Activity
from domicile.media.subject_export import NOTHING_HELD
from origin.api import subject_manifest as told_of
from origin.api.answers import Json, instant
from origin.api.authenticate import basic_credentials, check_basic
from origin.api.call import admin, reply
from origin.api.forms import read_params
from origin.api.handing_out import download_headers, hand_out
from origin.api.params import Params, check_parameters
from origin.api.routes import CLOUD, Route
from origin.api.subject_zip import SubjectZip, issuer_of
from origin.api.subjects import check_not_in_query, subject_of
from origin.keys import ORIGIN, Origin
from origin.records import ExportTold, Link, Plan, Tenant
from origin.scope import Operation

EXPORT = frozenset({"subject_id", "multi_subject", "expires_in", "next_cursor"})
DOWNLOAD = frozenset({"token"})
INCLUDE, LEAVE_OUT = "include", "leave_out"
LINK_SECONDS = 3600
LINK_SECONDS_MIN = 60
CURSOR_CHARS_MAX = 32
ZIP = "application/zip"
FILE_NAME = "personal-data.zip"


async def export(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """What is held about one person: a link that works once, or a signed statement that nothing is held."""
    check_not_in_query(request.query)
    origin, tenant, params = await admin(request, path)
    check_parameters(params, EXPORT)
    subject, shared = subject_of(params), params.text("multi_subject") or LEAVE_OUT
    if shared not in {INCLUDE, LEAVE_OUT}:
        raise BadRequest(f"Invalid value for parameter multi_subject: must be {INCLUDE} or {LEAVE_OUT}")
    limits, after = origin.settings.subjects, _cursor(params)
    most = limits.link_seconds_max
    seconds = params.number("expires_in", min(LINK_SECONDS, most), at_least=LINK_SECONDS_MIN, at_most=most)
    origin.limits.count_lookup(tenant.cloud, now=origin.now())
    found = await origin.records.subjects.holdings(
        tenant.cloud, subject, after=after, body_bytes_max=limits.export_bytes_max
    )
    plan = Plan(
        subject_id=subject,
        aids=found.aids,
        includes_shared=shared == INCLUDE,
        head=found.head,
        after=after,
        next_cursor=found.next_cursor or "",
    )
    if not found.aids:
        return reply(await _nothing(origin, tenant, plan))
    link = await origin.records.exports.create(tenant.cloud, plan, body_bytes=found.body_bytes, seconds=float(seconds))
    answer: Json = {
        "outcome": "ready",
        **_link(origin, tenant, link),
        "versions": len(found.aids),
        "bytes": found.body_bytes,
        "multi_subject": shared,
    }
    return reply(answer | ({"next_cursor": found.next_cursor} if found.next_cursor else {}))


async def status(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """How far an export has come, or what became of it; told for 30 days."""
    origin, tenant, _ = await admin(request, path)
    try:
        told = await origin.records.exports.told(tenant.cloud, path["id"])
    except AssetNotFound as missing:
        raise AssetNotFound("Resource not found - export") from missing
    return reply(_told(told))


async def download(request: web.Request, path: Mapping[str, str]) -> web.StreamResponse:
    """The archive, to whoever has the link; it works once, and its answer is kept nowhere."""
    origin, cloud = request.app[ORIGIN], path["cloud"]
    params = await read_params(request, origin.settings.upload)
    check_parameters(params, DOWNLOAD)
    exports, export_id, token = origin.records.exports, path["id"], params.required("token")
    await exports.check(cloud, export_id, token)
    origin.records.permit(cloud, Activity.DELIVER)
    origin.records.permit(cloud, Activity.STORE)
    response = web.StreamResponse(headers=download_headers(ZIP, FILE_NAME))
    if request.method == "HEAD":
        return response
    with origin.archives.turn():
        claimed = await exports.claim(cloud, export_id, token)
        archive = SubjectZip(origin, claimed, shows_redacted=_is_owner(request, origin, cloud))
        with exports.running(claimed):
            try:
                return await hand_out(request, response, archive.pieces(), is_live=None)
            finally:
                if not archive.is_done:
                    await exports.finish(claimed, None)
                    await archive.note_recipients()


def _is_owner(request: web.Request, origin: Origin, cloud: str) -> bool:
    """Does the secret itself come with the link? What the policy redacts in everything that links show is for it alone."""
    try:
        credentials = basic_credentials(request.headers.get(hdrs.AUTHORIZATION))
        tenant = check_basic(credentials, cloud, origin.records.tenant_by_api_key)
    except MediaError:
        return False
    return tenant.scope.allows(Operation.DPO)


async def _nothing(origin: Origin, tenant: Tenant, plan: Plan) -> Json:
    issuer = issuer_of(origin, tenant.cloud)
    head = told_of.head_of(plan, issuer, salt=told_of.new_salt(), export_id=None, leaf=None, readme=None)
    manifest = told_of.Manifest().encoded(head)
    signature = origin.records.exports.sign(manifest)
    outcome = NOTHING_HELD
    await origin.records.exports.note_answer(plan.head, outcome, hashlib.sha256(manifest).hexdigest())
    return {"outcome": outcome, "manifest": manifest.decode(), "signature": signature}


def _cursor(params: Params) -> str:
    after = params.text("next_cursor")
    if after and (len(after) != CURSOR_CHARS_MAX or not set(after) <= set("0123456789abcdef")):
        raise BadRequest("Invalid value for parameter next_cursor")
    return after


def _link(origin: Origin, tenant: Tenant, link: Link) -> Json:
    place = f"/v1_1/{quote(tenant.cloud)}/subjects/exports/{link.export_id}/download?token={link.token}"
    return {
        "export_id": link.export_id,
        "download_url": origin.settings.api_base + place,
        "expires_at": instant(link.expires_at),
    }


def _told(told: ExportTold) -> Json:
    done = told.progress
    return {
        "export_id": told.export_id,
        "state": str(told.state),
        "created_at": instant(told.created_at),
        "expires_at": instant(told.expires_at),
        "versions": done.versions,
        "files": done.files,
        "gone": done.gone,
        "bytes": done.body_bytes,
        "audit_log": {"begun": told.leaf},
    }


EXPORTS = CLOUD + "/subjects/exports"
ROUTES: tuple[Route, ...] = (
    Route("subject_exports", "POST", EXPORTS, export),
    Route("subject_export", "GET", EXPORTS + "/{id}", status),
    Route("subject_download", "GET", EXPORTS + "/{id}/download", download),
)
