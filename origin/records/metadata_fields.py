"""Fields of structured metadata: what may be said of assets, and in which form. Values stand in the assets' records."""

from __future__ import annotations

from typing import Any

import msgspec

from origin.catalogue.tables import metadata_field as table
from origin.records.cloud_rows import CloudRows
from origin.records.core import Core
from origin.records.types import MetadataValue

FIELDS_MAX = 200
"""Of one cloud; all of them are read for each upload that carries metadata."""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One value of a field's list."""

    external_id: str
    value: str
    state: str = "active"
    """Or "inactive": it stays where it is, and nobody may choose it any more."""


class MetadataField(msgspec.Struct, frozen=True, kw_only=True):
    """One field."""

    external_id: str
    label: str
    type: str
    """Of: "string", "integer", "date", "enum", "set"."""
    mandatory: bool = False
    default_value: MetadataValue | None = None
    validation: dict[str, Any] | None = None
    """As the API spells it: see `origin.metadata_values`."""
    choices: tuple[Choice, ...] = ()
    default_disabled: bool = False
    """Nobody may say anything in it unless a rule lets him."""
    allow_dynamic_list_values: bool = False
    """What is said and not in the list is added to it."""
    restrictions: dict[str, Any] | None = None
    """For dialogs, as the API spells it; nothing is held to it here."""
    position: int = 0
    """In the list of all; those of the same place follow by age."""
    created_at: float


def metadata_fields_of(core: Core) -> CloudRows[MetadataField]:
    """By external_id."""
    return CloudRows(core, table, MetadataField, kind="metadata field", rows_max=FIELDS_MAX)
