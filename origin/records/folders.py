"""Asset folders that somebody made. A folder that only holds assets is in their records, and is gone with the last one:
its name may tell of them.
"""

from __future__ import annotations

import msgspec

from origin.catalogue.tables import folder as table
from origin.records.cloud_rows import CloudRows
from origin.records.core import Core

FOLDERS_MAX = 10_000
"""Of one cloud."""


class Folder(msgspec.Struct, frozen=True, kw_only=True):
    """One folder, by its path from the root, without slashes at its ends."""

    path: str
    created_at: float


class Folders(CloudRows[Folder]):
    """By path."""

    def __init__(self, core: Core) -> None:
        super().__init__(core, table, Folder, kind="folder", rows_max=FOLDERS_MAX)
