"""Decisions E.1 at the size that they name: one of a thousand is erased, and what was copied the day before is put back."""

from __future__ import annotations

import itertools
import random
import shutil
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domicile.media.asset import Aid, AssetId
from domicile.media.keys import subkey
from domicile.media.policy import Activity
from domicile.media.sealed import SealBroken, SealContext, open_sealed
from origin.keypages import PLACES, read_pages
from origin.keyring import aid_id
from origin.keytree import KeyTree
from origin.records import PurgeTargets, Records
from origin.records.types import AssetRecord
from origin.roots.port import NONCE_BYTES, KeyringBroken, SealingKey
from tests.infra import filled
from tests.infra.records import CLOUD, facts, keep, name, on, opened, restore, upload

ASSETS = 1000
ERASED = 41
FEW = 50
REGION = "eu-de"

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(autouse=True)
def _database(request: pytest.FixtureRequest, database_kind: str) -> Iterator[None]:
    with on(request.getfixturevalue("postgres_server")) if database_kind == "postgres" else nullcontext():
        yield


def body_of(record: AssetRecord) -> bytes:
    return f"the original of {record.name.public_id}".encode()


def records_of(chance: random.Random, count: int) -> list[AssetRecord]:
    def one(number: int) -> AssetRecord:
        return AssetRecord(
            asset_id=AssetId(f"{chance.getrandbits(128):032x}"),
            aid=Aid(f"{chance.getrandbits(128):032x}"),
            name=name(f"folder{number % 10}/n{number}"),
            version=1_700_000_000 + number,
            facts=facts(b"%d" % number),
            tags=(f"tag{number % 7}",),
            context={"alt": f"picture {number}"},
            folder="",
            original_filename=f"n{number}",
            created_at=1_700_000_000.0 + number,
        )

    return [one(number) for number in range(count)]


async def filled_with(directory: Path, count: int) -> list[AssetRecord]:
    """With everything of them copied: `yesterday`, and the keys as `keys`, which nobody should ever do."""
    chance = random.Random(1)
    made = records_of(chance, count)
    async with opened(directory) as records:
        await filled.fill(records, made, chance, body_of)
        await filled.settle(records)
    keep(directory, "yesterday")
    shutil.copytree(directory / "data.keys", directory / "keys")
    return made


async def erase_one(directory: Path, record: AssetRecord) -> None:
    async with opened(directory) as records:
        statement = await records.erase(CLOUD, PurgeTargets(public_ids=(record.name.public_id,)))
        assert statement.body["removed"]["versions"] == 1
        assert "overwritten" in statement.body["key"]["state"]


async def opened_bodies(records: Records, made: Iterable[AssetRecord]) -> list[str]:
    """Of each that is there as it was: its record and its original, both opened and compared."""
    core, whole = records._core, []
    for record in made:
        if (found := await records.get(record.name)) is None:
            continue
        assert found == record
        data_key = core.keyring.of(record.aid)
        assert data_key is not None
        blob = await records.read_original(record.aid, records.permit(CLOUD, Activity.STORE))
        sealed = b"".join([piece async for piece in blob.pieces])
        assert open_sealed(subkey(data_key, "original"), original_of(record), sealed) == (b"", body_of(record))
        whole.append(record.name.public_id)
    return whole


def original_of(record: AssetRecord) -> SealContext:
    return SealContext.original(tenant=CLOUD, aid=record.aid, region=REGION)


def keys_in(directory: Path) -> set[bytes]:
    """Every key that whoever holds this directory of keys now has."""
    tree = KeyTree.open(directory)
    pages = tree._pages.values()
    return {tree._key.key, *(page.key for page in pages), *(key for page in pages for key in page.slots.values())}


def opens(keys: Iterable[bytes], sealed: bytes, bindings: Iterable[bytes]) -> bool:
    nonce, rest = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    for key, binding in itertools.product(keys, bindings):
        try:
            AESGCM(key).decrypt(nonce, rest, binding)
        except InvalidTag:
            continue
        return True
    return False


