"""Triggers: who is told of which events of a cloud, whatever call they come from."""

from __future__ import annotations

import msgspec

from origin.catalogue.tables import notification_trigger as table
from origin.records.cloud_rows import CloudRows
from origin.records.core import Core

TRIGGERS_MAX = 30
"""Of one cloud; all of them are read for each change that somebody may be told of."""


class Trigger(msgspec.Struct, frozen=True, kw_only=True):
    """One of them."""

    id: str
    uri: str
    event_type: str
    """A notification_type, or "all"."""
    created_at: float
    updated_at: float


def triggers_of(core: Core) -> CloudRows[Trigger]:
    """By id."""
    return CloudRows(core, table, Trigger, kind="trigger", rows_max=TRIGGERS_MAX)
