"""Conditional rules of structured metadata: what follows for one field from the values of others.

when      {"metadata_field_id": "genre", "equals": "portrait"}, "includes", "populated", or "and" and "or" of such
then      {"enable": …, "activate_values": …, "apply_value": …, "set_mandatory": …}, as the API spells them
"""

from __future__ import annotations

from typing import Any

import msgspec

from origin.catalogue.tables import metadata_rule as table
from origin.records.cloud_rows import CloudRows
from origin.records.core import Core

RULES_MAX = 100
"""Of one cloud; all of them are read for each upload that carries metadata."""


class MetadataRule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule."""

    external_id: str
    metadata_field_id: str
    """Which field it is about."""
    name: str
    condition: dict[str, Any]
    result: dict[str, Any]
    state: str = "active"
    """Or "inactive": it is kept, and nothing follows from it."""
    position: int
    """Rules follow each other; what one applies, the next one sees."""


def metadata_rules_of(core: Core) -> CloudRows[MetadataRule]:
    """By external_id."""
    return CloudRows(core, table, MetadataRule, kind="metadata rule", rows_max=RULES_MAX)
