"""The values that cross the seam between the HTTP face of the origin and its storage core.

Times are Unix seconds (float); sizes are bytes; nothing here does I/O. Errors are those of `domicile.media.errors`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from domicile.media.access import AccessRule
from domicile.media.analysis import NOTHING, Analysis
from domicile.media.asset import Aid, AssetId, AssetName, NameHash
from domicile.media.coordinates import NOWHERE, Coordinates
from domicile.media.facts import SourceFacts
from domicile.media.journal import Head
from domicile.media.statement import ErasureStatement
from domicile.media.strict import SPELLED_OUT
from origin.records.tenant import Tenant

__all__ = [
    "AssetRecord",
    "Committed",
    "Draft",
    "ErasureStatement",
    "FencedState",
    "Fencing",
    "Filter",
    "MetadataValue",
    "Moderation",
    "Named",
    "NamedCommitted",
    "NewAsset",
    "Page",
    "Removed",
    "RemovedMany",
    "RenditionRecord",
    "SealedBlob",
    "Tenant",
]


NO_KEY = NameHash("")

MetadataValue = str | int | list[str]
"""A text (also a date, or the external_id of a choice), a number, or external_ids of several choices."""


class Moderation(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody shall look at it, or has."""

    kind: str
    """"manual"."""
    status: str
    """"pending", "approved" or "rejected"; it changes nothing about delivery."""
    updated_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An upload that has a durable key and no name yet. Nothing is visible until `commit_upload`."""

    tenant: str
    aid: Aid
    data_key: bytes = field(repr=False)
    """32 bytes, already durable in the keyring."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAsset:
    """What an upload wants to become."""

    name: AssetName
    facts: SourceFacts
    """`facts.body_bytes` and `facts.md5` describe the bytes given to `put_original`."""
    tags: tuple[str, ...] = ()
    context: Mapping[str, str] = field(default_factory=dict)
    folder: str = ""
    """The API's `asset_folder`: where a person put it; says nothing about the public_id."""
    display_name: str = ""
    """A name for people; empty: the last segment of the public_id."""
    original_filename: str = ""
    coordinates: Coordinates = NOWHERE
    analysis: Analysis = NOTHING
    metadata: Mapping[str, MetadataValue] = field(default_factory=dict)
    subject_ids: tuple[str, ...] | None = field(default=None, repr=False)
    """Whom it is about. None: as it was, if this replaces another version; nobody is forgotten by leaving a word out."""
    moderation: tuple[Moderation, ...] = ()
    sources: tuple[Aid, ...] = ()
    """Other versions whose bytes it holds: its original is sealed under the keys of all of them, too."""
    unique_display_name: bool = False
    """Refuse it when another asset of the folder has the same name for people."""
    access_control: tuple[AccessRule, ...] | None = None
    """None: as it was, if this replaces another version; no overwriting opens what was closed by leaving a word out."""
    renews: bool = False
    """The same picture, newer: what its owner has said of the version that it replaces stays."""
    related: tuple[AssetId, ...] = ()
    """Where it replaces no version."""
    backup: bool = False
    """Keep it under retention when it is deleted or replaced."""
    restores: Aid | None = None
    """The version under retention that this is made of: it becomes one of the same asset, if nothing has changed meanwhile."""
    is_brought: bool = False
    """It came because somebody asked for it, and not from its owner: dropped, with AssetNotFound, if it was erased before, or is
    restricted.
    """
    brought_beside: tuple[AssetName, ...] = field(default=(), repr=False)
    """Other names by which the same may be brought: what was erased by one of them does not come by another."""
    instead_of: Aid | None = None
    """Only in the place of this version: when that has gone meanwhile, the upload is dropped and raises AssetNotFound."""
    pieces: tuple[Aid, ...] = ()
    """Of an upload in chunks, that it was put together from: they go with the commit, as the same bytes under other keys."""
    overwrite: bool = True
    """False: when the name is taken, the upload is dropped and the existing record comes back (`existing=True`)."""
    created_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetRecord:
    """One named asset with its current version. Plaintext: memory only, never logged."""

    asset_id: AssetId
    aid: Aid
    """The API's `version_id`."""
    name: AssetName
    version: int
    """The API's `version`: Unix seconds of the upload of this version; it grows with every overwrite."""
    facts: SourceFacts
    tags: tuple[str, ...] = ()
    context: Mapping[str, str] = field(default_factory=dict)
    folder: str = ""
    display_name: str = ""
    original_filename: str = ""
    coordinates: Coordinates = NOWHERE
    """Where its faces are, and which part of it matters, as somebody said."""
    analysis: Analysis = NOTHING
    """What was told of this version when somebody asked."""
    metadata: Mapping[str, MetadataValue] = field(default_factory=dict)
    """Structured metadata: values by the external_id of their fields."""
    subject_ids: tuple[str, ...] = field(default=(), repr=False)
    """Whom it is about, as the owner names people. Outside of its sealed record only keyed hashes of them are kept."""
    moderation: tuple[Moderation, ...] = ()
    sources: tuple[Aid, ...] = ()
    """Other versions whose bytes it holds; when one of them goes, so does it."""
    access_control: tuple[AccessRule, ...] = ()
    """Who may see it, and when; empty: everybody whom its delivery type lets."""
    related: tuple[AssetId, ...] = ()
    """Other assets that belong to it, as its owner said; some may be no more."""
    backup: bool = False
    """Its owner wants this version kept under retention when it is deleted or replaced."""
    created_at: float
    """When this version was uploaded."""

    @property
    def body_bytes(self) -> int:
        return self.facts.body_bytes

    @property
    def shown_name(self) -> str:
        """The name for people."""
        return self.display_name or self.name.public_id.rpartition("/")[2]

    @property
    def openness(self) -> tuple[str, tuple[AccessRule, ...]]:
        """All that says who may see it."""
        return self.name.delivery_type, self.access_control

    @property
    def access_mode(self) -> str:
        """What the API says: private originals need a signature too, and still count as "public" there."""
        return "authenticated" if self.name.delivery_type == "authenticated" else "public"


