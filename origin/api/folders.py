"""Asset folders through the Admin API: list, make, rename, delete.

Folders are of the kind that Cloudinary calls dynamic: where an asset lies says nothing about its public_id, so that renaming
a folder changes no URL. Source: cloudinary-compat 4, the SDK's calls.
"""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from domicile.media.errors import BadRequest
from domicile.media.public_id import public_id_problem
from origin.api.answers import Json
from origin.api.call import admin, reply, told_by_cloud
from origin.api.cursors import cursor_behind, word_of
from origin.api.naming import folder_path
from origin.api.routes import CLOUD, Route
from origin.keys import ORIGIN, Origin

RESULTS_DEFAULT, RESULTS_MAX = 500, 500


async def listing(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """Those right below the root, or below the folder in the path."""
    origin, tenant, params = await admin(request, path)
    parent = _path(path["path"]) if "path" in path else ""
    most = params.number("max_results", RESULTS_DEFAULT, at_least=1, at_most=RESULTS_MAX)
    after = word_of(params.text("next_cursor"))
    found = await origin.records.folders.below(tenant.cloud, parent)
    left = [one for one in found if one > after]
    return reply(
        {
            "folders": [folder_row(origin, tenant.cloud, one) for one in left[:most]],
            "next_cursor": cursor_behind(left[most - 1]) if len(left) > most else None,
            "total_count": len(found),
        }
    )


async def create(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """With all around it; one that is there stays as it is."""
    origin, tenant, _ = await admin(request, path)
    folder = _path(path["path"])
    await origin.records.folders.make(tenant.cloud, folder)
    row = folder_row(origin, tenant.cloud, folder)
    await _announce(request, tenant.cloud, "create_folder", {"folder_name": row["name"], "folder_path": folder})
    return reply({"success": True, **row})


async def rename(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """`to_folder`: its new path; all that is in it goes with it."""
    origin, tenant, params = await admin(request, path)
    old, new = _path(path["path"]), _path(params.required("to_folder"), "to_folder")
    await origin.records.folders.move(tenant.cloud, old, new)
    said = {"from_path": old, "to_path": new}
    await _announce(request, tenant.cloud, "move_or_rename_asset_folder", said)
    return reply({"from": folder_row(origin, tenant.cloud, old), "to": folder_row(origin, tenant.cloud, new)})


async def delete(request: web.Request, path: Mapping[str, str]) -> web.Response:
    """An empty one, with the empty ones below it. `skip_backup` changes nothing: no backup lies in a folder."""
    origin, tenant, params = await admin(request, path)
    params.flag("skip_backup", default=False)
    folder = _path(path["path"])
    gone = await origin.records.folders.drop(tenant.cloud, folder)
    name = folder.rpartition("/")[2]
    await _announce(request, tenant.cloud, "delete_folder", {"folder_name": name, "folder_path": folder})
    return reply({"deleted": gone})


async def _announce(request: web.Request, cloud: str, kind: str, said: Json) -> None:
    """Folders are told of once they have changed, and not in their transaction: a crash in between loses the word."""
    who = await told_by_cloud(request, cloud)
    await request.app[ORIGIN].records.announce(cloud, who.saying(kind, lambda: said))


def _path(text: str, parameter: str = "folder") -> str:
    """Raises BadRequest."""
    folder = folder_path(text)
    problem = public_id_problem(folder)
    if problem is not None:
        raise BadRequest(f"Invalid value for parameter {parameter}: {problem.replace('public_id', 'the path')}")
    return folder


def folder_row(origin: Origin, cloud: str, path: str) -> Json:
    """A folder as it is told."""
    return {
        "name": path.rpartition("/")[2],
        "path": path,
        "external_id": origin.records.folders.id_of(cloud, path),
    }


FOLDERS = CLOUD + "/folders"
ROUTES = (
    Route("folders", "GET", FOLDERS, listing),
    Route("folders", "GET", FOLDERS + "/{path*}", listing),
    Route("folders", "POST", FOLDERS + "/{path*}", create),
    Route("folders", "PUT", FOLDERS + "/{path*}", rename),
    Route("folders", "DELETE", FOLDERS + "/{path*}", delete),
)
