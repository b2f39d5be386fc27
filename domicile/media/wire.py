"""What edges and the origin say to each other, under `/_origin/v1/` with the header `Domicile-Wire: 1`.

    POST lease              LeaseRequest -> LeaseAnswer        the edge counts the lease from the moment it SENT this
    GET  journal?after=TENANT:SEQ&after=...&wait=SECONDS -> JournalAnswer      long poll; entries in order per tenant
    POST ack                Ack -> Empty
    POST resolve            ResolveRequest -> ResolveAnswer    name -> aid, sequence, facts, keys, in one snapshot
    GET  blobs/{aid}        sealed bytes of an original, Range allowed; Domicile-Sequence: EPOCH:SEQ
    POST renditions         RenditionReport -> Empty           what edges made; the API's `derived[]`
    POST probes             ProbesRequest -> ProbesAnswer      long poll; what an edge is to look for, and what it has seen
    POST copies             CopyListing -> Empty               versions of which an edge has files
    POST search             SearchRelay -> Relayed             a signed search, relayed unread
    POST purge              PurgeRelay -> Relayed              a signed purge, relayed unread

Bodies are msgpack (msgspec). Names travel in bodies, never in URLs or logs. Edges pull; nothing is pushed to them.
Errors are WireError with a status; both sides treat an unknown field as absent. Source: decisions G.
"""

from __future__ import annotations

from typing import Any

import msgspec

from domicile.media.access import EVERYBODY, Access
from domicile.media.asset import Aid, NameHash
from domicile.media.coordinates import NOWHERE, Coordinates
from domicile.media.facts import SourceFacts
from domicile.media.journal import Entry, Head
from domicile.media.layer import LayerName
from domicile.media.probe import KnownUrl

WIRE_VERSION = "1"
WIRE_HEADER = "Domicile-Wire"
SEQUENCE_HEADER = "Domicile-Sequence"
REGION_HEADER = "Domicile-Region"
CONTENT_TYPE = "application/msgpack"
PREFIX = "/_origin/v1"
BODY_BYTES_MAX = 4 * 1024 * 1024
NAMES_MAX = 16
"""Candidate names in one resolve: the ways to split one path into transformation and public_id."""


class Empty(msgspec.Struct, frozen=True):
    """Nothing to say."""


class WireError(msgspec.Struct, frozen=True, kw_only=True):
    """Body of every non-200 answer on the wire. `code` is the snake_case name of a MediaError class."""

    code: str
    message: str


class LeaseRequest(msgspec.Struct, frozen=True, kw_only=True):
    """An edge node asks to serve for another while. `heads`: how far it has applied each tenant's journal."""

    node: str
    """Stable random id of the node, 32 hex digits."""
    boot: str
    """Random id of this start, 32 hex digits."""
    region: str
    authorities: tuple[str, ...]
    """Host[:port] names that viewers reach this node by; a signed purge must name one of them."""
    heads: dict[str, Head]
    release: bool = False
    """True: this boot serves nothing any more (a clean shutdown); purges need not wait for its lease to run out."""
    nonce: int = 0
    """Of the last answer to this boot; 0 before the first. One that was used before is refused: `boot_split`."""
    leased: bool = False
    """Does it serve now, by its own clock?"""


class TenantLease(msgspec.Struct, frozen=True, kw_only=True):
    """What an edge needs to serve one tenant. Keys stay in memory."""

    tenant: str
    """Also the cloud's name in URLs."""
    head: Head
    """Read after the request arrived; the lease counts once everything up to here is applied."""
    name_key: bytes
    """For `keys.name_hash`: name -> hash, as journal entries use it."""
    file_key: bytes
    """For `keys.file_name` of cached objects of this node."""
    config_revision: int
    policy: dict[str, Any]
    """`ResidencyPolicy.to_mapping()`; the edge decides cache, transform and deliver with it."""
    named: dict[str, str] = {}
    """Named transformations: name -> canonical text. A change is a new config revision."""
    allowed: tuple[str, ...] = ()
    """Those of them that may be used without a signature where the policy asks for one, sorted."""
    token_keys: tuple[bytes, ...] = ()
    """What the cloud's tokens are made with (`media.auth_token`). They open what asks for a token and nothing else."""


class LeaseAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Granted for `lease_seconds` from the sending of the request, less the clock margin the edge takes off.
    Tenants whose policy allows neither cache nor transform in the node's region are absent, listed in `refused`.
    """

    lease_seconds: float
    region: str
    """The origin's home region."""
    tenants: tuple[TenantLease, ...]
    refused: dict[str, str]
    """tenant -> reason"""
    nonce: int = 0
    """To be shown with the next request, and with acks until then."""
    former_seconds: float | None = None
    """The lease before ends at the latest so many seconds after the sending of this request, whatever its holder's clock said
    in between; until the new one counts, nothing is served after that. None: an origin that does not tell.
    """


class JournalAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Entries after the cursors asked for, in order per tenant; possibly none after the wait."""

    entries: tuple[Entry, ...]
    compacted: tuple[str, ...] = ()
    """Tenants whose cursor lies before the oldest entry kept: drop their whole cache and take the head from the lease."""
    unknown: tuple[str, ...] = ()
    """Tenants whose cursor is not in this origin's history (other epoch, other chain)."""


class Ack(msgspec.Struct, frozen=True, kw_only=True):
    """Every worker of this boot has applied these, and no older response of the entries' aids is open."""

    node: str
    boot: str
    applied: dict[str, Head]
    nonce: int = 0
    """As of `LeaseRequest`. With the one before the newest it does not count yet: `overloaded`."""


class EdgeProbe(msgspec.Struct, frozen=True, kw_only=True):
    """What was erased, for an edge to look whether it has any of it. `urls` are names: they stay in memory."""

    id: str
    """Of the erasure."""
    tenant: str
    seq: int
    """Of its newest entry."""
    aids: tuple[Aid, ...]
    urls: tuple[KnownUrl, ...]


class EdgeSeen(msgspec.Struct, frozen=True, kw_only=True):
    """What an edge has seen of one probe. Everything is counted over all of its workers."""

    id: str
    tenant: str
    looked: int
    """Versions that it has looked for."""
    kept: int
    """Copies, keys and open responses of them that it found in what it keeps, and tombstones that it lacks."""
    asked: int
    """Requests that it made to its own listener."""
    given: int
    """Of these, how many were answered with bytes."""
    unjudged: int
    """Of these, how many told nothing: a name that is taken again, a spelling that is not taken."""
    unsure: int
    """What it could not look at, or was not answered: ask again."""


class ProbesRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Tell what was seen, and wait up to `wait_seconds` for something to look for."""

    node: str
    boot: str
    region: str
    wait_seconds: float
    seen: tuple[EdgeSeen, ...] = ()


class ProbesAnswer(msgspec.Struct, frozen=True, kw_only=True):
    probes: tuple[EdgeProbe, ...]


class ResolveRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`public_ids`: candidates, the most likely first; the first that exists wins.
    `signature`: the 8 or 32 characters of `s--…--`, with `signed_texts[i]` what it would cover for candidate i.
    """

    cloud: str
    resource_type: str
    delivery_type: str
    public_ids: tuple[str, ...]
    transformed: bool
    """Does the URL ask for a rendition (True) or for the original (False)?"""
    region: str
    signature: str | None = None
    signed_texts: tuple[str, ...] = ()
    labels: bool = False
    """Does the transformation read tags or context? Only then they leave the origin."""
    coordinates: bool = False
    """Does it read stored coordinates? Only then they leave the origin."""
    layers: tuple[tuple[LayerName, ...], ...] = ()
    """`layers[i]`: the pictures that candidate i lays over its own, at most LAYERS_MAX; empty when none does."""
    judges: bool = False
    """Does the edge judge `Resolved.access` at each answer? Else nothing that has rules is released to it."""
    token: str = ""
    """A token that the edge found good for `target`; the origin judges it again, but for the viewer's address."""
    target: str = ""
    """The request target as received; only beside a token."""
    ending: str = ""
    """What stands behind the public_id in the URL, as received: ".JPG". A picture that is not here yet may be called so
    where it lies (upload mappings).
    """