class Fencing(StrEnum):
    """FENCED: no edge can serve what the entry removed. PENDING: some edge has neither acked nor lost its lease."""

    FENCED = "fenced"
    PENDING = "pending"


@dataclass(frozen=True, slots=True, kw_only=True)
class FencedState:
    """How far an entry has come. `acked + suspended + waiting` = edge instances that were registered for the tenant."""

    state: Fencing
    acked: int
    """Instances that said they have applied the entry and drained its responses."""
    suspended: int
    """Instances whose lease has run out: they serve nothing."""
    waiting: int
    """Instances that may still serve the old bytes; 0 when fenced."""
    seconds_left_max: float = 0.0
    """When everything is over at the latest, even if no instance speaks again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """An upload, a rename or a change of type that is durable."""

    record: AssetRecord
    existing: bool = False
    """`overwrite` was false and the name was taken: `record` is the old one, nothing changed."""
    overwritten: bool = False
    """Another version lost the name; its key and bytes are gone, or it is under retention."""
    head: Head
    """The journal's head right after this change."""
    fenced: FencedState


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """One asset that was deleted."""

    name: AssetName
    asset_id: AssetId
    aid: Aid
    renditions: int
    """Renditions that edges had reported."""
    kept: bool = False
    """It is under retention, and can be restored."""
    head: Head
    fenced: FencedState


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedMany:
    """Answer of a bulk delete."""

    removed: tuple[Removed, ...]
    missing: tuple[AssetName, ...] = ()
    """Names that were asked for one by one and do not exist."""
    more: bool = False
    """More assets match than one call deletes (DELETE_ASSETS_MAX): call again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of a listing."""

    records: tuple[AssetRecord, ...]
    next_cursor: str | None = None
    """Opaque, holds no name; None on the last page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Conditions on assets of one tenant, all together; None does not filter."""

    resource_type: str | None = None
    delivery_type: str | None = None
    prefix: str | None = None
    """Any text that the public_id starts with (not cut at "/")."""
    tag: str | None = None
    public_ids: tuple[str, ...] | None = None
    context: tuple[str, str | None] | None = None
    """A key, and the value that it has; None: any."""
    moderation: tuple[str, str] | None = None
    """Kind and status."""
    in_folder: str | None = None
    """Right in this asset folder."""
    folder: str | None = None
    """In this asset folder, or in one below it."""
    field: str | None = None
    """With a value of this metadata field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenditionRecord:
    """One rendition that an edge said it had made."""

    transformation: str
    format: str
    width: int
    height: int
    body_bytes: int
    key: NameHash = NO_KEY
    """Keyed hash of transformation and format, where it was read; tells it from the others of its version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedBlob:
    """A range of a sealed original, as it lies on the store. `pieces` holds `end - start` bytes; consume it once."""

    tenant: str
    total_bytes: int
    """Size of the whole sealed file."""
    start: int
    end: int
    """Half-open: [start, end)."""
    epoch: int
    sequence: int
    """The journal's head when the aid was checked to be live: what the bytes are fresh for."""
    pieces: AsyncIterator[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A transformation with a name of its own."""

    name: str
    """Or, of one that has none and is only allowed for strict transformations, its text behind SPELLED_OUT."""
    text: str
    """Canonical; its variables may be set by who uses it."""
    allowed_for_strict: bool
    created_at: float

    @property
    def is_spelled_out(self) -> bool:
        return self.name.startswith(SPELLED_OUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedCommitted:
    """A change of one, and how far edges know of it."""

    head: Head
    fenced: FencedState
