"""Entries that continue a history, for tests that play a feed."""

from __future__ import annotations

import msgspec

from domicile.media.asset import Aid
from domicile.media.journal import Entry, Head, chain_of

Step = tuple[str, tuple[str, ...]]
"""(kind, aids)"""


def chained(head: Head, *steps: Step, tenant: str = "demo", epoch: int = 0, config_revision: int = 0) -> list[Entry]:
    """One entry a step, each the next of the one before. `epoch`: that of the head unless given."""
    made: list[Entry] = []
    chain, seq = head.chain, head.seq
    for kind, aids in steps:
        seq += 1
        entry = Entry(
            tenant=tenant, epoch=epoch or head.epoch, seq=seq, kind=kind, aids=tuple(Aid(aid) for aid in aids),
            config_revision=config_revision,
        )  # fmt: skip
        entry = msgspec.structs.replace(entry, chain=chain_of(chain, entry))
        chain = entry.chain
        made.append(entry)
    return made