class ResolvedLayer(msgspec.Struct, frozen=True, kw_only=True):
    """A picture laid over another, as of the same snapshot."""

    aid: Aid
    name: NameHash
    facts: SourceFacts
    original_key: bytes | None
    """As of `Resolved`."""
    coordinates: Coordinates = NOWHERE
    """As of `Resolved`."""


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """One name, resolved in one snapshot that had applied (epoch, sequence)."""

    index: int
    """Which candidate it was."""
    aid: Aid
    asset_id: str
    name: NameHash
    epoch: int
    sequence: int
    config_revision: int
    version: int
    """The `v123…` of the API, a Unix time in seconds; never part of a cache key."""
    facts: SourceFacts
    contributors: tuple[Aid, ...]
    """`aid`, and those of the layers: sorted, each once."""
    original_key: bytes | None
    """subkey(data key, "original"); None when this region may not transform."""
    rendition_key: bytes
    """content_key over the contributors' subkeys for "rendition"."""
    resource_type: str = "image"
    tags: tuple[str, ...] = ()
    """Only where `ResolveRequest.labels` asked for them, like `context`."""
    context: dict[str, str] = {}
    coordinates: Coordinates = NOWHERE
    """Only where `ResolveRequest.coordinates` asked for them."""
    layers: tuple[ResolvedLayer, ...] = ()
    """In the order of the question."""
    access: Access = EVERYBODY
    """Who may see it, and when: judged at each answer."""


class Absent(msgspec.Struct, frozen=True, kw_only=True):
    """None of the candidates exists, or one does and a picture over it does not. `status` is 404 or what the policy says
    of erased assets.
    """

    epoch: int
    sequence: int
    names: tuple[NameHash, ...]
    """What does not exist, of everything that was asked for."""
    status: int = 404
    layer: LayerName | None = None
    """The first candidate that exists lays this picture over its own, and there is none."""


class ResolveAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Exactly one of the two. A bad signature is a WireError `bad_signature` (401), a region denied is `outside_region`."""

    resolved: Resolved | None = None
    absent: Absent | None = None


class Rendition(msgspec.Struct, frozen=True, kw_only=True):
    """One rendition that an edge has made."""

    tenant: str
    aid: Aid
    sequence: int
    transformation: str
    format: str
    width: int
    height: int
    body_bytes: int
    layers: tuple[Aid, ...] = ()
    """The other pictures that it shows; it is forgotten with any of them."""


class RenditionReport(msgspec.Struct, frozen=True, kw_only=True):
    """At most 256 at a time; best effort, re-checked against the journal when written."""

    node: str
    renditions: tuple[Rendition, ...]


class CopyListing(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the list of versions that files on a node's disk are made of, of one tenant: at most 1000, in no order, and a
    version may be in several parts.
    """

    node: str
    tenant: str
    opens: bool = False
    """A new list begins."""
    aids: tuple[Aid, ...] = ()
    closes: bool = False
    """The list is whole: what it has not named has no file."""


class PurgeRelay(msgspec.Struct, frozen=True, kw_only=True):
    """A purge call as a viewer-facing edge received it. Header names are lower-case, values as received."""

    node: str
    region: str
    method: str
    authority: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


class SearchRelay(msgspec.Struct, frozen=True, kw_only=True):
    """A search URL as an edge received it, in its parts. The origin verifies it: an edge has no API secret."""

    region: str
    cloud: str
    signature: str
    ttl: str
    query: str
    next_cursor: str = ""


class Relayed(msgspec.Struct, frozen=True, kw_only=True):
    """What the edge hands back to the caller, untouched."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
