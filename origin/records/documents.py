"""How the search index sees an asset."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from origin.records.filtering import CONTEXT_KEYS, METADATA_FIELDS, MODERATION
from origin.records.types import AssetRecord, MetadataValue
from origin.search.document import Document, text_of
from origin.search.values import RATIO_DIGITS, Scalar, read_date

_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,9})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_GREY = frozenset({"1", "L", "LA", "La", "I", "I;16", "F"})


def document_of(record: AssetRecord, *, subjects: Iterable[str] = ()) -> Document:
    """`subjects`: keyed hashes of the persons that it is said to be about."""
    values = _values(record)
    values.update({("subject", hashed): None for hashed in subjects})
    return Document(scalars=_scalars(record), values=values, texts=frozenset(_texts(record)))


def _scalars(record: AssetRecord) -> dict[str, Scalar]:
    name, facts = record.name, record.facts
    is_raw = name.resource_type == "raw"
    faces = record.coordinates.faces or record.analysis.faces
    return {
        "tenant": name.cloud,
        "asset_id": record.asset_id,
        "resource_type": name.resource_type,
        "type": name.delivery_type,
        "public_id": name.public_id,
        "folder": name.public_id.rpartition("/")[0],
        "asset_folder": record.folder,
        "display_name": record.shown_name,
        "filename": record.original_filename or name.public_id.rpartition("/")[2],
        "format": "" if is_raw else facts.format,
        "etag": facts.md5,
        "access_mode": record.access_mode,
        "transparent": "" if is_raw else str(facts.has_alpha).lower(),
        "grayscale": "" if is_raw or not facts.mode else str(facts.mode in _GREY).lower(),
        "created_at": record.created_at,
        "bytes": facts.body_bytes,
        "width": None if is_raw else facts.width,
        "height": None if is_raw else facts.height,
        "aspect_ratio": None if is_raw or not facts.height else round(facts.width / facts.height, RATIO_DIGITS),
        "pixels": None if is_raw else facts.width * facts.height,
        "pages": None if is_raw else facts.frames,
        "faces": None if faces is None else len(faces),
    }


def _values(record: AssetRecord) -> dict[tuple[str, str], float | None]:
    values: dict[tuple[str, str], float | None] = dict.fromkeys(("tags", tag) for tag in record.tags)
    for name, text in record.context.items():
        values[CONTEXT_KEYS, name] = None
        values[f"context.{name}", text] = _number(text)
        values["context", text] = None
    for name, value in record.metadata.items():
        values[METADATA_FIELDS, name] = None
        for text in _metadata_texts(value):
            values[f"metadata.{name}", text] = _number(text)
            values["metadata", text] = None
    for moderation in record.moderation:
        values[MODERATION, f"{moderation.kind}/{moderation.status}"] = None
        values["moderation_kind", moderation.kind] = values["moderation_status", moderation.status] = None
    for shares in (record.analysis.names or {}).values():
        values.update({("colors", color): None for color, _ in shares})
    return values


def _metadata_texts(value: MetadataValue) -> list[str]:
    return value if isinstance(value, list) else [str(value)]


def _number(text: str) -> float | None:
    """A date's is that of its begin."""
    if _NUMBER.fullmatch(text):
        return float(text)
    span = read_date(text) if _DATE.match(text) else None
    return None if span is None else span.start


def _texts(record: AssetRecord) -> Iterator[tuple[str, str]]:
    scalars = _scalars(record)
    for name in ("public_id", "filename", "display_name", "asset_folder"):
        yield from _some(name, str(scalars[name]))
    for tag in record.tags:
        yield from _some("tags", tag)
    for key, text in record.context.items():
        yield from _some("context", key)
        yield from _some("context", text)
        yield from _some(f"context.{key}", text)
    for key, value in record.metadata.items():
        yield from _some("metadata", key)
        for text in _metadata_texts(value):
            yield from _some("metadata", text)
            yield from _some(f"metadata.{key}", text)


def _some(name: str, text: str) -> Iterator[tuple[str, str]]:
    found = text_of(name, text)
    if found is not None:
        yield found
