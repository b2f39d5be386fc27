"""Keys of the API: several of them at a time, rotated without a gap, gone for good; their secrets in the keyring alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sqlalchemy import select, text

from domicile.media.errors import AssetNotFound, BadRequest, LimitExceeded
from domicile.media.journal import Kind
from origin.catalogue.engine import Database, sqlite_url
from origin.catalogue.tables import api_key, tenant
from origin.migrations import migrate
from origin.records import Records
from origin.records.api_keys import FIRST
from origin.scope import EVERYTHING, KEYS_MAX, Operation, Scope
from tests.infra.migrating import upgrade
from tests.infra.records import CLOUD, opened

READS = Scope(operations=frozenset({Operation.READ}), folder="team")


def live(records: Records, api_key: str) -> bool:
    return records.tenant_by_api_key(api_key) is not None


async def test_a_new_key_is_in_use_beside_the_old_one_until_that_is_revoked(records: Records) -> None:
    (old,) = records.api_keys.all(CLOUD)
    new, _ = await records.api_keys.create(CLOUD, EVERYTHING, name="after")
    assert new.secret != old.secret
    for key in (old, new):
        seen = records.tenant_by_api_key(key.api_key)
        assert seen is not None
        assert (seen.cloud, seen.api_key, seen.api_secret) == (CLOUD, key.api_key, key.secret)
    await records.api_keys.revoke(CLOUD, old.api_key)
    assert (live(records, old.api_key), live(records, new.api_key)) == (False, True)
    tenant = records.tenant(CLOUD)
    assert tenant is not None
    assert (tenant.api_key, tenant.api_secret) == (new.api_key, new.secret), "the new one speaks for the cloud now"
    with pytest.raises(AssetNotFound):
        await records.api_keys.revoke(CLOUD, old.api_key)


async def test_a_disabled_key_is_no_key_and_can_come_back(records: Records) -> None:
    key, _ = await records.api_keys.create(CLOUD, READS)
    await records.api_keys.set_enabled(CLOUD, key.api_key, is_enabled=False)
    assert not live(records, key.api_key)
    tenant = records.tenant(CLOUD)
    assert tenant is not None
    assert key.secret not in tenant.delivery_secrets(["team/a"])
    await records.api_keys.set_enabled(CLOUD, key.api_key, is_enabled=True)
    assert live(records, key.api_key)


async def test_the_last_key_that_may_do_everything_stays(records: Records) -> None:
    (first,) = records.api_keys.all(CLOUD)
    await records.api_keys.create(CLOUD, READS)
    for change in (
        records.api_keys.revoke(CLOUD, first.api_key),
        records.api_keys.set_enabled(CLOUD, first.api_key, is_enabled=False),
    ):
        with pytest.raises(LimitExceeded, match="last key"):
            await change
    assert live(records, first.api_key)


async def test_a_cloud_has_a_bounded_number_of_keys_and_refused_ones_leave_no_secret(records: Records) -> None:
    for _ in range(KEYS_MAX - 1):
        await records.api_keys.create(CLOUD, READS)
    secrets_kept = len(records._core.keyring)
    with pytest.raises(LimitExceeded, match=f"at most {KEYS_MAX} keys"):
        await records.api_keys.create(CLOUD, READS)
    assert len(records._core.keyring) == secrets_kept
    with pytest.raises(BadRequest, match="name"):
        await records.api_keys.create(CLOUD, READS, name="x" * 65)
    with pytest.raises(AssetNotFound):
        await records.api_keys.create("nobody", READS)


async def test_every_change_is_told_to_edges_as_a_new_configuration(records: Records) -> None:
    (first,) = records.api_keys.all(CLOUD)
    before = (await records.head(CLOUD)).seq
    key, _ = await records.api_keys.create(CLOUD, READS)
    await records.api_keys.set_enabled(CLOUD, key.api_key, is_enabled=False)
    await records.api_keys.revoke(CLOUD, key.api_key)
    entries = (await records._core.journal.entries({CLOUD: before}, wait_seconds=0)).entries
    assert [entry.kind for entry in entries] == [Kind.CONFIG] * 3
    tenant = records.tenant(CLOUD)
    assert tenant is not None
    assert tenant.config_revision == entries[-1].config_revision
    assert tenant.keys == (first,)


async def test_keys_of_one_cloud_are_out_of_reach_of_another(records: Records) -> None:
    await records.create_tenant("other")
    (theirs,) = records.api_keys.all("other")
    await records.api_keys.create("other", EVERYTHING)
    for change in (
        records.api_keys.revoke(CLOUD, theirs.api_key),
        records.api_keys.set_enabled(CLOUD, theirs.api_key, is_enabled=False),
    ):
        with pytest.raises(AssetNotFound):
            await change
    assert live(records, theirs.api_key)


async def test_keys_outlive_a_restart_with_what_they_may(tmp_path: Path) -> None:
    async with opened(tmp_path) as records:
        key, _ = await records.api_keys.create(CLOUD, READS, name="cms", calls_max=7)
        off, _ = await records.api_keys.create(CLOUD, EVERYTHING)
        await records.api_keys.set_enabled(CLOUD, off.api_key, is_enabled=False)
        before = records.api_keys.all(CLOUD)
        assert key in before
    async with opened(tmp_path) as records:
        assert records.api_keys.all(CLOUD) == before
        assert (live(records, key.api_key), live(records, off.api_key)) == (True, False)
    everything = b"".join(file.read_bytes() for file in (tmp_path / "data").rglob("*") if file.is_file())
    for told in (key.secret, "team", "cms"):
        assert told.encode() not in everything, "secrets and folders are in no table"


async def test_a_catalogue_of_yesterday_brings_no_revoked_key_back(tmp_path: Path) -> None:
    async with opened(tmp_path) as records:
        key, _ = await records.api_keys.create(CLOUD, EVERYTHING)
    shutil.copytree(tmp_path / "data", tmp_path / "yesterday")
    async with opened(tmp_path) as records:
        await records.api_keys.revoke(CLOUD, key.api_key)
    shutil.rmtree(tmp_path / "data")
    shutil.move(tmp_path / "yesterday", tmp_path / "data")
    async with opened(tmp_path) as records:
        assert not live(records, key.api_key)
        assert len(records.api_keys.all(CLOUD)) == 1


async def test_the_one_key_of_an_older_catalogue_is_the_first_of_several(tmp_path: Path) -> None:
    database = Database.open(sqlite_url(tmp_path / "older.db"))
    async with database.write() as connection:
        await connection.run_sync(upgrade, "0011")
        await connection.execute(
            text("INSERT INTO tenant VALUES ('acme', '123456789012345', 7.0, 3, :digest)"), {"digest": "0" * 64}
        )
    await migrate(database)
    async with database.read() as connection:
        (key,) = (await connection.execute(select(api_key))).all()
        (cloud,) = (await connection.execute(select(tenant))).all()
    await database.close()
    assert tuple(key) == ("123456789012345", "acme", FIRST, True, 7.0, None)
    assert tuple(cloud) == ("acme", 7.0, 3, "0" * 64)
