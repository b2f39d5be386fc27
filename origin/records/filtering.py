"""Filters of listings and deletes, in the terms of the search index: there is no second index for them."""

from __future__ import annotations

from origin.records.types import Filter
from origin.search.conditions import Begins, Both, Condition, OneOf, within

METADATA_FIELDS, CONTEXT_KEYS, MODERATION = "metadata_fields", "context_keys", "moderation"
"""Rows of the index that no expression can name: which metadata fields and keys of context have a value, and by which kind of
moderation which status was given.
"""


def condition_of(where: Filter) -> Condition:
    parts: list[Condition] = []
    for field, wanted in (("resource_type", where.resource_type), ("type", where.delivery_type), ("tags", where.tag)):
        if wanted is not None:
            parts.append(OneOf(field, (wanted,)))
    if where.prefix:
        parts.append(Begins("public_id", where.prefix))
    if where.public_ids is not None:
        parts.append(OneOf("public_id", where.public_ids))
    if where.context is not None:
        key, value = where.context
        parts.append(OneOf(CONTEXT_KEYS, (key,)) if value is None else OneOf(f"context.{key}", (value,)))
    if where.moderation is not None:
        parts.append(OneOf(MODERATION, ("/".join(where.moderation),)))
    if where.in_folder is not None:
        parts.append(OneOf("asset_folder", (where.in_folder,)))
    if where.folder is not None:
        parts.append(within("asset_folder", where.folder))
    if where.field is not None:
        parts.append(OneOf(METADATA_FIELDS, (where.field,)))
    return Both(tuple(parts))
