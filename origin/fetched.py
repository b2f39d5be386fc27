"""Pictures from elsewhere, brought when somebody asks for them: assets of type `fetch`, which are named by their address, and
uploads in a folder that an upload mapping leads elsewhere (mapped.py).

    resolve -> absent, and its name is an address -> one fetch for all who wait -> decode, seal, name -> resolve again
    resolve -> there, and older than the policy's `refresh_seconds` -> told at once, and looked for anew behind it

Whatever is brought is an asset like any other: keys, journal, purge, erase. What was erased is not brought again until its
owner asks for it (`explicit`), and what has gone at its source (404, 410) goes here when it is looked for anew.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

import msgspec

from domicile.media.asset import AssetName, NameHash
from domicile.media.errors import AssetNotFound, BadRequest, LimitExceeded, MediaError, Overloaded, RemoteGone
from domicile.media.facts import SourceFacts
from domicile.media.policy import Activity
from domicile.media.raw import raw_facts
from domicile.media.remote import read_address
from domicile.media.wire import ResolveAnswer, ResolveRequest
from domicile.service import logging
from domicile.service.tasks import Background
from origin import mapped
from origin.api import kinds
from origin.api.budget import Account
from origin.api.films import facts_of_film
from origin.api.intake import intake
from origin.keys import Origin
from origin.mapped import Mapped
from origin.records import AssetRecord, Body, Hashed, Held, NewAsset, Once, whole
from origin.remote import fetch, rules_of

BROUGHT_MAX = 1 + 16
"""Pictures that one question may make us bring: its own, and those laid over it."""
REMEMBERED_MAX = 10_000
"""Failures, and times of the last look, each."""
FAILURE_SECONDS = 10.0
"""How long a failure is told again without another try."""
RETRY_SECONDS = 60.0
"""After a picture that is here could not be looked for anew."""

Key = tuple[str, NameHash]
T = TypeVar("T")

log = logging.get()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Failure:
    """What was said, and not the error itself: that would hold on to all that it came through, pictures too."""

    kind: type[MediaError]
    message: str = field(repr=False)
    until: float

    @classmethod
    def of(cls, error: MediaError, *, until: float) -> _Failure:
        return cls(kind=type(error), message=error.message, until=until)


class Fetched:
    """One origin's. `clock` in monotonic seconds; ages are of the wall clock, which is the origin's `now`."""

    def __init__(self, origin: Origin, background: Background, *, clock: Callable[[], float]) -> None:
        self._origin = origin
        self._background = background
        self._clock = clock
        self._running: dict[Key, asyncio.Future[None]] = {}
        self._failures: OrderedDict[Key, _Failure] = OrderedDict()
        self._next_looks: OrderedDict[Key, float] = OrderedDict()
        """Not before this, although its age says so."""

    async def resolve(self, asked: ResolveRequest) -> ResolveAnswer:
        """As `Records.resolve`, and what is to be fetched is there. RemoteFailed; RemoteGone; LimitExceeded; Overloaded."""
        answer = await self._origin.records.resolve(asked)
        for _ in range(BROUGHT_MAX):
            name = _absent(asked, answer)
            if not await (self._bring_mapped(asked, answer) if name is None else self._bring_fetched(name)):
                break
            answer = await self._origin.records.resolve(asked)
        if answer.resolved is not None:
            for name in _fetched_in(asked, answer.resolved.index):
                await self._look_again(name)
        return answer

    async def bring(self, name: AssetName, *, once: Once | None) -> None:
        """For its owner, who may bring back what was erased, once. Replayed; RemoteFailed; RemoteGone; LimitExceeded; Overloaded."""
        await self._origin.records.fetched.forgive(name, once=once)
        self._failures.pop(self._key(name), None)
        await self._once(name, self._anew)

    async def _bring_mapped(self, asked: ResolveRequest, answer: ResolveAnswer) -> bool:
        """False: it stays absent; why it could not be fetched is the owner's to know. Overloaded."""
        found = await mapped.find(self._origin, asked, answer)
        if found is None:
            return False
        try:
            return await self._bring(found.name, partial(self._mapped, found), found.others)
        except Overloaded:
            raise
        except MediaError as refused:
            log.info("mapped_picture_not_fetched", error=type(refused).__name__)
            return False

    async def _bring_fetched(self, name: AssetName) -> bool:
        """See `_bring`."""
        mappings = await self._origin.records.upload_mappings.all(name.cloud)
        others = (*_spelled_alike(name), *mapped.names_of(name.cloud, name.public_id, mappings))
        return await self._bring(name, partial(self._anew, others=others), others)

    async def _bring(
        self, name: AssetName, work: Callable[[AssetName], Awaitable[None]], others: tuple[AssetName, ...]
    ) -> bool:
        """False: it was erased, or is restricted, by this name or one of the others, and stays absent."""
        if await self._origin.records.fetched.is_closed(name, others):
            return False
        failure = self._failures.get(self._key(name))
        if failure is not None and self._clock() < failure.until:
            raise failure.kind(failure.message)
        try:
            await self._once(name, work)
        except AssetNotFound:  # just now
            return False
        return True

    async def _look_again(self, name: AssetName) -> None:
        """Behind whoever asked: he is told what is here."""
        record = await self._origin.records.get(name)
        if record is None:
            return
        key, now = self._key(name), self._origin.now()
        due = record.created_at + rules_of(self._origin, name.cloud).refresh_seconds
        if now < max(due, self._next_looks.get(key, 0.0)) or key in self._running:
            return
        _remember(self._next_looks, key, now + RETRY_SECONDS)
        _ = self._begin(name, self._refresh)

    async def _once(self, name: AssetName, work: Callable[[AssetName], Awaitable[None]]) -> None:
        """Wait for the fetch of this name, which goes on when whoever waits does not."""
        key = self._key(name)
        running = self._running.get(key) or self._begin(name, work)
        try:
            async with asyncio.timeout(self._origin.settings.remote.wait_seconds_max):
                await asyncio.shield(running)
        except TimeoutError as late:
            raise Overloaded("The picture is still being fetched; try again") from late

    def _begin(self, name: AssetName, work: Callable[[AssetName], Awaitable[None]]) -> asyncio.Future[None]:
        key = self._key(name)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def run() -> None:
            try:
                await work(name)
            except Overloaded as full:  # our own, and over in a moment
                _settle(done, full)
            except MediaError as refused:
                _remember(self._failures, key, _Failure.of(refused, until=self._clock() + FAILURE_SECONDS))
                _settle(done, refused)
            except BaseException:
                _settle(done, Overloaded("The picture could not be fetched; try again"))
                raise
            else:
                _settle(done, None)
            finally:
                del self._running[key]

        if not self._background.once("fetch", run):
            raise Overloaded("Too many fetches at once, try again")
        self._running[key] = done
        return done

    async def _anew(self, name: AssetName, *, others: tuple[AssetName, ...] = ()) -> None:
        origin = self._origin
        if await origin.records.fetched.count(name.cloud) >= origin.settings.remote.assets_max:
            raise LimitExceeded("Too many fetched pictures in this cloud")
        await self._take(name, name.public_id, had=None, others=others)

    async def _mapped(self, found: Mapped, name: AssetName) -> None:
        origin = self._origin
        if await origin.records.fetched.count_under(name.cloud, found.folder) >= origin.settings.remote.assets_max:
            raise LimitExceeded("Too many fetched pictures in this folder")
        await self._take(name, found.address, had=None, others=found.others)

    async def _refresh(self, name: AssetName) -> None:
        record = await self._origin.records.get(name)
        if record is None:
            return
        try:
            await self._take(name, name.public_id, had=record)
        except RemoteGone:
            if record.access_control:  # they go with it: what comes to lie there later would be for everybody
                await self._origin.records.fetched.shun(name)
            await self._origin.records.destroy(name)
            raise
        except AssetNotFound:
            return  # deleted, erased or replaced meanwhile: whoever asks next has it fetched, if it may be

    async def _take(
        self, name: AssetName, address: str, *, had: AssetRecord | None, others: tuple[AssetName, ...] = ()
    ) -> None:
        """Fetch, decode, seal, name; the same bytes as before are only noted. AssetNotFound when `had` went meanwhile."""
        origin = self._origin
        with origin.budget.account() as account, intake(origin.records.spool, name.cloud, account) as file:
            most = origin.settings.upload.file_bytes_max(name.resource_type)
            await fetch(origin, name.cloud, address, file.write, bytes_max=most)
            permit = origin.records.permit(name.cloud, Activity.STORE)
            body, facts = await self._looked_at(name, await file.end(), account)
            if had is not None and facts.md5 == had.facts.md5:
                refresh = rules_of(origin, name.cloud).refresh_seconds
                _remember(self._next_looks, self._key(name), origin.now() + refresh)
                return
            draft = await origin.records.mint(name.cloud)
            try:
                await origin.records.put_original(draft, body, permit)
                if isinstance(body, Hashed):
                    facts = msgspec.structs.replace(facts, md5=body.md5)
                is_fetch = name.delivery_type == "fetch"
                asset = NewAsset(
                    name=name,
                    facts=facts,
                    renews=is_fetch,
                    overwrite=is_fetch,  # what was uploaded meanwhile stays
                    is_brought=True,
                    brought_beside=others,
                    instead_of=None if had is None else had.aid,
                    created_at=origin.now(),
                )
                done = await origin.records.commit_upload(draft, asset)
            except BaseException:
                await origin.records.discard(draft)
                raise
        if done.overwritten:
            origin.pool.retire(name.cloud)
        origin.metrics.upload_bytes.add(body.body_bytes)

    async def _looked_at(self, name: AssetName, body: Body, account: Account) -> tuple[Body, SourceFacts]:
        """What is kept, and what there is to know of it, as of an upload that says nothing. Raises what is wrong with it."""
        origin, cloud = self._origin, name.cloud
        if not body.body_bytes:
            raise BadRequest("Empty file")
        if name.resource_type == kinds.RAW:
            return Hashed(body), raw_facts(body.body_bytes)
        origin.records.permit(cloud, Activity.TRANSFORM)
        if name.resource_type == kinds.VIDEO:
            return Hashed(body), await facts_of_film(origin.pool, body, tenant=cloud)
        if not isinstance(body, Held):
            account.take(body.body_bytes)
        content = await whole(body)
        limits = origin.settings.media.limits(origin.settings.upload)
        accepts_pdf = origin.records.accepts_pdf(cloud)
        probed = await origin.pool.probe(content, limits, tenant=cloud, pdf=accepts_pdf)
        return Held(content), probed.done.source

    def _key(self, name: AssetName) -> Key:
        return name.cloud, self._origin.records.fetched.hash_of(name)