def files_of_keys(directory: Path) -> Iterator[Path]:
    return (file for place in PLACES for file in (directory / place).iterdir())


def bindings_of(file: Path) -> list[bytes]:
    kind, *numbers = file.name.split("-")
    return [b"\0".join([f"domicile/key-{kind}".encode(), *(number.encode() for number in numbers)])]


def opens_original(keys: Iterable[bytes], record: AssetRecord, sealed: bytes) -> bool:
    for key in keys:
        for tried in (key, subkey(key, "original")):
            try:
                open_sealed(tried, original_of(record), sealed)
            except SealBroken:
                continue
            return True
    return False


async def test_one_of_a_thousand_is_erased_and_yesterdays_copy_brings_back_the_others_alone(tmp_path: Path) -> None:
    made = await filled_with(tmp_path, ASSETS)
    erased = made[ERASED]
    (sealed,) = [file.read_bytes() for file in (tmp_path / "yesterday").rglob(erased.aid)]
    await erase_one(tmp_path, erased)
    restore(tmp_path, "yesterday")
    async with opened(tmp_path) as records:
        others = [record.name.public_id for record in made if record is not erased]
        assert await opened_bodies(records, made) == others
        assert len(others) == ASSETS - 1
        assert await records.get_by_asset_id(CLOUD, erased.asset_id) is None
        assert records._core.keyring.of(erased.aid) is None
    assert not list((tmp_path / "data").rglob(erased.aid)), "the erase is carried out again"

    # Whoever copied everything yesterday but the root, and has all keys of now, opens nothing of it.
    copied = tmp_path / "keys"
    old_root = (copied / "root-1").read_bytes()
    now = keys_in(tmp_path / "data.keys")
    assert old_root not in now
    assert len(now) > ASSETS
    for file in files_of_keys(copied):
        page_of_it = opens({old_root}, file.read_bytes(), bindings_of(file)) or file.name.startswith("page-")
        assert page_of_it, "a file of keys that this test does not know"
    (page,) = [
        page
        for page in read_pages(copied, 1, SealingKey(key=old_root).open).values()
        if aid_id(erased.aid) in page.slots
    ]
    for file in files_of_keys(copied):
        if file.name in {"index-1", page.file}:
            assert not opens(now - {page.key}, file.read_bytes(), bindings_of(file))
    assert page.key not in now
    assert not opens_original(now, erased, sealed)
    with pytest.raises(KeyringBroken):
        (copied / "root-1").write_bytes(
            (tmp_path / "data.keys" / f"root-{KeyTree.open(tmp_path / 'data.keys').number}").read_bytes()
        )
        KeyTree.open(copied)

    # With the root of yesterday it would open: that is what makes the rest worth something.
    assert opens_original({page.slots[aid_id(erased.aid)]}, erased, sealed)


async def test_the_keyring_of_yesterday_beside_the_catalogue_of_now_forgets_again_what_was_erased(
    tmp_path: Path,
) -> None:
    """Keys are never to be restored. If somebody does it, a start destroys again what the mirror says was erased; what was
    uploaded since is lost, and nothing else.
    """
    made = await filled_with(tmp_path, FEW)
    erased = made[ERASED]
    await erase_one(tmp_path, erased)
    async with opened(tmp_path) as records:
        new = (await upload(records, name("new"), b"new")).record
    shutil.rmtree(tmp_path / "data.keys")
    shutil.copytree(tmp_path / "keys", tmp_path / "data.keys")
    async with opened(tmp_path) as records:
        assert records._core.keyring.of(erased.aid) is None
        assert await opened_bodies(records, made) == [record.name.public_id for record in made if record is not erased]
        assert records._core.keyring.of(new.aid) is None
        assert await records.get(new.name) is None
    assert not any((tmp_path / "data.keys" / f"root-{number}").exists() for number in (1,)), (
        "its root is destroyed again"
    )
