"""Versions under retention through the API: bring them back, fetch one, forget some.

    POST   resources/{resource_type}/{type}/restore   public_ids[], versions[]
    POST   resources/restore                          asset_ids[], versions[]
    DELETE resources/backup/{asset_id}                version_ids[]
    GET    download_backup                            asset_id, version_id; signed

Sources: cloudinary-compat 4, the SDK's calls. What was erased is answered like what never was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import hdrs, web

from domicile.media.asset import Aid
from domicile.media.errors import AssetExists, AssetNotFound, BadRequest, MediaError
from domicile.media.policy import Activity
from origin.api.answers import Json, asset, extension_of, instant, listed
from origin.api.call import admin, count_fence, delivery_type_of, name_of, refuse, reply, resource_type_of, signed
from origin.api.downloads import file_name, type_of
from origin.api.handing_out import download_headers, hand_out
from origin.api.originals import check_handing_out
from origin.api.params import Params, check_parameters
from origin.api.routes import CLOUD, RESOURCES, TYPES, Route
from origin.keys import Origin
from origin.records import AssetRecord, Backup, Tenant

RESTORED_MAX = 100
"""Assets that one call may bring back, each with the time of an upload."""
DOWNLOAD = frozenset({"asset_id", "version_id"})


async def restore(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """By public_ids: the newest version of each that is kept, or the one that `versions` names."""
    origin, tenant, params = await admin(request, path)
    refuse(params, "notification_url", "batch_id")
    resource_type, delivery_type = resource_type_of(path), delivery_type_of(path["type"])
    public_ids = _asked(params, "public_ids")
    found = {
        public_id: await origin.records.backups.of_name(name_of(tenant, resource_type, delivery_type, public_id))
        for public_id in public_ids
    }
    return await _restored(origin, tenant, params, found)


async def restore_by_asset_ids(request: web.Request, path: Mapping[str, str]) -> web.Response:
    origin, tenant, params = await admin(request, path)
    refuse(params, "notification_url", "batch_id")
    found = {
        asset_id: await origin.records.backups.of_asset(tenant.cloud, asset_id)
        for asset_id in _asked(params, "asset_ids")
    }
    return await _restored(origin, tenant, params, found)


async def forget(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """Keys and bytes are gone when this is answered; what the asset is now stays."""
    origin, tenant, params = await admin(request, path)
    aids = [Aid(version) for version in _asked(params, "version_ids", at_most=1000)]
    gone = await origin.records.backups.forget(tenant.cloud, path["asset_id"], aids)
    if not gone:
        raise AssetNotFound(f"Resource not found - {path['asset_id']}")
    origin.pool.retire(tenant.cloud)
    left = set(aids) - set(gone)
    return reply({"asset_id": path["asset_id"], "deleted_version_ids": list(gone), "not_found": sorted(left)})


async def download(request: web.Request, path: Mapping[str, str]) -> web.StreamResponse:
    """The uploaded bytes of one version, to whoever has the signed URL; always as an attachment."""
    call = await signed(request, path, may_expire=True)
    check_parameters(call.params, DOWNLOAD)
    asset_id, version = call.params.required("asset_id"), call.params.required("version_id")
    found = await call.origin.records.backups.of_versions(call.tenant.cloud, asset_id, [Aid(version)])
    if not found:
        raise AssetNotFound(f"Resource not found - {asset_id}")
    backup = found[0]
    check_handing_out(call, backup.record)
    call.origin.records.permit(call.tenant.cloud, Activity.DELIVER)
    body = await call.origin.records.backups.original(backup)
    headers = download_headers(type_of(backup.record), file_name(backup.record, None))
    response = web.StreamResponse(headers={**headers, hdrs.CONTENT_LENGTH: str(body.body_bytes)})
    if request.method == "HEAD":
        return response
    records = call.origin.records
    return await hand_out(request, response, body.pieces(), is_live=lambda: records.has_keys_of([backup.record]))


def versions_of(record: AssetRecord | None, backups: Sequence[Backup]) -> list[Json]:
    """The field `versions`: the one that is there now, if its upload asked for a backup, and those under retention."""
    now = [_version(record, record.created_at)] if record is not None and record.backup else []
    return now + [_version(one.record, one.record.created_at, restorable=True) for one in backups]


def placeholder(backups: Sequence[Backup], origin: Origin, tenant: Tenant, *, with_versions: bool) -> Json:
    """What is told of an asset that was deleted and can be restored."""
    record = backups[0].record
    answer = listed(record, origin.address_of(tenant))
    answer |= {"bytes": 0, "width": 0, "height": 0, "placeholder": True, "backup": True, "derived": []}
    return answer | ({"versions": versions_of(None, backups)} if with_versions else {})


def _version(record: AssetRecord, created_at: float, *, restorable: bool = False) -> Json:
    return {
        "version_id": record.aid,
        "version": record.version,
        "format": extension_of(record),
        "size": record.body_bytes,
        "time": instant(created_at),
        "restorable": restorable,
    }


def _asked(params: Params, name: str, *, at_most: int = RESTORED_MAX) -> tuple[str, ...]:
    asked = tuple(dict.fromkeys(params.texts(name)))
    if not asked:
        raise BadRequest(f"Missing required parameter - {name}")
    if len(asked) > at_most:
        raise BadRequest(f"Too many values for parameter {name}: at most {at_most}")
    return asked


async def _restored(
    origin: Origin, tenant: Tenant, params: Params, found: Mapping[str, tuple[Backup, ...]]
) -> web.Response:
    """Each under what it was asked for by. When none could be, the call has failed; when some could not, they say why."""
    versions = frozenset(params.texts("versions"))
    answer: dict[str, Any] = {}
    failed: list[MediaError] = []
    for asked, backups in found.items():
        chosen = next((one for one in backups if not versions or one.record.aid in versions), None)
        try:
            if chosen is None:
                raise AssetNotFound(f"Resource not found - {asked}")
            answer[asked] = await _restore(origin, tenant, chosen)
        except AssetNotFound:
            failed.append(AssetNotFound(f"Resource not found - {asked}"))
            answer[asked] = {"error": "no_backup"}
        except AssetExists as taken:
            failed.append(taken)
            answer[asked] = {"error": "already_exists"}
    if len(failed) == len(found):
        raise failed[0]
    return reply(answer)


async def _restore(origin: Origin, tenant: Tenant, backup: Backup) -> Json:
    done = await origin.records.backups.restore(backup)
    count_fence(origin, done.fenced)
    if done.overwritten:
        origin.pool.retire(tenant.cloud)
    return asset(done.record, origin.address_of(tenant))


ROUTES: tuple[Route, ...] = (
    Route("restore", "POST", RESOURCES + "/{resource_type}/{type}/restore", restore, TYPES),
    Route("restore", "POST", RESOURCES + "/restore", restore_by_asset_ids),
    Route("delete_backups", "DELETE", RESOURCES + "/backup/{asset_id}", forget),
    Route("download_backup", "GET", CLOUD + "/download_backup", download),
)
