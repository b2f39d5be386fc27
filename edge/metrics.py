"""What a node counts: names, labels and their meaning. Where each number stands: `edge.counters`.

Labels are fixed sets, so no viewer can make a new series; nothing here names an asset, a cloud or a person.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol


class Route(StrEnum):
    DELIVERY = "delivery"
    PEER = "peer"
    TIER = "tier"
    PURGE = "purge"
    SEARCH = "search"
    SERVICE = "service"
    """Health, readiness, metrics."""
    PASSTHROUGH = "passthrough"
    OTHER = "other"


class Cache(StrEnum):
    """Which tier answered."""

    MEMORY = "memory"
    DISK = "disk"
    PEER = "peer"
    """Another worker of this node."""
    MISS = "miss"
    NEGATIVE = "negative"
    """A name known not to exist."""
    NONE = "none"
    """No look-up took place: errors, service routes."""


class Count(StrEnum):
    """Events. The value is `metric name|label=value`, see HELP."""

    FILLS_STORED = "fills|result=stored"
    FILLS_FENCED = "fills|result=fenced"
    FILLS_FAILED = "fills|result=failed"
    COALESCED = "coalesced_requests"
    FENCED = "fenced_objects"
    ABORTED = "aborted_responses"
    SLOW = "slow_viewers"
    REQUESTS_REFUSED = "refused_requests"
    LIMITED = "limited_requests"
    CONNECTIONS_FULL = "refused_connections|reason=full"
    CONNECTIONS_ADDRESS = "refused_connections|reason=address"
    HEADS_LATE = "late_requests|part=head"
    BODIES_LATE = "late_requests|part=body"
    LINES_WITHHELD = "withheld_log_lines"
    HOT = "hot_hits"
    ENTRIES = "entries_applied"
    LOCKS = "lease_losses"
    NOT_SERVING = "unleased_refusals"
    ORIGIN_RESOLVES = "origin_requests|kind=resolve"
    ORIGIN_BLOBS = "origin_requests|kind=blob"
    ORIGIN_FAILURES = "origin_failures"
    ORIGIN_BYTES = "origin_received_bytes"
    EVICTED_MEMORY = "evictions|tier=memory"
    EVICTED_DISK = "evictions|tier=disk"
    DISK_FAILURES = "disk_failures"
    DISK_WRITES = "disk_writes"
    NOT_KEPT_STRANGER = "disk_not_kept|reason=first_request"
    NOT_KEPT_FULL = "disk_not_kept|reason=full"
    NOT_KEPT_FAILING = "disk_not_kept|reason=failing"
    SCRUBS = "scrubs"
    SCRUBBED_WHOLE = "scrubbed_files|result=whole"
    SCRUBBED_KEYLESS = "scrubbed_files|result=keyless"
    SCRUBBED_REPLACED = "scrubbed_files|result=replaced"
    SCRUBBED_TORN = "scrubbed_files|result=torn"
    SCRUBBED_STALE = "scrubbed_files|result=stale"
    SCRUBBED_ORPHAN = "scrubbed_files|result=orphan"
    SCRUBBED_UNFINISHED = "scrubbed_files|result=unfinished"
    SCRUBBED_MISSING = "scrubbed_files|result=missing"
    SEALS_BROKEN = "broken_seals"
    PEER_FAILURES = "peer_failures"
    PARENT_TAKEN = "parent_requests|result=taken"
    PARENT_FENCED = "parent_requests|result=fenced"
    PARENT_DECLINED = "parent_requests|result=declined"
    PARENT_FAILED = "parent_requests|result=failed"
    REPORTS_DROPPED = "reports_dropped"
    PASSTHROUGH_HIT = "passthrough_requests|result=hit"
    PASSTHROUGH_STALE = "passthrough_requests|result=stale"
    PASSTHROUGH_REVALIDATED = "passthrough_requests|result=revalidated"
    PASSTHROUGH_COLLAPSED = "passthrough_requests|result=collapsed"
    PASSTHROUGH_MISS = "passthrough_requests|result=miss"
    PASSTHROUGH_FORWARDED = "passthrough_requests|result=forwarded"
    PASSTHROUGH_ERROR = "passthrough_requests|result=error"
    TURNED_AWAY_TENANT = "turned_away_transforms|reason=tenant"
    TURNED_AWAY_FULL = "turned_away_transforms|reason=full"
    TURNED_AWAY_DISPLACED = "turned_away_transforms|reason=displaced"
    TURNED_AWAY_LATE = "turned_away_transforms|reason=late"


class Add(Protocol):
    """`Counters.add`."""

    def __call__(self, count: Count, by: int = 1, /) -> None: ...


class Gauge(StrEnum):
    MEMORY_BYTES = "memory_bytes"
    MEMORY_OBJECTS = "memory_objects"
    DISK_BYTES = "disk_bytes"
    DISK_OBJECTS = "disk_objects"
    DISK_RESTING = "disk_resting_workers"
    FLIGHTS = "flights"
    RESPONSES_OPEN = "open_responses"
    REQUESTS_IN_PROGRESS = "requests_in_progress"
    POOL_QUEUE = "transform_queue"
    POOL_BUSY = "transform_busy"
    PASSTHROUGH_MEMORY_BYTES = "passthrough_memory_bytes"
    PASSTHROUGH_DISK_BYTES = "passthrough_disk_bytes"


FORMATS = ("jpg", "png", "webp", "avif", "gif", "other")
RESULTS = ("ok", "refused", "overloaded", "failed", "killed")
STATUS_CLASSES = ("2xx", "3xx", "4xx", "5xx")

BOUNDS_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Upper bounds of the histogram's buckets; one more holds what is slower."""

