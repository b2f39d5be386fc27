"""Gathers what is known of where an asset is, for `records.ledger` to put into lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.media.asset import Aid, AssetName
from domicile.media.errors import AssetNotFound
from origin.catalogue import tables as t
from origin.catalogue.task_tables import task
from origin.records import ledger, placements, under_retention
from origin.records.core import Core
from origin.records.ledger import Copy, Facts
from origin.records.recipients import Recipient, Recipients
from origin.records.subjects import HeldVersion, Subjects
from origin.store.opening import name_of

HOLDERS_MAX = 1000
"""Of one version."""


class Places:
    """Of all assets. `cdns`: accounts that the origin purges at, by cloud."""

    def __init__(self, core: Core, cdns: Callable[[str], Sequence[str]]) -> None:
        self._core = core
        self._cdns = cdns
        self._subjects = Subjects(core)
        self._recipients = Recipients(core)

    async def find(self, name: AssetName) -> str:
        """The id of the asset that has a name, restricted or not, or of the newest under retention that had it. AssetNotFound."""
        core, tenant = self._core, name.cloud
        hashes = [core.hash_name(name)]
        async with core.database.read() as connection:
            rows = await core.catalogue.named(connection, tenant, hashes, hidden=True)
            kept = [] if rows else await under_retention.of_assets(connection, tenant, (), hashes, limit=1)
        found = [row.asset_id for row in rows] or [one.row.asset_id for one in kept]
        if not found:
            raise AssetNotFound("Resource not found - asset")
        return found[0]

    async def of_asset(self, tenant: str, asset_id: str, *, regions: Mapping[str, str]) -> tuple[Copy, ...]:
        """`regions`: of edges that were heard of lately. AssetNotFound: nothing is known of it, or not any more."""
        core = self._core
        policy = core.tenants.standing(tenant).policy
        versions = await self._subjects.of_asset(tenant, asset_id)
        told = {one.record.aid: await self._recipients.of(tenant, one.record.aid) for one in versions}
        async with core.database.read() as connection:
            placed = await placements.of_asset(connection, tenant, asset_id)
            held = [await _held(connection, one, told[one.record.aid]) for one in versions]
        if not held and not placed:
            raise AssetNotFound("Resource not found - asset")
        facts = Facts(
            store=name_of(core.settings.s3),
            region=core.settings.region,
            held=held,
            placed=placed,
            nodes={node: regions.get(node, "") for node in core.leases.nodes_of(tenant)},
            cdns=frozenset((*self._cdns(tenant), *core.settings.cdns)),
            residual=core.search.residual,
            browser_seconds=policy.lifetimes.browser_seconds_max if policy else 0,
            shared_seconds=policy.lifetimes.shared_seconds_max if policy else 0,
        )
        return ledger.copies_of(facts)


async def _held(connection: AsyncConnection, one: HeldVersion, told: Sequence[Recipient]) -> ledger.Held:
    tenant, aid = one.record.name.cloud, one.record.aid
    mine = (task.c.aid == aid, task.c.tenant == tenant)
    tasks = await connection.execute(
        select(task.c.kind, func.count().label("tasks")).where(*mine).group_by(task.c.kind)
    )
    holders = select(t.lineage.c.aid).where(t.lineage.c.source == aid).order_by(t.lineage.c.aid).limit(HOLDERS_MAX)
    return ledger.Held(
        aid=aid,
        state=one.state,
        since=one.record.created_at,
        holders=tuple(Aid(holder) for holder in await connection.scalars(holders)),
        tasks={row.kind: row.tasks for row in tasks},
        recipients=[(str(one.kind), one.who, one.since) for one in told],
    )