def _absent(asked: ResolveRequest, answer: ResolveAnswer) -> AssetName | None:
    """What is not there and could be fetched."""
    absent = answer.absent
    if absent is None:
        return None
    if absent.layer is not None:
        return _fetched(asked.cloud, absent.layer.public_id) if absent.layer.delivery_type == "fetch" else None
    is_fetch = asked.delivery_type == "fetch" and asked.resource_type == "image"
    return _fetched(asked.cloud, asked.public_ids[0]) if is_fetch else None


def _fetched_in(asked: ResolveRequest, index: int) -> list[AssetName]:
    layers = asked.layers[index] if asked.layers else ()
    own = [asked.public_ids[index]] if asked.delivery_type == "fetch" else []
    texts = own + [layer.public_id for layer in layers if layer.delivery_type == "fetch"]
    return list(map(partial(_fetched, asked.cloud), dict.fromkeys(texts)))


def _spelled_alike(name: AssetName) -> tuple[AssetName, ...]:
    """The same address as it is usually written, without what no server is told of it."""
    try:
        url = read_address(name.public_id).url
    except BadRequest:
        return ()
    return tuple(replace(name, public_id=text) for text in dict.fromkeys((str(url), url.human_repr())))


def _fetched(cloud: str, address: str) -> AssetName:
    return AssetName(cloud=cloud, resource_type="image", delivery_type="fetch", public_id=address)


def _settle(done: asyncio.Future[None], error: BaseException | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
        done.exception()  # seen: nobody may wait


def _remember(known: OrderedDict[Key, T], key: Key, value: T) -> None:
    known[key] = value
    known.move_to_end(key)
    while len(known) > REMEMBERED_MAX:
        known.popitem(last=False)
