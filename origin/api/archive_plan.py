"""What goes into an archive, and what it is called there. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from domicile.media.asset import Aid
from domicile.media.errors import BadRequest, LimitExceeded
from domicile.media.forced import forced_effect
from domicile.media.negotiate import CONTENT_TYPES
from domicile.media.policy import ResidencyPolicy
from domicile.media.remote_rules import RemoteRules, needs_signature
from origin.api.params import Params
from origin.records import AssetRecord
from origin.renders import Order

FORMATS = {"zip": "application/zip", "tgz": "application/gzip"}
SELECTORS = ("public_ids", "fully_qualified_public_ids", "prefixes", "tags")
FILES_MAX = 1000
"""In one archive."""
SOURCES_MAX = 1000
"""Of one archive that is kept; an edge knows all of them of each copy that it keeps."""
NAME_CHARS_MAX = 200
AS_IS = "as-is"
_FULL = re.compile(r"(image|video|raw)/(upload|private|authenticated)/(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How files are named."""

    flat: bool
    """Without folders."""
    original_names: bool
    flat_transformations: bool
    nameless_transformations: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file of an archive: an original, or a rendition of it."""

    path: str
    record: AssetRecord
    order: Order | None = None


def style_of(params: Params) -> Style:
    """Raises BadRequest."""
    return Style(
        flat=params.flag("flatten_folders", default=False),
        original_names=params.flag("use_original_filename", default=False),
        flat_transformations=params.flag("flatten_transformations", default=False),
        nameless_transformations=params.flag("skip_transformation_name", default=False),
    )


def read_full_name(text: str) -> tuple[str, str, str]:
    """Resource type, delivery type and public_id of `image/upload/people/jane`. Raises BadRequest."""
    match = _FULL.fullmatch(text)
    if match is None:
        raise BadRequest("Invalid value for parameter fully_qualified_public_ids")
    return match[1], match[2], match[3]


def entries(records: Iterable[AssetRecord], orders: Sequence[Order], style: Style) -> tuple[Entry, ...]:
    """In the order of the records; every path once. LimitExceeded."""
    found: list[Entry] = []
    taken: set[str] = set()
    for record in records:
        for order in orders or (None,):
            if order is not None and record.name.resource_type != "image":
                continue
            path = _free(_path(record, order, style), taken)
            taken.add(path.casefold())
            found.append(Entry(path=path, record=record, order=order))
            if len(found) > FILES_MAX:
                raise LimitExceeded(f"Too many files in one archive: at most {FILES_MAX}")
    return tuple(found)


def sources_of(records: Iterable[AssetRecord]) -> tuple[Aid, ...]:
    """The versions whose bytes lie in what is made of these: also what they hold themselves, to any depth. LimitExceeded."""
    found = tuple(dict.fromkeys(aid for record in records for aid in (record.aid, *record.sources)))
    if len(found) > SOURCES_MAX:
        raise LimitExceeded(f"Too many assets in one archive: at most {SOURCES_MAX}")
    return found


def as_shown(entries: Iterable[Entry], untouched: Order, policy: ResidencyPolicy | None) -> tuple[Entry, ...]:
    """For an archive that is kept, and delivered like any file: a picture lies in it as its own URL would show it, without
    metadata and redacted where the policy says so. `untouched`: the order that changes nothing.
    """

    def is_changed(record: AssetRecord) -> bool:
        strips = policy is None or policy.originals != AS_IS
        return strips or (policy is not None and bool(_redaction(policy, record, is_signed=False)))

    return tuple(
        replace(entry, order=untouched)
        if entry.order is None and entry.record.facts.format in CONTENT_TYPES and is_changed(entry.record)
        else entry
        for entry in entries
    )


def type_of(shown: Iterable[AssetRecord], originals: Iterable[AssetRecord], policy: ResidencyPolicy | None) -> str:
    """The delivery type of an archive that is kept: it is open to everybody only if all that lies in it is.

    `shown`: every asset with bytes in it. `originals`: those that lie in it as they are, which nobody can redact any more.
    Raises BadRequest for one that even signed URLs show redacted.
    """
    rules = policy.remote if policy is not None else RemoteRules()
    types = {
        "private" if record.name.delivery_type == "private" else "authenticated"
        for record in shown
        if record.access_control or needs_signature(record.name.delivery_type, rules)
    }
    for record in originals:
        if policy is not None and _redaction(policy, record, is_signed=True):
            raise BadRequest("The policy redacts an asset of this archive: it can be downloaded, but not kept")
        has_metadata = record.name.resource_type == "image" and (policy is None or policy.originals != AS_IS)
        if has_metadata or (policy is not None and _redaction(policy, record, is_signed=False)):
            types.add("authenticated")
    return min(types, default="upload")


def _redaction(policy: ResidencyPolicy, record: AssetRecord, *, is_signed: bool) -> str:
    return forced_effect(policy.redaction, record.name.public_id, is_signed=is_signed)


def _path(record: AssetRecord, order: Order | None, style: Style) -> str:
    folder, _, last = record.name.public_id.rpartition("/")
    extension = "" if record.name.resource_type == "raw" else record.facts.format
    if style.original_names and record.original_filename:
        raw_extension = last.rpartition(".")[2] if "." in last else ""
        last = record.original_filename + (
            f".{raw_extension}" if record.name.resource_type == "raw" and raw_extension else ""
        )
    folders = [] if style.flat or not folder else folder.split("/")
    if order is not None:
        extension = order.extension_of(record.facts) or extension
        said = "" if style.nameless_transformations else order.text.replace("/", "--")
        if said and style.flat_transformations:
            last = f"{last}_{said}"
        elif said:
            folders.append(said)
    parts = [_safe(part) for part in (*folders, last)]
    return "/".join(parts) + (f".{extension}" if extension else "")


def _safe(name: str) -> str:
    """One path segment that no program unpacks to somewhere else."""
    kept = "".join(char if unicodedata.category(char)[0] != "C" and char not in '/\\:*?"<>|' else "_" for char in name)
    return kept[:NAME_CHARS_MAX].strip(". ") or "file"


def _free(path: str, taken: set[str]) -> str:
    """The path, or with a number; case does not tell two files apart everywhere."""
    if path.casefold() not in taken:
        return path
    folder, slash, last = path.rpartition("/")
    stem, dot, extension = last.rpartition(".")
    if not stem:
        stem, dot, extension = last, "", ""
    number = 1
    while f"{folder}{slash}{stem}_{number}{dot}{extension}".casefold() in taken:
        number += 1
    return f"{folder}{slash}{stem}_{number}{dot}{extension}"
