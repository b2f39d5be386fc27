"""The JSON that SDKs get: records in, plain dicts out; no I/O, no clock. Shapes: cloudinary-compat 4."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from domicile.media.access import write_access_control
from domicile.media.facts import SourceFacts
from domicile.media.film import Film
from domicile.media.journal import Head
from domicile.media.signature import Digest, sign_answer
from origin.api.coordinates import told
from origin.delivery_url import delivery_url
from origin.records import AssetRecord, Committed, FencedState, Fencing, Page, Removed, RemovedMany, RenditionRecord

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where this tenant's media is delivered, and the secret that answers and URLs are signed with."""

    base: str
    secure_base: str
    api_secret: str = field(repr=False)
    digest: Digest = Digest.SHA1
    """How `signature` is made: as the call was signed, because that is how its SDK checks it."""
    signs_urls: bool = True
    """Not for strangers: a URL's signature binds neither resource type nor delivery type, so that whoever may choose names and
    gets them signed could read whatever needs a signature.
    """

    @property
    def url_secret(self) -> str:
        return self.api_secret if self.signs_urls else ""


def instant(seconds: float) -> str:
    """`2026-11-24T04:20:51Z`."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def uploaded(done: Committed, address: Address, *, api_key: str) -> Json:
    """Answer of an upload: the asset, and how far the purge of what it replaced has come."""
    answer = stored(done.record, address)
    if api_key:
        answer["api_key"] = api_key
    if done.existing:
        answer["existing"] = True
    else:
        answer["overwritten"] = done.overwritten
    return answer | changed(done)


def found_by_stranger(record: AssetRecord, address: Address) -> Json:
    """Answer of an unsigned upload under a name that is taken: which asset is there, and nothing that its owner said of it."""
    answer = asset(record, address)
    return {name: answer[name] for name in _TOLD_TO_STRANGERS} | {"existing": True}


_TOLD_TO_STRANGERS = (
    "asset_id",
    "public_id",
    "version",
    "version_id",
    "signature",
    "resource_type",
    "type",
    "placeholder",
    "url",
    "secure_url",
)


def stored(record: AssetRecord, address: Address) -> Json:
    """The asset, as the answer of its upload tells it."""
    name = record.original_filename or record.name.public_id.rsplit("/", 1)[-1]
    return {**asset(record, address), "original_filename": name}


def changed(done: Committed) -> Json:
    """The extra field of everything that moves the journal; clients ignore fields that they do not know."""
    return {} if done.existing else {"domicile": progress(done.head, done.fenced)}


def asset(record: AssetRecord, address: Address) -> Json:
    """What an upload and an Admin look-up have in common."""
    name, facts = record.name, record.facts
    return {
        "asset_id": record.asset_id,
        "public_id": name.public_id,
        "version": record.version,
        "version_id": record.aid,
        "signature": sign_answer(name.public_id, record.version, address.api_secret, digest=address.digest),
        **_picture(record),
        "resource_type": name.resource_type,
        "created_at": instant(record.created_at),
        "tags": list(record.tags),
        "bytes": record.body_bytes,
        "type": name.delivery_type,
        "etag": facts.md5,
        "placeholder": False,
        **_addresses(record, address),
        **_folders(record),
        "access_mode": record.access_mode,
        **_context(record),
        **({"metadata": dict(record.metadata)} if record.metadata else {}),
        **moderation_of(record),
        **told(record.coordinates),
        **access_of(record),
    }


def access_of(record: AssetRecord) -> Json:
    """Who may see it, and when, if that was said."""
    return {"access_control": write_access_control(record.access_control)} if record.access_control else {}


def listed(record: AssetRecord, address: Address, also: Collection[str] = ()) -> Json:
    """One row of an Admin listing. `also`: of `tags context metadata moderations`, which are told only where asked for."""
    row: Json = {
        "asset_id": record.asset_id,
        "public_id": record.name.public_id,
        **_picture(record),
        "version": record.version,
        "resource_type": record.name.resource_type,
        "type": record.name.delivery_type,
        "created_at": instant(record.created_at),
        "bytes": record.body_bytes,
        "etag": record.facts.md5,
        **_folders(record),
        "access_mode": record.access_mode,
        **_addresses(record, address),
    }
    if "tags" in also:
        row["tags"] = list(record.tags)
    if "context" in also:
        row |= _context(record)
    if "metadata" in also:
        row["metadata"] = dict(record.metadata)
    if "moderations" in also:
        row |= moderation_of(record)
    return row


def page(found: Page, address: Address, also: Collection[str] = ()) -> Json:
    """A listing; `next_cursor` only when there is more."""
    rows = [listed(record, address, also) for record in found.records]
    return {"resources": rows} | ({"next_cursor": found.next_cursor} if found.next_cursor else {})


def detailed(
    record: AssetRecord, renditions: Sequence[RenditionRecord], address: Address, *, with_coordinates: bool = False
) -> Json:
    """One asset in full, with the renditions that edges have made."""
    answer = asset(record, address)
    answer.pop("placeholder")
    answer["tags"] = sorted(record.tags)
    if not record.tags:
        answer.pop("tags")
    if not with_coordinates:
        answer.pop("coordinates", None)
    answer["derived"] = [derived_of(record, rendition, address) for rendition in renditions]
    return answer


def derived_of(record: AssetRecord, rendition: RenditionRecord, address: Address) -> Json:
    urls = {}
    for key, base in (("url", address.base), ("secure_url", address.secure_base)):
        plain = delivery_url(base, record.name, version=record.version, extension=rendition.format, api_secret="")
        head, _, tail = plain.rpartition(f"/v{record.version}/")
        urls[key] = "/".join(part for part in (head, rendition.transformation, f"v{record.version}", tail) if part)
    return {
        "id": f"{record.aid}{rendition.key}",
        "transformation": rendition.transformation,
        "format": rendition.format,
        "width": rendition.width,
        "height": rendition.height,
        "bytes": rendition.body_bytes,
        **urls,
    }


def names_of(record: AssetRecord) -> Json:
    """By which an asset is told from others."""
    name = record.name
    return {"public_id": name.public_id, "resource_type": name.resource_type, "type": name.delivery_type}


def destroyed(removed: Removed | None) -> Json:
    """Answer of `destroy`."""
    if removed is None:
        return {"result": "not found"}
    return {"result": "ok", "domicile": progress(removed.head, removed.fenced)}


def deleted(many: RemovedMany, *, asked_by_id: Sequence[str] = ()) -> Json:
    """Answer of a bulk delete. `asked_by_id`: asset ids, when the caller named those; answers are keyed alike."""
    by_id = bool(asked_by_id)
    keys = [str(item.asset_id) if by_id else item.name.public_id for item in many.removed]
    result = dict.fromkeys(keys, "deleted")
    for missing in asked_by_id if by_id else [name.public_id for name in many.missing]:
        result.setdefault(missing, "not_found")
    counts = {key: {"original": 1, "derived": item.renditions} for key, item in zip(keys, many.removed, strict=True)}
    answer: Json = {"deleted": result, "deleted_counts": counts, "partial": many.more}
    if many.removed:
        last = max(many.removed, key=lambda item: item.head.seq)
        answer["domicile"] = progress(last.head, last.fenced)
    return answer


def progress(head: Head, fenced: FencedState) -> Json:
    """How far a change has come: past `fenced`, no edge can serve what it removed."""
    return {
        "sequence": head.seq,
        "epoch": head.epoch,
        "fenced": fenced.state is Fencing.FENCED,
        "edges": {"acked": fenced.acked, "suspended": fenced.suspended, "waiting": fenced.waiting},
        "seconds_left_max": round(fenced.seconds_left_max, 3),
    }


def _addresses(record: AssetRecord, address: Address) -> Json:
    def url(base: str) -> str:
        return delivery_url(
            base,
            record.name,
            version=record.version,
            extension=extension_of(record),
            api_secret=address.url_secret,
        )

    return {"url": url(address.base), "secure_url": url(address.secure_base)}


def extension_of(record: AssetRecord) -> str:
    """What a delivery URL ends in; a raw file's name says its own."""
    return "" if record.name.resource_type == "raw" else record.facts.format


