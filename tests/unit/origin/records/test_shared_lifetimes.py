"""What is remembered of how long copies outside were told to live."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import delete

from domicile.media.outward_tags import TAGGED_SECONDS_MAX
from origin.catalogue.cdn_tables import shared_lifetime
from origin.cdn_lifetimes import Held
from origin.records import Records, shared_lifetimes
from tests.infra.records import CLOUD, opened


async def held(records: Records) -> Held:
    async with records._core.database.read() as connection:
        return await shared_lifetimes.held(connection, CLOUD, None)


async def test_of_a_cloud_from_before_they_were_remembered_the_policy_counts_or_the_longest_if_it_has_changed(
    tmp_path: Path,
) -> None:
    for changed in (False, True):
        async with opened(tmp_path) as records, records._core.database.write() as connection:
            await connection.execute(delete(shared_lifetime))
        if changed:
            policy = tmp_path / "data" / "policies" / f"{CLOUD}.toml"
            policy.write_text(f'tenant = "{CLOUD}"\n[lifetimes]\nshared_seconds_max = 10\n')
        async with opened(tmp_path) as records:
            remembered = await held(records)
            assert (remembered.seconds, remembered.longer_seconds) == (
                (10, TAGGED_SECONDS_MAX) if changed else (300, 0)
            )
