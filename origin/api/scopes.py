"""Which operation each endpoint is, and which of them a key of one folder may call. Decides only.

An endpoint that is not named here needs a key that may do everything. Those of a folder are the ones that name each of
their assets by its public_id: `call.name_of` holds every one of them against the folder.
"""

from __future__ import annotations

from collections.abc import Mapping

from domicile.media.errors import OutOfScope
from origin.api.params import Params
from origin.scope import Operation, Scope

ANY_KEY = frozenset({"ping", "config"})
"""Says no more than that the key is good."""

OPERATIONS: Mapping[str, Operation] = {
    "upload": Operation.UPLOAD,
    "text": Operation.UPLOAD,
    "sprite": Operation.UPLOAD,
    "multi": Operation.UPLOAD,
    "explode": Operation.EDIT,
    "search": Operation.READ,
    "search_folders": Operation.READ,
    "destroy": Operation.DELETE,
    "delete_resources": Operation.DELETE,
    "delete_by_tag": Operation.DELETE,
    "delete_by_asset_ids": Operation.DELETE,
    "rename": Operation.EDIT,
    "explicit": Operation.EDIT,
    "tags": Operation.EDIT,
    "context": Operation.EDIT,
    "metadata": Operation.EDIT,
    "update": Operation.EDIT,
    "update_by_asset_id": Operation.EDIT,
    "delete_derived": Operation.DELETE,
    "delete_backups": Operation.ERASE,
    "download_backup": Operation.READ,
    "restore": Operation.EDIT,
    "related_assets": Operation.EDIT,
    "resources_by_context": Operation.READ,
    "resources_by_asset_folder": Operation.READ,
    "erasures": Operation.ERASE,
    "erasure": Operation.ERASE,
    "erasure_approval": Operation.ERASE,
    "holds": Operation.HOLD,
    "hold": Operation.HOLD,
    "receipt": Operation.ERASE,
    "subject_exports": Operation.DPO,
    "subject_export": Operation.DPO,
    "subject_cases": Operation.DPO,
    "recipients": Operation.DPO,
    "places": Operation.DPO,
    "subject_case": Operation.DPO,
    "generate_archive": Operation.READ,
    "download": Operation.READ,
    "usage": Operation.READ,
    "resource_types": Operation.READ,
    "resources": Operation.READ,
    "resource": Operation.READ,
    "resources_by_asset_ids": Operation.READ,
    "resource_by_asset_id": Operation.READ,
    "resources_by_tag": Operation.READ,
    "tag_names": Operation.READ,
    "transformations": Operation.READ,
    "upload_presets": Operation.ADMIN,
    "upload_preset": Operation.ADMIN,
    "metadata_fields": Operation.READ,
    "metadata_field": Operation.READ,
    "metadata_rules": Operation.READ,
    "folders": Operation.READ,
}
"""By the name of the route."""

READS_BY_POST = frozenset({"search", "search_folders", "generate_archive"})
"""Only looking, whatever the method: their questions are long. An archive that is kept needs more (`archives`)."""
CHANGES: Mapping[str, Operation] = {"folders": Operation.EDIT}
"""What changing is, where a route of this name also looks; not named: for a key that may do everything."""
SAFE = frozenset({"GET", "HEAD"})

IN_FOLDER = ANY_KEY | frozenset(
    {
        "upload",
        "destroy",
        "rename",
        "explicit",
        "tags",
        "context",
        "metadata",
        "update",
        "resource",
        "resources",
        "download",
    }
)

SHOWS_OTHERS = ("transformation", "eager", "responsive_breakpoints")
"""Parameters that can lay other pictures over the one that is uploaded."""


def operation_of(route: str, method: str) -> Operation:
    """Several routes share a name: what a key may look at it may not change."""
    operation = OPERATIONS.get(route, Operation.ADMIN)
    if operation is Operation.READ and method not in SAFE and route not in READS_BY_POST:
        return CHANGES.get(route, Operation.ADMIN)
    return operation


def check_route(scope: Scope, route: str, method: str) -> None:
    """May this key call this endpoint at all? Raises OutOfScope."""
    if route not in ANY_KEY:
        scope.require(operation_of(route, method))
    if route not in IN_FOLDER:
        scope.require_everywhere()


def check_layers(scope: Scope, params: Params) -> None:
    """Whoever may not see everything shows nothing of it in a picture of their own. Raises OutOfScope."""
    if scope.folder or not scope.allows(Operation.READ):
        for name in SHOWS_OTHERS:
            if name in params:
                raise OutOfScope(f"This API key may not send {name}: it could show what the key may not see")
