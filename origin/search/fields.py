"""The fields that can be asked for: how each is compared, and where the index keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from domicile.media.errors import BadRequest

FIELD_CHARS_SHOWN = 64


class Kind(StrEnum):
    """TEXT: by words (`:`) or as a whole (`=`). KEYWORD: one of few words. PATH: whole, or all below it (`a/*`).
    NUMBER, RATIO, TIME: compared. OPEN: as TEXT, and compared where it is a number or a date. HASHED: known by a keyed hash.
    """

    TEXT = "text"
    KEYWORD = "keyword"
    PATH = "path"
    NUMBER = "number"
    RATIO = "ratio"
    TIME = "time"
    OPEN = "open"
    HASHED = "hashed"


@dataclass(frozen=True, slots=True)
class Field:
    """`name` is that of a column of the index, or of rows beside it where an asset can have many."""

    name: str
    kind: Kind


ASSET_FIELDS = {
    field.name: field
    for kind, names in {
        Kind.TEXT: "public_id filename display_name tags context metadata",
        Kind.KEYWORD: "asset_id resource_type type format etag access_mode status transparent grayscale colors "
        "moderation_status moderation_kind",
        Kind.PATH: "folder asset_folder",
        Kind.NUMBER: "bytes width height pixels pages faces duration",
        Kind.RATIO: "aspect_ratio",
        Kind.TIME: "created_at",
        Kind.HASHED: "subject",
    }.items()
    for field in (Field(name, kind) for name in names.split())
}
ASSET_FIELDS["uploaded_at"] = ASSET_FIELDS["created_at"]  # of this version: that is what is kept
FOLDER_FIELDS = {
    field.name: field for field in (Field("path", Kind.PATH), Field("name", Kind.TEXT), Field("created_at", Kind.TIME))
}
BARE_FIELDS = ("public_id", "filename", "display_name", "asset_folder", "tags", "context", "metadata")
"""Where words without a field are looked for."""
BARE_FOLDER_FIELDS = ("path", "name")
SORTABLE = frozenset(
    "public_id filename display_name asset_folder folder resource_type type format asset_id bytes width height pixels pages "
    "aspect_ratio faces created_at".split()
)
COUNTABLE = frozenset({"resource_type", "type", "format", "access_mode", "asset_folder"})
"""What results can be counted by."""
MEASURABLE = frozenset({"bytes", "pixels", "width", "height"})
"""What they can be counted by in ranges."""


def asset_field(name: str) -> Field:
    """Raises BadRequest."""
    for open_ended in ("context.", "metadata."):
        if name.startswith(open_ended) and name != open_ended:
            return Field(name, Kind.OPEN)
    return _known(ASSET_FIELDS, name)


def folder_field(name: str) -> Field:
    """Raises BadRequest."""
    return _known(FOLDER_FIELDS, name)


def _known(fields: dict[str, Field], name: str) -> Field:
    if name not in fields:
        raise BadRequest(f"Invalid expression: unknown field {name[:FIELD_CHARS_SHOWN]}")
    return fields[name]
