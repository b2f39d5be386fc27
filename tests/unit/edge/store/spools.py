"""A spool of a worker, small, with as much free disk as a test says."""

from __future__ import annotations

import time
from pathlib import Path

from domicile.service.gate.assets import ASSETS_TENANT
from edge.passthrough.statement import permit_to_keep
from edge.store.room import Room, Space
from edge.store.spool import Spool


def spool_of(
    directory: Path, *, bytes_max: int = 2**20, files_max: int = 4, free_bytes: int = 2**30, room: Room | None = None
) -> Spool:
    return Spool(
        directory, tenant=ASSETS_TENANT, region="eu-de", slot=3, bytes_max=bytes_max, object_bytes_max=2**20,
        files_max=files_max,
        room=room or Room(directory, free_bytes_min=0, space=lambda _: Space(free_bytes=free_bytes, free_files=None)),
        permit=lambda: permit_to_keep("eu-de", clock=time.time),
    )  # fmt: skip
