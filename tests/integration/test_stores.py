"""What the port of a store promises, of each store: the disk, and a bucket of a real Ceph."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from domicile.media.asset import Aid
from domicile.media.errors import OutsideRegion
from domicile.media.policy import Activity, Permit, Place, decide
from domicile.media.policy_file import from_mapping
from domicile.service.gate import s3 as gate
from origin.store import s3
from origin.store.guard import GuardedStore
from origin.store.local import LocalStore
from origin.store.port import PIECE_BYTES_MAX, BlobMissing, BlobStore, key_of
from tests.infra import buckets, ceph
from tests.infra.stores import HOME, REGION, opened_s3

pytestmark = pytest.mark.asyncio(loop_scope="module")

CLOUD, NOW = "acme", 1_700_000_000.0
AID, OTHER = Aid("a" * 32), Aid("b" * 32)
PART_BYTES = 5 * 1024 * 1024
"""The smallest that S3 allows: the tests need parts, not large ones."""
SIZES = [0, 1, PIECE_BYTES_MAX + 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES + 17]


def permit(activity: Activity = Activity.STORE, region: str = HOME) -> Permit:
    policy = from_mapping({"tenant": CLOUD, "interpretation": "global"}, home=HOME)
    decided = decide(policy, activity, Place(name="somewhere", region=region), at=NOW)
    assert isinstance(decided, Permit)
    return decided


async def pieces_of(body: bytes, size: int = 1_000_003) -> AsyncIterator[bytes]:
    for at in range(0, len(body), size):
        yield body[at : at + size]


async def put(store: BlobStore, aid: Aid, body: bytes) -> None:
    await store.put(CLOUD, aid, pieces_of(body), permit())


async def read(store: BlobStore, aid: Aid, start: int = 0, end: int = 1 << 40) -> bytes:
    pieces = [piece async for piece in store.read(CLOUD, aid, start, end, permit())]
    assert all(0 < len(piece) <= PIECE_BYTES_MAX for piece in pieces)
    return b"".join(pieces)


async def listed(store: BlobStore) -> list[tuple[str, Aid]]:
    return [(blob.tenant, blob.aid) async for blob in store.list()]


@pytest.fixture(scope="module", autouse=True)
def _small_parts_and_pages() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(s3, "PART_BYTES", PART_BYTES)
        patch.setattr(gate, "PAGE_NAMES_MAX", 5)
        yield


@pytest.fixture(scope="module", params=["disk", "s3 under a prefix", "s3 with versions"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def bucket(kind: str) -> Iterator[buckets.Bucket | None]:
    if kind == "disk":
        yield None
        return
    with buckets.made(ceph.cluster().region(REGION)) as made:
        if "versions" in kind:
            made.set_versioning()
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened(
    kind: str, bucket: buckets.Bucket | None, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[BlobStore, Path]]:
    directory = tmp_path_factory.mktemp("store")
    async with AsyncExitStack() as stack:
        inner: BlobStore = LocalStore(directory)
        if bucket is not None:
            changes = {"prefix": "media/originals/"} if "prefix" in kind else {}
            inner = await stack.enter_async_context(opened_s3(bucket, directory, **changes))
        yield GuardedStore(inner, region=HOME, now=lambda: NOW), directory


@pytest_asyncio.fixture(loop_scope="module")
async def store(opened: tuple[BlobStore, Path]) -> BlobStore:
    """Empty."""
    for tenant, aid in await listed(opened[0]):
        await opened[0].delete(tenant, aid)
    return opened[0]


@pytest.mark.parametrize("size", SIZES)
async def test_what_is_put_is_read_again(store: BlobStore, size: int) -> None:
    body = os.urandom(size)
    await put(store, AID, body)
    assert await store.size(CLOUD, AID) == size
    assert await read(store, AID) == body


async def test_a_range_is_exact_and_ends_with_the_file(store: BlobStore) -> None:
    body = os.urandom(3 * 1024 * 1024 + 5)
    await put(store, AID, body)
    for start, end in [(0, 1), (65_536, 131_072), (2_000_000, 2_200_000), (len(body) - 1, len(body)), (5, 5)]:
        assert await read(store, AID, start, end) == body[start:end]
    assert await read(store, AID, len(body) - 3, len(body) + 100) == body[-3:]
    assert await read(store, AID, len(body) + 10, len(body) + 20) == b""


async def test_what_is_not_there_is_missing(store: BlobStore) -> None:
    for aid in (AID, Aid("../" + "a" * 29)):
        with pytest.raises(BlobMissing):
            await store.size(CLOUD, aid)
        with pytest.raises(BlobMissing):
            await read(store, aid)
    assert await store.delete(CLOUD, AID) is False
    assert await listed(store) == []


async def test_put_again_replaces_the_whole(store: BlobStore) -> None:
    await put(store, AID, b"a longer first one")
    await put(store, AID, b"second")
    assert await read(store, AID) == b"second"
    assert await listed(store) == [(CLOUD, AID)]


async def test_what_is_deleted_has_gone_with_all_its_versions(
    store: BlobStore, bucket: buckets.Bucket | None, opened: tuple[BlobStore, Path]
) -> None:
    for body in (b"first", b"second", os.urandom(PART_BYTES + 1)):
        await put(store, AID, body)
    await put(store, OTHER, b"stays")
    assert await store.delete(CLOUD, AID) is True
    assert await store.delete(CLOUD, AID) is False
    with pytest.raises(BlobMissing):
        await read(store, AID)
    assert await listed(store) == [(CLOUD, OTHER)]
    if bucket is not None:
        assert [name.rpartition("/")[2] for name, _ in bucket.versions()] == [OTHER]
    else:
        assert [path.name for path in opened[1].rglob("*") if path.is_file()] == [OTHER]


@pytest.mark.parametrize("before", [0, 100, PART_BYTES + 100])
async def test_pieces_that_fail_leave_what_was_there_before(
    store: BlobStore, bucket: buckets.Bucket | None, before: int
) -> None:
    async def broken() -> AsyncIterator[bytes]:
        for _ in range(0, before, 1_000_000):
            yield bytes(1_000_000)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.put(CLOUD, AID, broken(), permit())
    await put(store, OTHER, b"whole")
    with pytest.raises(ZeroDivisionError):
        await store.put(CLOUD, OTHER, broken(), permit())
    assert await listed(store) == [(CLOUD, OTHER)]
    assert await read(store, OTHER) == b"whole"
    if bucket is not None:
        assert bucket.uploads() == []


async def test_a_caller_who_goes_away_leaves_nothing(store: BlobStore, bucket: buckets.Bucket | None) -> None:
    reached = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield bytes(PART_BYTES + 1)
        reached.set()
        await asyncio.Event().wait()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(store.put(CLOUD, AID, endless(), permit()))
        await reached.wait()
        task.cancel()
    assert await listed(store) == []
    if bucket is not None:
        assert bucket.uploads() == []


async def test_all_are_listed_page_after_page(store: BlobStore) -> None:
    aids = [Aid(f"{number:032x}") for number in range(12)]
    for aid in aids:
        await put(store, aid, b"x")
    assert await listed(store) == [(CLOUD, aid) for aid in aids]
    keys = [key_of(CLOUD, aid) for aid in aids]
    for at, key in enumerate(keys, 1):
        assert [blob.key async for blob in store.list(key)] == keys[at:]
    assert [blob.key async for blob in store.list(keys[0][:-1])] == keys, "also from where there is nothing"


async def test_a_permit_for_elsewhere_moves_nothing_in(store: BlobStore) -> None:
    with pytest.raises(OutsideRegion):
        await store.put(CLOUD, AID, pieces_of(b"x"), permit(region="us-east"))
    assert await listed(store) == []
