"""The manifest of an export for a person: what is told of each version, in the words of the API. Decides only.

One object of JSON. Of an asset that is about other persons, too, no more is told than that it is there, unless the caller
has decided to hand those out; who the others are is never told, only how many.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from domicile.media.access import write_access_control
from domicile.media.asset import Aid
from domicile.media.policy import ResidencyPolicy
from domicile.media.subject_export import HELD, NOTHING_HELD, TYPE
from origin.api.answers import instant
from origin.api.coordinates import told as coordinates_of
from origin.records import AssetRecord, HeldVersion, Plan, RenditionRecord
from origin.records.exports import SALT_HEX_BYTES
from origin.records.subjects import VERSIONS_MAX

RENDITIONS_TOLD_MAX = 50
"""Of one version, by transformation; the count is of all that are known."""
TEXT_BYTES_MAX = 16 * 1024 * 1024
"""Of all entries, beyond which renditions and recipients are only counted."""


class LeftOut(StrEnum):
    """Why a file is not there although its version is."""

    SHARED = "shared"
    """It is about other persons, too."""
    REDACTED = "redacted"
    """The policy redacts what links show, so that its original goes to the secret itself alone."""
    CUT_OFF = "cut_off"
    """It was erased while it was handed out: what is there of it is not whole."""
    UNREADABLE = "unreadable"
    """Its sealed file is damaged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileTold:
    """A file beside the manifest."""

    path: str
    sha256: str
    body_bytes: int

    def to_mapping(self) -> dict[str, Any]:
        return {"path": self.path, "sha256": self.sha256, "bytes": self.body_bytes}


