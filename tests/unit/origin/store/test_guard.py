"""No bytes into a store or out of it without a permit for this tenant, this place, this moment."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator

import pytest

from domicile.media.asset import Aid
from domicile.media.errors import OutsideRegion
from domicile.media.policy import PERMIT_SECONDS, Activity, Permit, Place, decide
from domicile.media.policy_file import from_mapping
from origin.store.guard import GuardedStore
from origin.store.port import Blob

HOME, CLOUD, NOW = "eu-de", "acme", 1_700_000_000.0
AID = Aid("a" * 32)


class Shelf:
    """A store that counts what reaches it."""

    evidence = "counted"

    def __init__(self) -> None:
        self.puts = self.reads = 0

    async def put(self, tenant: str, aid: Aid, pieces: AsyncIterable[bytes], permit: Permit) -> None:
        self.puts += 1

    async def size(self, tenant: str, aid: Aid) -> int:
        return 1

    async def read(self, tenant: str, aid: Aid, start: int, end: int, permit: Permit) -> AsyncIterator[bytes]:
        self.reads += 1
        yield b"x"

    async def delete(self, tenant: str, aid: Aid) -> bool:
        return True

    async def list(self, after: str = "") -> AsyncIterator[Blob]:
        yield Blob(tenant=CLOUD, aid=AID, written_at=NOW)


async def one_piece() -> AsyncIterator[bytes]:
    yield b"x"


def permit(activity: Activity, *, region: str = HOME, tenant: str = CLOUD, at: float = NOW) -> Permit:
    policy = from_mapping({"tenant": tenant, "interpretation": "global"}, home=HOME)
    decided = decide(policy, activity, Place(name="somewhere", region=region), at=at)
    assert isinstance(decided, Permit)
    return decided


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def store(shelf: Shelf) -> GuardedStore:
    return GuardedStore(shelf, region=HOME, now=lambda: NOW)


async def pieces(store: GuardedStore, allowed: Permit, tenant: str = CLOUD) -> list[bytes]:
    return [piece async for piece in store.read(tenant, AID, 0, 1, allowed)]


async def test_a_permit_for_here_and_now_lets_bytes_in_and_out(store: GuardedStore, shelf: Shelf) -> None:
    await store.put(CLOUD, AID, one_piece(), permit(Activity.STORE))
    assert await pieces(store, permit(Activity.STORE)) == [b"x"]
    assert await pieces(store, permit(Activity.TRANSFORM, region="eu-fr")) == [b"x"]
    assert (shelf.puts, shelf.reads) == (1, 2)


async def test_a_permit_to_store_in_another_region_stores_nothing_here(store: GuardedStore, shelf: Shelf) -> None:
    with pytest.raises(OutsideRegion, match="this store lies in eu-de"):
        await store.put(CLOUD, AID, one_piece(), permit(Activity.STORE, region="eu-fr"))
    assert shelf.puts == 0


async def test_a_permit_ends(store: GuardedStore, shelf: Shelf) -> None:
    old = NOW - PERMIT_SECONDS
    for activity in (Activity.STORE, Activity.TRANSFORM):
        with pytest.raises(OutsideRegion, match="run out"):
            await pieces(store, permit(activity, at=old))
    with pytest.raises(OutsideRegion, match="run out"):
        await store.put(CLOUD, AID, one_piece(), permit(Activity.STORE, at=old))
    assert (shelf.puts, shelf.reads) == (0, 0)
    await store.put(CLOUD, AID, one_piece(), permit(Activity.STORE, at=old + 1))
    assert shelf.puts == 1


@pytest.mark.parametrize("wrong", [{"activity": Activity.CACHE}, {"activity": Activity.DELIVER}, {"tenant": "other"}])
async def test_a_permit_for_something_else_is_a_mistake_of_ours(
    store: GuardedStore, shelf: Shelf, wrong: dict[str, str]
) -> None:
    other = permit(Activity(wrong.get("activity", Activity.STORE)), tenant=wrong.get("tenant", CLOUD))
    with pytest.raises(TypeError):
        await store.put(CLOUD, AID, one_piece(), other)
    with pytest.raises(TypeError):
        await pieces(store, other)
    assert (shelf.puts, shelf.reads) == (0, 0)
