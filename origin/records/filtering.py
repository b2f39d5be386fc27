"""Filters of listings and deletes, in the terms of the search index: there is no second index for them."""

from __future__ import annotations

from origin.records.types import Filter
from origin.search.conditions import Begins, Both, Condition, OneOf, within

METADATA_FIELDS = "metadata_fields"
"""Rows of the index that tell which metadata fields have a value; no expression can name them."""


def condition_of(where: Filter) -> Condition:
    parts: list[Condition] = []
    for field, wanted in (("resource_type", where.resource_type), ("type", where.delivery_type), ("tags", where.tag)):
        if wanted is not None:
            parts.append(OneOf(field, (wanted,)))
    if where.prefix:
        parts.append(Begins("public_id", where.prefix))
    if where.public_ids is not None:
        parts.append(OneOf("public_id", where.public_ids))
    if where.folder is not None:
        parts.append(within("asset_folder", where.folder))
    if where.field is not None:
        parts.append(OneOf(METADATA_FIELDS, (where.field,)))
    return Both(tuple(parts))