@dataclass(slots=True)
class Manifest:
    """Grows with the export; entries are kept as the text that they become."""

    entries: list[str] = field(default_factory=list)
    gone: list[Aid] = field(default_factory=list)
    text_bytes: int = 0

    @property
    def is_full(self) -> bool:
        return self.text_bytes >= TEXT_BYTES_MAX

    def add(self, entry: Mapping[str, Any]) -> None:
        text = to_json(entry)
        self.text_bytes += len(text)
        self.entries.append(text)

    def encoded(self, head: Mapping[str, Any]) -> bytes:
        """`head`: everything but the assets."""
        gone = [{"version_id": aid} for aid in self.gone]
        rest = to_json({**head, "gone": gone, "outcome": HELD if self.entries or gone else NOTHING_HELD, "type": TYPE})
        return ('{"assets":[\n' + ",\n".join(self.entries) + "],\n" + rest[1:] + "\n").encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What belongs to a version besides its record."""

    renditions: Sequence[RenditionRecord] = ()
    recipients: Sequence[Mapping[str, Any]] = ()
    is_counted_only: bool = False


def entry_of(
    held: HeldVersion, told: Told, *, others: int, file: FileTold | None, left_out: LeftOut | None
) -> dict[str, Any]:
    """One version."""
    record = held.record
    entry: dict[str, Any] = {
        "asset_id": record.asset_id,
        "version_id": record.aid,
        "state": held.state,
        "about_others": others,
        "file": file.to_mapping() if file else None,
    }
    if left_out is not None:
        entry["left_out"] = str(left_out)
    if left_out is LeftOut.SHARED:
        return entry
    listed = [] if told.is_counted_only else told.renditions[:RENDITIONS_TOLD_MAX]
    entry |= {
        **_record(record),
        "ended_at": None if held.ended_at is None else instant(held.ended_at),
        "renditions": {"known": len(told.renditions), "listed": [_rendition(one) for one in listed]},
        "recipients": [] if told.is_counted_only else list(told.recipients),
    }
    return entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """Who says it, when, and under which policy."""

    cloud: str
    region: str
    policy: ResidencyPolicy | None
    policy_revision: int
    now: float


def head_of(
    plan: Plan, issuer: Issuer, *, salt: str, export_id: str | None, leaf: int | None, readme: FileTold | None
) -> dict[str, Any]:
    """What is said of the export as a whole."""
    return {
        "cloud": issuer.cloud,
        "subject_id": plan.subject_id,
        "export_id": export_id,
        "issued_at": instant(issuer.now),
        "region": issuer.region,
        "journal": {"epoch": plan.head.epoch, "seq": plan.head.seq, "chain": plan.head.chain},
        "policy": _policy(issuer),
        "multi_subject": "include" if plan.includes_shared else "leave_out",
        "part": {"after": plan.after, "next_cursor": plan.next_cursor, "versions_max": VERSIONS_MAX},
        "audit_log": {"begun": leaf},
        "salt": salt,
        "readme": readme.to_mapping() if readme else None,
    }


def _policy(issuer: Issuer) -> dict[str, Any]:
    policy, revision = issuer.policy, issuer.policy_revision
    if policy is None:
        return {"revision": revision}
    return {
        "revision": revision,
        "version": policy.version,
        "zones": {str(activity): list(zones) for activity, zones in sorted(policy.zones.items())},
        "retention": {"backup_days": policy.backups.days},
        "lifetimes": {
            "browser_seconds_max": policy.lifetimes.browser_seconds_max,
            "shared_seconds_max": policy.lifetimes.shared_seconds_max,
        },
    }


def _record(record: AssetRecord) -> dict[str, Any]:
    name, facts = record.name, record.facts
    return {
        "public_id": name.public_id,
        "resource_type": name.resource_type,
        "type": name.delivery_type,
        "asset_folder": record.folder,
        "display_name": record.shown_name,
        "original_filename": record.original_filename,
        "uploaded_at": instant(record.created_at),
        "format": facts.format,
        "width": facts.width,
        "height": facts.height,
        "bytes": record.body_bytes,
        "etag": facts.md5,
        "tags": list(record.tags),
        "context": dict(record.context),
        "metadata": dict(record.metadata),
        "image_metadata": dict(record.analysis.metadata or {}),
        "access_control": write_access_control(record.access_control),
        "moderation": [{"kind": one.kind, "status": one.status} for one in record.moderation],
        "related_asset_ids": list(record.related),
        **coordinates_of(record.coordinates),
    }


def _rendition(rendition: RenditionRecord) -> dict[str, Any]:
    return {
        "transformation": rendition.transformation,
        "format": rendition.format,
        "width": rendition.width,
        "height": rendition.height,
        "bytes": rendition.body_bytes,
    }


def to_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def new_salt() -> str:
    """Without it, a hash of a manifest could be compared with hashes of guesses."""
    return secrets.token_hex(SALT_HEX_BYTES)


def readme_of(issuer: Issuer) -> str:
    """For a person, who may know nothing of this."""
    return "\n".join(_readme(issuer)) + "\n"


def _readme(issuer: Issuer) -> Iterator[str]:
    yield f'Pictures and files that the service "{issuer.cloud}" holds about you'
    yield f"Made on {instant(issuer.now)[:10]} in the region {issuer.region}."
    yield ""
    yield "files/          your pictures and other files, as they were uploaded"
    yield "manifest.json   what is known about each of them; any text editor shows it"
    yield "manifest.json.sig   a signature over manifest.json"
    yield ""
    yield "In manifest.json:"
    yield '  assets        one entry for each version of each file. "file" names it, with its SHA-256.'
    yield '  about_others  how many other people a file is said to show. Where "left_out" is "shared", the file is'
    yield "                not in here because of them; whoever sent you this can tell you more."
    yield "  recipients    who was told of it, or was given it, as far as this service knows"
    yield "  renditions    other sizes and crops that were made of it"
    yield "  gone          what was deleted between your request and the making of this file"
    yield "  part          if next_cursor is not empty, there is more than fits in here: ask for the next part"
    yield ""
    yield "To check that nothing was changed: domicile verify THIS_FILE.zip --keys KEYS.json, with the keys that the service"
    yield "publishes. Why your data is kept, on what grounds, and which rights you have is not written in here: whoever sent"
    yield "you this has to tell you."
