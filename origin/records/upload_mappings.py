"""Upload mappings: folders of public_ids whose pictures lie elsewhere until somebody asks for them."""

from __future__ import annotations

import msgspec

from origin.catalogue.tables import upload_mapping as table
from origin.records.cloud_rows import CloudRows
from origin.records.core import Core

MAPPINGS_MAX = 100
"""Of one cloud; all of them are read when a picture is absent that could lie in one."""


class UploadMapping(msgspec.Struct, frozen=True, kw_only=True):
    """One of them."""

    folder: str
    """Of public_ids, without slashes at its ends."""
    template: str
    """What an address begins with; the rest of the public_id follows."""
    created_at: float


def upload_mappings_of(core: Core) -> CloudRows[UploadMapping]:
    """By folder."""
    return CloudRows(core, table, UploadMapping, kind="upload mapping", rows_max=MAPPINGS_MAX)
