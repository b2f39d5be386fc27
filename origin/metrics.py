"""What the origin counts. Labels are bounded: names of routes, statuses, kinds of errors; never a name or an address."""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

from prometheus_client import CollectorRegistry

from domicile import __version__
from domicile.media.cdn_calls import SPEAKERS
from domicile.media.signature import Digest
from domicile.service.line import TURNED_AWAY
from domicile.service.metrics import BoundedCounter, BoundedGauge, BoundedHistogram, new_registry
from domicile.service.pool_verdict import Death
from origin.errors import STATUS, code_of_kind

STATUSES = ("200", "204", "206", "400", "401", "403", "404", "409", "416", "421", "429", "451", "500", "503")
KINDS = (*map(code_of_kind, STATUS), "internal")
PURGE_OUTCOMES = (
    "accepted", "repeated", "size", "form", "key", "key_time", "components", "parameters", "time", "digest", "signature",
    "replay", "place", "scope", "body",
)  # fmt: skip
"""Outcomes of signed purges; the caller of a call that proves nothing learns only 401."""
CDN_OUTCOMES = ("confirmed", "later", "failed", "denied", "lapsed")
PROBE_OUTCOMES = ("verified", "found", "unsure", "denied", "limited")
NOTICE_OUTCOMES = ("delivered", "answered", "unreachable", "refused", "failed", "given_up", "gone")
POOL_OUTCOMES = (
    "done", "undecodable_media", "limit_exceeded", "bad_transformation", "known_killer", *get_args(Death),
)  # fmt: skip


