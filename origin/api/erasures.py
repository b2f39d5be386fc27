"""Erasing through the API: forget assets everywhere, and ask later how far it has come.

    POST   erasures               selector[public_id | asset_id | tag | prefix | url | subject | search | tenant]=…
                                  selector[versions]=all | current  request_id=…
                                  mode=erase (grace=SECONDS) | restrict | unrestrict | dry_run
    GET    erasures/{id}          the statement as things stand now
    DELETE erasures/{id}          cancel one that waits
    POST   erasures/{id}/approve  by a second API key

An SDK signature does not say which endpoint it was made for, so nothing here is a parameter of another endpoint, and
nothing has a default: a signature that erases was made to erase.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping

from aiohttp import hdrs, web

from domicile.media.errors import AssetNotFound, BadRequest, OutOfScope
from origin.api.answers import listed
from origin.api.authenticate import is_private_way
from origin.api.call import Call, admin, reply, signed
from origin.api.params import Params, check_parameters
from origin.api.subjects import SUBJECT_CHARS_MAX, asks_for_persons
from origin.delivery_url import path_of
from origin.keys import Origin
from origin.records import ErasureStatement, PurgeTargets, Versions
from origin.records.deferred import GRACE_SECONDS_MAX

MODES = ("erase", "restrict", "unrestrict", "dry_run")
SELECTORS = ("public_id", "asset_id", "tag", "prefix", "url", "subject", "search", "tenant")
VERSIONS = "selector[versions]"
USED = frozenset({"mode", "request_id", "grace", VERSIONS, *(f"selector[{name}]" for name in SELECTORS)})
REQUEST_ID_CHARS_MAX = 128


async def erase(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """Forget what one selector matches; the answer is the signed statement, `partial` while edges are waited for."""
    call = await signed(request, path)
    params, origin, cloud = call.params, call.origin, call.tenant.cloud
    check_parameters(params, USED)
    mode = params.required("mode")
    if mode not in MODES:
        raise BadRequest(f"Invalid value for parameter mode: must be {' or '.join(MODES)}")
    grace = params.number("grace", 0, at_least=0, at_most=GRACE_SECONDS_MAX)
    targets, versions = targets_of(params, origin, cloud), versions_of(params)
    if mode != "erase" and (grace or (versions is not Versions.ALL and mode != "dry_run")):
        raise BadRequest(f"Parameters grace and {VERSIONS} are for mode erase alone")
    if targets.are_wide:
        check_wide(request, call)
    if targets.subjects or any(asks_for_persons(text) for text in targets.searches):
        origin.limits.count_lookup(cloud, now=origin.now())
    if mode == "dry_run":
        found = await origin.records.erase_preview(cloud, targets, versions=versions)
        rows = [listed(record, call.address) for record in found.records]
        told = {"mode": mode, "total_count": found.total, "cut": found.total > len(rows), "assets": rows}
        return reply({**told, "backups": found.backups})
    request_id = params.text("request_id")
    if len(request_id) > REQUEST_ID_CHARS_MAX:
        raise BadRequest(f"Parameter request_id is too long: at most {REQUEST_ID_CHARS_MAX} characters")
    records = origin.records
    if mode == "erase":
        statement = await records.erase(
            cloud,
            targets,
            versions=versions,
            request_id=request_id,
            once=call.once,
            grace=grace,
            asked_by=call.tenant.api_key,
        )
    else:
        work = records.restrict if mode == "restrict" else records.unrestrict
        statement = await work(cloud, targets, request_id=request_id, once=call.once)
    origin.pool.retire(cloud)
    return reply(statement.to_mapping())


def check_wide(request: web.Request, call: Call) -> None:
    """Selectors wider than one asset need the secret itself, sent where nobody else reads it. Raises OutOfScope."""
    if call.caller.signed is not None:
        raise OutOfScope("Selectors wider than one asset need Basic authentication")
    forwarded = request.headers.get(hdrs.X_FORWARDED_PROTO)
    if not is_private_way(request.remote, forwarded, call.origin.settings.networks):
        raise OutOfScope("Selectors wider than one asset need Basic over TLS or from a trusted network")


async def status(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """The statement of an erasure as things stand now, signed."""
    origin, tenant, _ = await admin(request, path)
    return await _told(origin.records.erasure(tenant.cloud, path["id"]))


async def cancel(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """Before anything was taken; what it restricted is shown again."""
    origin, tenant, _ = await admin(request, path)
    return await _told(origin.records.cancel_erasure(tenant.cloud, path["id"]))


async def approve(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """By another API key than the one that asked."""
    origin, tenant, _ = await admin(request, path)
    answer = await _told(origin.records.approve_erasure(tenant.cloud, path["id"], api_key=tenant.api_key))
    origin.pool.retire(tenant.cloud)
    return answer


async def _told(work: Awaitable[ErasureStatement]) -> web.Response:
    try:
        return reply((await work).to_mapping())
    except AssetNotFound as missing:
        raise AssetNotFound("Resource not found - erasure") from missing


def targets_of(params: Params, origin: Origin, cloud: str) -> PurgeTargets:
    """What one selector means. Raises BadRequest."""

    def of(name: str) -> tuple[str, ...]:
        return params.texts(f"selector[{name}]")

    settings, named = origin.settings, of("tenant")
    if named and named != (cloud,):
        raise BadRequest(
            "Invalid value for parameter selector[tenant]: must be the name of this cloud, for all that is in it"
        )
    urls = tuple(path_of(url, settings.delivery_hosts) for url in of("url"))
    targets = PurgeTargets(
        asset_ids=of("asset_id"),
        public_ids=of("public_id"),
        tags=of("tag"),
        prefixes=of("prefix"),
        urls=urls,
        subjects=tuple(map(subject_of, of("subject"))),
        searches=of("search"),
        everything=bool(named),
    )
    if targets.count != 1:
        raise BadRequest(f"Missing required parameter - selector with one of {', '.join(SELECTORS)}")
    return targets


def subject_of(text: str) -> str:
    """As an upload would keep it. Raises BadRequest."""
    subject = text.strip()
    if not 0 < len(subject) <= SUBJECT_CHARS_MAX:
        raise BadRequest(f"Invalid value for parameter selector[subject]: must be 1 to {SUBJECT_CHARS_MAX} characters")
    return subject


def versions_of(params: Params) -> Versions:
    """Raises BadRequest."""
    given = params.text(VERSIONS, Versions.ALL)
    if given not in set(Versions):
        raise BadRequest(f"Invalid value for parameter {VERSIONS}: must be {' or '.join(Versions)}")
    return Versions(given)
