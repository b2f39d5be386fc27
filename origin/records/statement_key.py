"""The key of the installation that signs statements, and what goes into the audit log without being an erasure."""

from __future__ import annotations

from typing import Any

from domicile.media.receipt import leaf_of
from domicile.media.statement import ErasureStatement, canonical, sign
from origin.journal import Change
from origin.keyring import Keyring, purpose_id
from origin.records.core import Core

SIGNING_KEY = purpose_id("installation", "statement")


async def make_signing_key(keyring: Keyring) -> None:
    """Once, at the first start."""
    await keyring.get_or_create(SIGNING_KEY)


def seed_of(core: Core) -> bytes:
    seed = core.keyring.get(SIGNING_KEY)
    if seed is None:
        raise RuntimeError("the signing key is made at start")
    return seed


async def log_event(core: Core, change: Change, kind: str, outcome: str, **said: Any) -> ErasureStatement:
    """Sign what happened, and write into the log that it did: in the transaction that does it, after its entry was recorded.
    `said` names nobody. The caller publishes the log after the commit.
    """
    head = change.head
    body = {
        "tenant": change.tenant,
        "issued_at": int(core.now()),
        "region": core.settings.region,
        "outcome": outcome,
        "journal": {"epoch": head.epoch, "seq": head.seq, "chain": head.chain},
        **said,
    }
    statement = sign(body, seed_of(core))
    await core.audit.append(change.connection, canonical(leaf_of(statement, kind=kind)))
    return statement
