"""What a node's own processes say to each other over `agent.sock`: msgpack values, never seen outside the machine.

The agent sends numbered events; a worker that has taken event n in says so in its slot of the shared page.
Keys travel here and stay in memory on both sides: nothing of this file is ever written to a disk with a key in it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from domicile.media.asset import Aid, NameHash
from domicile.media.journal import Entry, FenceState, Head
from domicile.media.wire import PurgeRelay, Relayed, Rendition

FRAME_BYTES_MAX = 64 * 1024 * 1024
"""One frame; the largest holds one tenant's whole fence (`media.journal.FENCE_RECORDS_MAX`, about 20 MB)."""

OBJECTS_PAGE_MAX = 2000
"""Objects in one answer of `object_pages`."""

FORGET_MAX = 1000
"""File names in one `Forget`."""


class KeyRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What opens one cached object, and what the fence needs to judge it."""

    content_key: bytes
    tenant: str
    contributors: tuple[Aid, ...]
    name: NameHash
    epoch: int
    sequence: int
    config_revision: int
    stored_at: float
    """Wall clock in seconds when the bytes were read from the origin."""


class StoredObject(msgspec.Struct, frozen=True, kw_only=True):
    """One object on the disk tier, registered before its file gets its final name."""

    file_name: str
    """`keys.file_name`: 40 hex digits."""
    tenant: str
    contributors: tuple[Aid, ...]
    name: NameHash
    epoch: int
    sequence: int
    config_revision: int
    stored_at: float
    body_bytes: int
    content_key: bytes = b""
    """Empty in answers of `object_pages`: rows on the disk hold no key."""

    def key_record(self) -> KeyRecord:
        return KeyRecord(
            content_key=self.content_key,
            tenant=self.tenant,
            contributors=self.contributors,
            name=self.name,
            epoch=self.epoch,
            sequence=self.sequence,
            config_revision=self.config_revision,
            stored_at=self.stored_at,
        )


class TenantGrant(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant that this node may serve, as a worker needs it."""

    tenant: str
    name_key: bytes
    file_key: bytes
    config_revision: int
    policy: dict[str, Any]
    home: str
    """The origin's home region, which `policy.from_mapping` needs."""
    epoch_floor: int
    """Bytes read in an earlier epoch are refused: the history before it was dropped."""
    named: dict[str, str] = {}
    """Named transformations: name -> canonical text."""
    allowed: tuple[str, ...] = ()
    """Those that strict transformations let pass."""
    token_keys: tuple[bytes, ...] = ()
    """What the cloud's tokens are made with."""


# --- events: agent -> worker, numbered ------------------------------------------------------------------------------


class Granted(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A tenant is new, or its keys, policy or revision changed. `fence` is given when the worker has none yet."""

    grant: TenantGrant
    fence: FenceState | None = None


class Applied(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One entry of a tenant's journal."""

    entry: Entry


class Dropped(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The tenant's whole cache is void; the fence starts again from `fence`."""

    tenant: str
    fence: FenceState
    epoch_floor: int


class Withdrawn(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The node may serve this tenant no longer."""

    tenant: str


Event = Granted | Applied | Dropped | Withdrawn


class Numbered(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """An event with its number: the value that `page.applied` had when it was sent."""

    number: int
    event: Event


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant that the node follows and holds no grant of now: its lease is over, or the agent has just started.

    What tells whether a worker that still knows the tenant has taken the same entries.
    """

    tenant: str
    epoch: int
    applied: int
    floor: int
    epoch_floor: int


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Everything a worker needs up to event `number`; `parts` frames of `Part` follow, with one tenant each."""

    number: int
    agent: int
    """Random id of this start of the agent; a worker may resume only with the same one."""
    parts: int
    waiting: tuple[Waiting, ...] = ()


class Part(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One tenant of the snapshot before it, with its fence."""

    granted: Granted


# --- calls: worker -> agent, each with one answer -------------------------------------------------------------------


class Join(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """First frame of a worker: send events after `number`, or a snapshot when that is not possible."""

    slot: int
    boot: int
    agent: int = 0
    number: int = 0


class KeyringGet(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    file_name: str
    is_use: bool = True
    """Not when a file is only looked over: then the key is no younger than before."""


class Store(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    record: StoredObject


class Forget(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    file_names: tuple[str, ...]


class ListObjects(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    slot: int
    after: str = ""


class Report(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    renditions: tuple[Rendition, ...]


class RelayPurge(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    relay: PurgeRelay


class Discover(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A viewer asked for a cloud that no grant names: renew early, if that was not done just now.

    The answer says whether all clouds of this node are known now; before that, one that is missing may exist.
    """


class Scrape(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Metrics of the whole node in Prometheus' text form."""


class Status(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """How the node stands."""


class Renew(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The supervisor's: read the settings anew, and go on by them. `Failed` says why nothing was changed."""


Request = KeyringGet | Store | Forget | ListObjects | Report | RelayPurge | Discover | Scrape | Status | Renew


class Call(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    id: int
    request: Request


class NodeStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What `/readyz` and the supervisor's ready line show. No names but clouds'."""

    node: str
    region: str
    leased: bool
    headroom_seconds: float
    tenants: tuple[str, ...]
    refused: dict[str, str]
    """tenant -> the origin's reason, or why this node refuses the origin's journal of it."""
    problem: str
    """Last failure towards the origin, empty when all is well."""
    heads: dict[str, Head]
    workers_alive: int


class Objects(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    objects: tuple[StoredObject, ...]
    after: str
    """Ask again with this; empty at the end."""


class Yes(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    ok: bool


class Key(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    record: KeyRecord | None


class Answered(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    relayed: Relayed


class Text(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    body: bytes


class Stand(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    status: NodeStatus


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """`code` is the snake_case name of a MediaError class, as on the wire."""

    code: str
    message: str


Answer = Objects | Yes | Key | Answered | Text | Stand | Failed


class Reply(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    id: int
    answer: Answer


Upward = Join | Call
Told = Snapshot | Part | Numbered
Downward = Snapshot | Part | Numbered | Reply
