"""Upload presets: parameters of uploads under a name, and whether strangers may upload with it."""

from __future__ import annotations

import msgspec

from origin.catalogue.tables import preset as table
from origin.records.cloud_rows import CloudRows
from origin.records.core import Core

PRESETS_MAX = 1000
"""Of one cloud."""


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    """One preset."""

    name: str
    unsigned: bool
    """May it be used without a signature?"""
    settings: dict[str, str | list[str]]
    """Upload parameters, as a call would send them."""
    created_at: float


def presets_of(core: Core) -> CloudRows[Preset]:
    """By name."""
    return CloudRows(core, table, Preset, kind="upload preset", rows_max=PRESETS_MAX)
