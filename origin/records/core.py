"""What every part of the storage core stands on: the database, the keys, the stores, and how rows become records."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import structlog

from domicile.media.asset import DELIVERY_TYPES, RESOURCE_TYPES, Aid, AssetName, NameHash, folders_of
from domicile.media.errors import BadRequest, OutsideRegion
from domicile.media.keys import name_hash
from domicile.media.policy import Activity, Deny, Permit, Place, decide
from origin.catalogue.engine import Database
from origin.catalogue.port import AssetRow
from origin.catalogue.search_port import SearchIndex
from origin.catalogue.sql import SqlCatalogue
from origin.fenced import Leases
from origin.journal import Change, Journal
from origin.keyring import Keyring, aid_id
from origin.policy import Policies
from origin.records import placements
from origin.records.audit import AuditLog
from origin.records.documents import document_of
from origin.records.filtering import condition_of
from origin.records.probes import Probes
from origin.records.sealing import open_record
from origin.records.settings import RecordsSettings
from origin.records.types import AssetRecord, FencedState, Filter, MetadataValue
from origin.search.document import Document
from origin.search.query import Query
from origin.shield import Shield
from origin.store.port import BlobStore
from origin.tenants import Tenants

PUBLIC_ID_CHARACTERS_MAX = 255
TAG_CHARACTERS_MAX = 255

_UNSTORABLE = re.compile(r"[\0\ud800-\udfff]")

T = TypeVar("T")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """What became of doomed aids."""

    blobs: int
    """Sealed files that were there and are deleted."""
    sealed: bool
    """All keys are destroyed."""
    complete: bool
    """All keys are destroyed and all files deleted; otherwise it is tried again every minute."""
    root_before: int
    root_after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """Shared by the parts; see each field's own module."""

    settings: RecordsSettings
    database: Database
    journal: Journal
    catalogue: SqlCatalogue
    search: SearchIndex
    keyring: Keyring
    tenants: Tenants
    policies: Policies
    blobs: BlobStore
    leases: Leases
    shield: Shield
    audit: AuditLog
    now: Callable[[], float]
    put_back: asyncio.Event = field(default_factory=asyncio.Event)
    """The catalogue is older than what this process has in memory: it must end (see `origin.continuity`)."""
    undropped: set[tuple[Aid, str]] = field(default_factory=set)
    """Drafts (aid, tenant) whose row could not be reached when they were over; no more than uploads that failed then."""
    probes: Probes = field(default_factory=Probes)
    crawling: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held for each page of the crawler."""
    counting: set[tuple[str, str]] = field(default_factory=set)
    """Erasures (tenant, id) whose call has yet to write down what it has forgotten: nobody closes them meanwhile."""

    @property
    def place(self) -> Place:
        return Place(name="origin", region=self.settings.region)

    def permit(self, cloud: str, activity: Activity, place: Place | None = None) -> Permit:
        """Raises AssetNotFound (unknown cloud), OutsideRegion."""
        match decide(self.tenants.standing(cloud).policy, activity, place or self.place, at=self.now()):
            case Permit() as permit:
                return permit
            case Deny() as denied:
                raise OutsideRegion(f"the policy denies {denied.reason}")

    def accepts_pdf(self, cloud: str) -> bool:
        """Raises AssetNotFound for an unknown cloud."""
        policy = self.tenants.standing(cloud).policy
        return policy is not None and policy.pdf == "accept"

    def hash_name(self, name: AssetName) -> NameHash:
        """Raises AssetNotFound for an unknown cloud."""
        return self.hash_of(name.cloud, "name", name.text)

    def hash_of(self, cloud: str, kind: str, text: str) -> NameHash:
        return name_hash(self.tenants.standing(cloud).tenant.name_key, kind, text)

    def labels(self, record: AssetRecord) -> set[NameHash]:
        """Keyed hashes by which the asset can be selected: its tags, every folder around it, the persons that
        it is about, the name that people see.
        """
        cloud = record.name.cloud
        tags = {self.hash_of(cloud, "tag", tag) for tag in record.tags}
        folders = {self.hash_of(cloud, "folder", folder) for folder in folders_of(record.name)}
        return {*tags, *folders, *self.subjects(record), self.display_label(record)}

    def subjects(self, record: AssetRecord) -> set[NameHash]:
        """Keyed hashes of the persons that it is said to be about."""
        return {self.hash_of(record.name.cloud, "subject", subject) for subject in record.subject_ids}

    async def matching(self, tenant: str, where: Filter, *, limit: int, change: Change | None = None) -> list[str]:
        """The newest assets that match, at most `limit`. `change`: as that transaction sees them."""
        query = Query(tenant=tenant, condition=condition_of(where), limit=limit)
        return [hit.asset_id for hit in await self.search.find(query, change)]

    def document(self, record: AssetRecord) -> Document:
        """The asset as the search index sees it."""
        return document_of(record, subjects=self.subjects(record))

    def display_label(self, record: AssetRecord) -> NameHash:
        """Of the name that people see, in its asset folder."""
        return self.hash_of(record.name.cloud, "display", f"{record.folder}\0{record.shown_name}")

    def open(self, row: AssetRow) -> AssetRecord | None:
        """None when its key has gone, or that of a version whose bytes it holds: the asset is being forgotten."""
        data_key = self.keyring.of(row.aid)
        if data_key is None:
            return None
        record = open_record(row, data_key, region=self.settings.region)
        return None if any(self.keyring.of(source) is None for source in record.sources) else record

    def open_all(self, rows: Iterable[AssetRow]) -> list[AssetRecord]:
        return [record for row in rows if (record := self.open(row)) is not None]

    async def fenced(self, tenant: str, seq: int) -> FencedState:
        """Wait for edges as long as an API call may."""
        return await self.leases.wait(tenant, seq, wait_seconds=self.settings.ack_seconds_max)

    async def forget(self, doomed: Iterable[tuple[Aid, str]]) -> Forgotten:
        """Destroy the keys, then delete the bytes, of aids whose entry is committed. What fails stays doomed.

        Each aid by itself: a file that cannot be deleted keeps neither its own key alive nor another aid doomed.
        """
        aids = list(doomed)
        before, blobs, deleted = self.keyring.root_number, 0, list[Aid]()
        sealed = await self._tried(self.keyring.puncture(aid_id(aid) for aid, _ in aids)) is not None
        for aid, tenant in aids:
            there = await self._tried(self.blobs.delete(tenant, aid))
            blobs += there or 0
            if there is not None:
                deleted.append(aid)
        complete = sealed and len(deleted) == len(aids)
        if sealed:
            await self._tried(self._undoom(deleted))
        if not complete:
            log.warning("forgetting_unfinished", aids=len(aids), keys_destroyed=sealed, blobs_deleted=len(deleted))
        return Forgotten(
            blobs=blobs, sealed=sealed, complete=complete, root_before=before, root_after=self.keyring.root_number
        )

    async def _undoom(self, aids: Sequence[Aid]) -> None:
        async with self.database.write() as connection:
            await placements.forgotten(connection, aids, now=self.now())
            await self.catalogue.undoom(connection, aids)

    async def _tried(self, step: Awaitable[T]) -> T | None:
        """The result of one step of forgetting; None when it failed, which is logged and must not stop the next step."""
        try:
            return await step
        except Exception as failed:  # noqa: BLE001 - a database, a disk or a store: the aid stays doomed
            log.warning("forgetting_failed", error=type(failed).__name__)
            return None

    async def forget_and_wait(self, tenant: str, seq: int, aids: Iterable[Aid]) -> tuple[Forgotten, FencedState]:
        """Both at once: destroying keys and waiting for edges do not depend on each other."""
        async with asyncio.TaskGroup() as both:
            forgotten = both.create_task(self.forget([(aid, tenant) for aid in aids]))
            fenced = both.create_task(self.fenced(tenant, seq))
        return forgotten.result(), fenced.result()


def check_name(name: AssetName) -> None:
    """Raises BadRequest for a name that no URL could mean or no database could hold."""
    if name.resource_type not in RESOURCE_TYPES or name.delivery_type not in DELIVERY_TYPES:
        raise BadRequest(f"Invalid type {name.resource_type}/{name.delivery_type}")
    if not 0 < len(name.public_id) <= PUBLIC_ID_CHARACTERS_MAX or _UNSTORABLE.search(name.public_id):
        raise BadRequest("Invalid public_id")


def check_texts(texts: Iterable[str]) -> None:
    """Tags, context and the like. Raises BadRequest."""
    if any(_UNSTORABLE.search(text) for text in texts):
        raise BadRequest("Invalid characters")


def texts_of(metadata: Mapping[str, MetadataValue]) -> Iterator[str]:
    """Everything in it that is a text."""
    for name, value in metadata.items():
        yield name
        yield from [value] if isinstance(value, str) else value if isinstance(value, list) else []


def check_tags(tags: Iterable[str]) -> None:
    """Raises BadRequest."""
    check_texts(tags)
    if any(not 0 < len(tag) <= TAG_CHARACTERS_MAX for tag in tags):
        raise BadRequest("Invalid tag")
