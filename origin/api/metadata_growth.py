"""Lists of choices that grow by what is said (`allow_dynamic_list_values`): for fields that say so, before a call is judged.

A value that is not in the list becomes a choice: under itself where it can be an external_id, else under a random one. What was
taken out of a list is not put back. Strangers add nothing: their uploads are held to the list as it is.
"""

from __future__ import annotations

import msgspec

from domicile.media.errors import BadRequest
from origin.api.metadata_datasources import ID
from origin.api.metadata_values import CHOICES_MAX, Given, is_valid, read_list
from origin.api.naming import random_id
from origin.records import Choice, MetadataField, Records

VALUE_CHARS_MAX = 255
"""Of one that is added so."""


async def grow(records: Records, cloud: str, given: Given) -> None:
    """Add what a call says. What is no value of its field is left to who judges the call. Raises LimitExceeded."""
    if not given:
        return
    for field in await records.metadata_fields.all(cloud):
        text = given.get(field.external_id, "")
        after = grown(field, text)
        if after != field and is_valid(field.external_id, text, {field.external_id: after}):
            await records.metadata_fields.change(cloud, field.external_id, lambda now, text=text: grown(now, text))  # type: ignore[misc]


def grown(field: MetadataField, text: str) -> MetadataField:
    """With the values that a text has and the list has not; as it is when it may not grow so far."""
    if not field.allow_dynamic_list_values or not text:
        return field
    try:
        said = [text] if field.type == "enum" else read_list(field, text)
    except BadRequest:
        return field
    known = {one for choice in field.choices for one in (choice.external_id, choice.value)}
    new = [one for one in dict.fromkeys(said) if one and one not in known]
    if len(field.choices) + len(new) > CHOICES_MAX or any(len(one) > VALUE_CHARS_MAX for one in new):
        return field
    added = (Choice(external_id=one if ID.fullmatch(one) else random_id(), value=one) for one in new)
    return msgspec.structs.replace(field, choices=(*field.choices, *added))