class Metrics:
    """One set per process, with a registry of its own."""

    def __init__(self, *, region: str, routes: Iterable[str], registry: CollectorRegistry | None = None) -> None:
        to = self.registry = registry or new_registry(tier="origin", version=__version__, region=region)
        self.requests = BoundedHistogram(
            to,
            "domicile_origin_request_seconds",
            "Seconds from the head of a request to its answer.",
            {"route": tuple(routes), "status": STATUSES},
        )
        self.errors = BoundedCounter(
            to, "domicile_origin_errors_total", "Answers that report an error, by kind.", {"kind": KINDS}
        )
        self.signatures = BoundedCounter(
            to,
            "domicile_origin_signatures_total",
            "Calls proved by an SDK signature. Version 1 where it differs from 2 can be made to say other things than its"
            " signer meant: see `origin.signature_v1`.",
            {"version": ("1", "2"), "hash": tuple(map(str, Digest))},
        )
        self.upload_bytes = BoundedCounter(
            to, "domicile_origin_upload_bytes_total", "Bytes of originals that were stored.", {}
        )
        self.upload_memory = BoundedGauge(
            to, "domicile_origin_upload_memory_bytes", "Bytes of uploads that are held in memory now.", {}
        )
        self.upload_spool = BoundedGauge(
            to,
            "domicile_origin_upload_spool_bytes",
            "Bytes of uploads that lie sealed on the disk until they are whole.",
            {},
        )
        self.leases = BoundedCounter(
            to,
            "domicile_origin_leases_total",
            "Leases that edges asked for, by outcome.",
            {"outcome": ("granted", "refused", "released")},
        )
        self.nodes = BoundedGauge(
            to, "domicile_origin_nodes", "Edge nodes that asked for a lease within the last hour.", {}
        )
        self.fence_waits = BoundedCounter(
            to,
            "domicile_origin_fence_waits_total",
            "Changes by whether every edge was fenced when they were answered.",
            {"state": ("fenced", "pending")},
        )
        self.purges = BoundedCounter(
            to, "domicile_origin_purges_total", "Signed purge calls, by outcome.", {"outcome": PURGE_OUTCOMES}
        )
        self._outside(to)
        self._records(to)
        self._pool(to)
        self._subjects(to)
        self._crawler(to)

    def _crawler(self, to: CollectorRegistry) -> None:
        self.copies_compared = BoundedGauge(
            to, "domicile_origin_crawl_copies", "Originals that the last whole pass of the crawler compared.", {}
        )
        self.copies_differing = BoundedGauge(
            to,
            "domicile_origin_crawl_differences",
            "What the last whole pass of the crawler found. Unlisted: originals that no record tells of. Phantom: originals that are told of and"
            " not there. Stranger: copies that an edge still lists of what has been erased or replaced, or was never here.",
            {"kind": ("unlisted", "phantom", "stranger")},
        )
        self.crawl_finished = BoundedGauge(
            to,
            "domicile_origin_crawl_finished_seconds",
            "Unix time at which the crawler ended its last whole pass.",
            {},
        )

    def _subjects(self, to: CollectorRegistry) -> None:
        self.cases = BoundedGauge(
            to,
            "domicile_origin_subject_cases",
            "Requests of persons that are open, of all clouds, and those of them that are overdue.",
            {"state": ("open", "overdue")},
        )

    def _outside(self, to: CollectorRegistry) -> None:
        """What is asked of others."""
        self.remote_fetches = BoundedCounter(
            to,
            "domicile_origin_remote_fetches_total",
            "Fetches of pictures from elsewhere, by outcome. Refused: no capacity, too large, or no room in memory.",
            {"outcome": ("fetched", "failed", "refused")},
        )
        self.notices = BoundedCounter(
            to,
            "domicile_origin_notices_total",
            "Attempts to tell of a change (webhooks), by outcome. Delivered: a status of 2xx. Answered: another one."
            " Unreachable: no answer. Refused: the policy lets nothing be sent there. Failed: by a fault of ours. Those four are tried again, and"
            " counted once more as given_up after seven days. Gone: deleted or erased before it was sent.",
            {"outcome": NOTICE_OUTCOMES},
        )
        self.cdn_purges = BoundedCounter(
            to,
            "domicile_origin_cdn_purges_total",
            "Purges at CDNs by kind of CDN: calls by what came of them (confirmed, later, failed), calls that were not made because a"
            " policy lets no metadata go out (denied), and purges that were over by the age of all copies before a CDN confirmed them (lapsed).",
            {"cdn": tuple(SPEAKERS), "outcome": CDN_OUTCOMES},
        )
        self.probes = BoundedCounter(
            to,
            "domicile_origin_cdn_probes_total",
            "Probes of CDNs for what was erased, by kind of CDN: nothing was given away (verified), it was (found: look into it), the CDN did not"
            " answer or refused (unsure), the policy does not let it be asked (denied), it limits how often it is asked (limited).",
            {"cdn": tuple(SPEAKERS), "outcome": PROBE_OUTCOMES},
        )

    def _records(self, to: CollectorRegistry) -> None:
        self.journal_head = BoundedGauge(
            to, "domicile_origin_journal_head", "Journal entries ever written, over all clouds.", {}
        )
        self.search_built = BoundedGauge(
            to,
            "domicile_origin_search_built_ratio",
            "Share of the assets that the search index has been given since it was begun anew; below 1 searches, listings and uploads under a"
            " quota can be answered 429.",
            {},
        )

    def _pool(self, to: CollectorRegistry) -> None:
        self.pool_queue = BoundedGauge(to, "domicile_origin_pool_queue", "Uploads that wait for a decoder.", {})
        self.pool_working = BoundedGauge(to, "domicile_origin_pool_working", "Uploads that a decoder works on.", {})
        self.pool_waits = BoundedHistogram(
            to, "domicile_origin_pool_wait_seconds", "Seconds that an upload waited for a decoder.", {}
        )
        self.pool_turned_away = BoundedCounter(
            to,
            "domicile_origin_pool_turned_away_total",
            "Uploads that got no decoder: too many of their cloud waited, or of all, or for too long; displaced: by a"
            " cloud with fewer of them.",
            {"reason": TURNED_AWAY},
        )
        self.pool_jobs = BoundedHistogram(
            to,
            "domicile_origin_pool_job_seconds",
            "Seconds of decoder jobs.",
            {"kind": ("probe", "render", "gather"), "outcome": POOL_OUTCOMES},
        )
        self.pool_kills = BoundedCounter(
            to,
            "domicile_origin_pool_kills_total",
            "Decoder processes that ended early, by reason.",
            {"reason": POOL_OUTCOMES},
        )

    # --- what the decoder pool reports (domicile.service.pool.PoolObserver) ---

    def on_queue_depth(self, depth: int) -> None:
        self.pool_queue.set(depth)

    def on_working(self, jobs: int) -> None:
        self.pool_working.set(jobs)

    def on_wait(self, seconds: float) -> None:
        self.pool_waits.observe(seconds)

    def on_turned_away(self, reason: str) -> None:
        self.pool_turned_away.add(reason=reason)

    def on_job(self, kind: str, format: str, seconds: float, outcome: str) -> None:  # noqa: A002 - the port's name
        self.pool_jobs.observe(seconds, kind=kind, outcome=outcome)

    def on_worker_killed(self, reason: str) -> None:
        self.pool_kills.add(reason=reason)