def _picture(record: AssetRecord) -> Json:
    """What only a picture has, or a film."""
    if record.name.resource_type == "raw":
        return {}
    facts = record.facts
    if facts.film is not None:
        return _film(facts, facts.film)
    return {"width": facts.width, "height": facts.height, "format": facts.format, "pages": facts.frames}


def _film(facts: SourceFacts, film: Film) -> Json:
    """What only a film has, or a sound, which is one without pictures."""
    answer: Json = {"format": facts.format, "is_audio": not film.video_codec, "duration": round(film.duration, 3)}
    if film.duration:
        answer["bit_rate"] = round(facts.body_bytes * 8 / film.duration)
    if film.video_codec:
        answer |= {"width": facts.width, "height": facts.height, "rotation": film.rotation}
        answer |= {"frame_rate": round(film.frame_rate, 3), "video": {"codec": film.video_codec}}
    if film.audio_codec:
        audio = {"codec": film.audio_codec, "frequency": film.frequency, "channels": film.channels}
        answer["audio"] = audio
    return answer


def _folders(record: AssetRecord) -> Json:
    folder = record.name.public_id.rpartition("/")[0]
    return {
        "folder": folder,
        "asset_folder": record.folder,
        "display_name": record.shown_name,
    }


def _context(record: AssetRecord) -> Json:
    return {"context": {"custom": dict(record.context)}} if record.context else {}


def moderation_of(record: AssetRecord) -> Json:
    """What somebody said of it who looked, or shall."""
    said = [
        {"kind": one.kind, "status": one.status, "updated_at": instant(one.updated_at)} for one in record.moderation
    ]
    return {"moderation": said} if said else {}