QUICK_SECONDS = BOUNDS_SECONDS[0]

HELP = {
    "requests": "Responses by route, status class and the cache tier that answered.",
    "sent_bytes": "Body bytes of responses by route and cache tier.",
    "request_seconds": "Time from the request's head to the end of the response.",
    "fills": "Objects fetched or made, by what became of them; fenced: a purge came meanwhile.",
    "coalesced_requests": "Requests that waited for the fill of another.",
    "fenced_objects": "Look-ups that found an object which a purge forbids.",
    "aborted_responses": "Responses ended early because of a purge, a lost lease, or a cached file that broke in the middle.",
    "slow_viewers": "Responses ended early because the viewer took nothing, or next to nothing, for too long.",
    "refused_requests": "Media requests answered 503 because too many were in progress.",
    "limited_requests": "Media requests answered 429 because their cloud was asked for too often.",
    "refused_connections": "Connections closed at once: the worker has all it takes (full), or all it takes of one client.",
    "late_requests": "Requests answered 408 because a part of them took too long to come.",
    "withheld_log_lines": "Log lines that were counted and not written, because there were too many of their event.",
    "hot_hits": "Hits of the memory tier that were answered in one pass, counted once a second.",
    "entries_applied": "Journal entries taken by workers (each counts once a worker).",
    "lease_losses": "Times a worker dropped its keys because the lease ran out.",
    "unleased_refusals": "Requests answered 503 because the node held no lease.",
    "origin_requests": "Requests to the origin by kind.",
    "origin_failures": "Requests to the origin that it did not answer, or not with something usable.",
    "origin_received_bytes": "Sealed bytes of originals received from the origin.",
    "parent_requests": "Renditions asked of the parent, by what became of them; fenced: it had not applied a purge that this node"
    " knows of; declined: it may not or cannot give what was asked for.",
    "evictions": "Objects that made room for others, by tier.",
    "disk_failures": "Writes or reads of the disk tier that failed.",
    "disk_writes": "Objects written to the disk tier.",
    "disk_not_kept": "Objects that the disk tier did not take: asked for the first time while it is full, no room on the file"
    " system, or it rests after a failure.",
    "scrubs": "Passes over all own files of a worker that came to their end.",
    "scrubbed_files": "Files that were looked over, by what became of them: whole, or only looked at because the agent has no"
    " key (keyless), or replaced meanwhile; deleted because torn, forbidden by a purge (stale), without a row (orphan) or"
    " unfinished; missing: a row without its file.",
    "broken_seals": "Cached files that did not open: torn, moved or tampered with.",
    "peer_failures": "Streams from other workers that failed.",
    "reports_dropped": "Renditions that were not reported because the queue was full.",
    "passthrough_requests": "Requests of the passthrough by how they were answered; stale: in the place of an error, or while"
    " it is fetched anew; forwarded: not for a cache.",
    "turned_away_transforms": "Transforms that got no decoder: too many of their cloud waited, or of all, or for too long;"
    " displaced: by a cloud with fewer of them.",
    "memory_bytes": "Bytes in the memory tier.",
    "memory_objects": "Objects in the memory tier.",
    "disk_bytes": "Bytes in the disk tier.",
    "disk_objects": "Objects in the disk tier.",
    "disk_resting_workers": "Workers that write nothing to the disk tier because it failed; it is tried again by itself.",
    "flights": "Fills under way.",
    "open_responses": "Responses under way, until the viewer's machine has their last byte.",
    "requests_in_progress": "Media requests that wait or are being answered.",
    "transform_queue": "Transforms that wait for a decoder.",
    "transform_busy": "Decoders at work.",
    "passthrough_memory_bytes": "Bytes of responses of the passthrough in memory: stored ones, and bodies on their way in.",
    "passthrough_disk_bytes": "Bytes of bodies of the passthrough on the disk, those in use by their last readers included.",
    "transforms": "Transforms by format made and by result.",
    "transform_seconds": "Time of one transform in its decoder, by format.",
    "transform_wait_seconds": "Time that one transform waited for its turn.",
}

PREFIX = "domicile_edge_"
