"""The seam: everything the HTTP face of the origin may ask of its storage core.

    async with Records.open(settings) as records:
        draft = await records.mint("demo")
        await records.put_original(draft, body, records.permit("demo", Activity.STORE))
        done = await records.commit_upload(draft, NewAsset(...))

Every method is safe to cancel: what has begun to commit is finished. All raise kinds of `MediaError`:
AssetNotFound, AssetExists, BadRequest, BadSignature, OutsideRegion, OutOfScope, Replayed, Overloaded.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from domicile.media.asset import Aid, AssetName
from domicile.media.policy import Permit
from origin.records.afterwards import Afterwards, Leave, nothing
from origin.records.api_keys import ApiKeys
from origin.records.bodies import Body
from origin.records.cases import Cases
from origin.records.chunks import Chunks
from origin.records.cloud_side import CloudSide
from origin.records.core import Core
from origin.records.deletes import Deletes, entries_of
from origin.records.derived import Derived
from origin.records.exports import Exports
from origin.records.fetched import FetchedNames
from origin.records.folder_search import search_folders
from origin.records.folders import Folders
from origin.records.forgetting_side import ForgettingSide
from origin.records.metadata_fields import metadata_fields_of
from origin.records.metadata_rules import metadata_rules_of
from origin.records.named import NamedTransformations
from origin.records.names import Edit, Names
from origin.records.nonces import Once
from origin.records.opening import SYSTEM_CLOCKS, Clocks, opened
from origin.records.polled import Polled
from origin.records.presets import presets_of
from origin.records.reading_side import ReadingSide
from origin.records.recipients import Recipients
from origin.records.restores import Backups
from origin.records.searches import FolderPage, Search
from origin.records.settings import RecordsSettings
from origin.records.spool import Spool
from origin.records.subjects import Subjects
from origin.records.tasks import EAGER, NOTICE, NewTask, Says, Tasks, Word
from origin.records.token_keys import TokenKeys
from origin.records.transformations import UsedTransformations
from origin.records.triggers import triggers_of
from origin.records.types import AssetRecord, Committed, Draft, Filter, NewAsset, Removed, RemovedMany
from origin.records.upload_mappings import upload_mappings_of
from origin.records.uploads import Uploads
from origin.records.wire_side import WireSide


class Records(CloudSide, ReadingSide, WireSide, ForgettingSide):
    """The storage core of one origin process."""

    def __init__(self, core: Core) -> None:
        CloudSide.__init__(self, core)
        WireSide.__init__(self, core)
        ReadingSide.__init__(self, core, self._edges, self._renditions)
        ForgettingSide.__init__(self, core)
        afterwards = Afterwards(core, self._renditions)
        self._uploads = Uploads(core, afterwards)
        self.chunks = Chunks(core, self._uploads)
        self.backups = Backups(core, self._uploads)
        self.spool = Spool(core)
        self._names = Names(core, afterwards)
        self._deletes = Deletes(core)
        self.derived = Derived(core, self._deletes)
        self.named = NamedTransformations(core)
        self.transformations = UsedTransformations(core, self._renditions)
        self.token_keys = TokenKeys(core)
        self.api_keys = ApiKeys(core)
        self.fetched = FetchedNames(core)
        self.presets = presets_of(core)
        self.metadata_fields = metadata_fields_of(core)
        self.metadata_rules = metadata_rules_of(core)
        self.folders = Folders(core, self._names)
        self.triggers = triggers_of(core)
        self.upload_mappings = upload_mappings_of(core)
        self.subjects = Subjects(core)
        self.exports = Exports(core)
        self.recipients = Recipients(core)
        self.cases = Cases(core, self._words)
        self.notices = Tasks(core, NOTICE)
        self.polled = Polled(core)
        self.eager = Tasks(core, EAGER)

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: RecordsSettings, clocks: Clocks = SYSTEM_CLOCKS) -> AsyncIterator[Records]:
        """Lock DATA, migrate the catalogue, read the keyring, finish what a crash left half done, serve.

        Raises BadSetting when DATA is held by another process, the keys directory lies inside DATA or is readable by
        others, or DATA belongs to another region; PolicyError for a policy file that is none.
        """
        async with opened(settings, clocks) as core:
            records = cls(core)
            await records.cdn_purges.catch_up()
            await records.holds_told()
            yield records

    @property
    def put_back(self) -> asyncio.Event:
        """Set when the catalogue turned out to be older than what this process knows: it must end."""
        return self._core.put_back

    # --- uploads ------------------------------------------------------------------------------------------------

    async def mint(self, tenant: str) -> Draft:
        """A fresh aid whose key is durable in the keyring. A draft that is never committed is removed at start."""
        return await self._uploads.mint(tenant)

    async def put_original(self, draft: Draft, body: bytes | Body, permit: Permit, sources: Sequence[Aid] = ()) -> None:
        """Seal the bytes under the draft's key, and those of `sources`, and make them durable. `permit`: Activity.STORE.

        Whole or not there. Overloaded: the disk has no room; UpstreamUnavailable; and what reading the body raises.
        """
        await self._uploads.put_original(draft, body, permit, sources)

    async def commit_upload(
        self, draft: Draft, asset: NewAsset, *, once: Once | None = None, leave: Leave = nothing
    ) -> Committed:
        """Give the draft its name, in one transaction with the journal entry and with what `leave` says is to be done
        afterwards; a replaced version ends as an erase.

        AssetExists: the display name must be the only one of its folder, and is not. Replayed: what this signature made under that name was deleted or replaced since.
        Waits up to `ack_seconds_max` for edges; look at `fenced` for how far it came.
        """
        return await self._uploads.commit(draft, asset, once=once, leave=leave)

    async def discard(self, draft: Draft) -> None:
        """Forget a draft that will not be committed: key and bytes."""
        await self._uploads.discard(draft)

    async def search_folders(self, tenant: str, asked: Search) -> FolderPage:
        """The same for folders. BadRequest."""
        return await search_folders(self._core, self.folders, tenant, asked)

    # --- changing -----------------------------------------------------------------------------------------------

    async def edit(
        self,
        names: Sequence[AssetName],
        edit: Edit,
        *,
        once: Once | None = None,
        waits: bool = True,
        leave: Leave = nothing,
        unique_display_name: bool = False,
    ) -> Committed:
        """Change name, tags or context of the first of `names` that exists; `edit` gets the record under the lock.

        `waits` False: for one change of many, when the caller waits for the last of them (`fenced`).
        AssetNotFound; AssetExists when it moves to a name that is taken, or `unique_display_name` and another asset of its
        folder has its name for people; Replayed.
        """
        return await self._names.edit(
            names, edit, once=once, waits=waits, leave=leave, unique_display_name=unique_display_name
        )

    async def edit_where(self, tenant: str, where: Filter, edit: Edit) -> int:
        """Change all that match in a way that leaves none that matches; how many there were. For values that no edge reads:
        it waits for none of them.
        """
        return await self._names.edit_where(tenant, where, edit)

    async def rename(
        self,
        old: AssetName,
        new_public_id: str,
        *,
        to_type: str | None = None,
        overwrite: bool = False,
        once: Once | None = None,
        edit: Edit = lambda record: record,
        leave: Leave = nothing,
    ) -> Committed:
        """Move the name, and make `edit` of the rest. AssetNotFound; AssetExists when the new name is taken and
        `overwrite` is false; Replayed.
        """
        new = replace(old, public_id=new_public_id, delivery_type=to_type or old.delivery_type)

        def moved(record: AssetRecord) -> AssetRecord:
            return replace(edit(record), name=new)

        return await self._names.edit([old], moved, overwrite=overwrite, once=once, leave=leave)

    async def destroy(
        self,
        name: AssetName,
        *,
        once: Once | None = None,
        says: Says | None = None,
    ) -> Removed | None:
        """Delete: the name is free, caches are purged, key and bytes are gone. None when there is no such asset.

        `says`: what is to be told of it, by tasks that have a key of their own.
        """
        if says is None:
            return await self._deletes.destroy(name, once=once, word=None)
        async with self._words(name.cloud, says, 1) as words:
            return await self._deletes.destroy(name, once=once, word=words[0])

    async def destroy_version(self, tenant: str, aid: Aid, *, says: Says | None = None) -> Removed | None:
        """Delete the asset while this is its version. None when it has another one, or is gone."""
        async with self._words(tenant, says, 1) as words:
            return await self._deletes.destroy_version(tenant, aid, word=words[0] if words else None)

    async def destroy_many(
        self,
        tenant: str,
        *,
        names: Iterable[AssetName] = (),
        asset_ids: Iterable[str] = (),
        where: Filter | None = None,
        says: Says | None = None,
    ) -> RemovedMany:
        """Delete what is named (at most DELETE_NAMED_MAX), or what a filter matches (DELETE_ASSETS_MAX, then `more`).

        An empty filter matches the whole tenant; None matches nothing. `says`: what is to be told of those of one entry.
        """
        asked, ids = list(names), list(asset_ids)
        async with self._words(tenant, says, entries_of(asked, ids, where)) as words:
            return await self._deletes.destroy_many(tenant, names=asked, asset_ids=ids, where=where, words=words)

    async def announce(self, tenant: str, tasks: Sequence[NewTask]) -> None:
        """Tasks about what is no asset; they have a key of their own."""
        if not tasks:
            return
        says: Says = lambda _records: tuple(tasks)  # noqa: E731
        async with self._words(tenant, says, 1) as words, self._core.database.write() as connection:
            await words[0].leave(self._core, connection, ())

    @asynccontextmanager
    async def _words(self, tenant: str, says: Says | None, count: int) -> AsyncIterator[Sequence[Word]]:
        """Keys for what is told of assets that go; those that nothing was told under are forgotten."""
        words = deque[Word]()
        try:
            while says is not None and len(words) < count:
                words.append(Word(draft=await self._uploads.mint(tenant), says=says))
            yield words
        finally:
            for word in words:
                await self._uploads.discard(word.draft)  # nothing, if it has become the key of a task
