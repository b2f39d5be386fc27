"""What one cloud, and one key, may have: calls in an hour, renditions in a day, uploads at a time. One origin process counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from domicile.media.errors import Overloaded, QuotaUsedUp
from domicile.media.policy import ResidencyPolicy
from domicile.media.quotas import NO_QUOTAS, Quotas
from origin.rates import DAY_SECONDS, Rates, Used, check_daily, check_rate
from origin.records import Tenant

POLLS_MAX, POLLS_CLOUD_MAX = 64, 8
"""Calls at a time that wait for notices, of all clouds and of one."""


def quotas_of(policy: ResidencyPolicy | None) -> Quotas:
    return policy.quotas if policy is not None else NO_QUOTAS


@dataclass(slots=True, kw_only=True)
class Limits:
    """Counts of all clouds."""

    admin_calls_max: int
    lookups_max: int
    admin: Rates = field(default_factory=Rates)
    clouds: Rates = field(default_factory=Rates)
    keys: Rates = field(default_factory=Rates)
    lookups: Rates = field(default_factory=Rates)
    """Of persons, by cloud."""
    searches: Rates = field(default_factory=Rates)
    """Answers to search URLs."""
    requests: Rates = field(default_factory=lambda: Rates(window_seconds=DAY_SECONDS))
    """Of a cloud in a day, which `usage` tells."""
    key_requests: Rates = field(default_factory=lambda: Rates(window_seconds=DAY_SECONDS))
    """The same of a key."""
    renders: Rates = field(default_factory=lambda: Rates(window_seconds=DAY_SECONDS))
    uploads: dict[str, int] = field(default_factory=dict)
    polls: Counter[str] = field(default_factory=Counter)
    """Calls that wait for notices now, by cloud."""

    def count_call(
        self, tenant: Tenant, quotas: Quotas, headers: dict[str, str], *, is_admin: bool, now: float
    ) -> None:
        """One call of a key. The headers become those of the limit that is nearest. Raises Overloaded."""
        self.requests.count(tenant.cloud, now=now)
        self.key_requests.count(tenant.api_key, now=now)
        counted = [("this API key", self.keys.count(tenant.api_key, calls_max=tenant.calls_max, now=now))]
        counted.append(
            ("calls_per_hour_max", self.clouds.count(tenant.cloud, calls_max=quotas.calls_per_hour_max, now=now))
        )
        if is_admin:
            counted.append(("the Admin API", self.admin.count(tenant.cloud, calls_max=self.admin_calls_max, now=now)))
        limited = [(what, used) for what, used in counted if used.limit]
        if limited:
            headers.update(min((used for _, used in limited), key=lambda used: used.left).headers)
        for what, used in limited:
            check_rate(used, what)

    def count_lookup(self, cloud: str, *, now: float) -> None:
        """One question about one person: whoever has stolen a key cannot try names at will. Raises Overloaded."""
        check_rate(self.lookups.count(cloud, calls_max=self.lookups_max, now=now), "look-ups of persons")

    def count_search(self, cloud: str, quotas: Quotas, *, now: float) -> None:
        """One answer to a search URL. A rate of its own, as large as that of calls: whoever has such a URL could otherwise
        use up what the cloud itself may call. Raises Overloaded.
        """
        self.requests.count(cloud, now=now)
        used = self.searches.count(cloud, calls_max=quotas.calls_per_hour_max, now=now)
        if used.limit:
            check_rate(used, "calls_per_hour_max, of search URLs")

    def calls_of(self, api_key: str, *, now: float) -> Used:
        """What a key has had in this hour."""
        return self.keys.used(api_key, now=now)

    def count_render(self, cloud: str, quotas: Quotas, *, now: float) -> None:
        """Raises QuotaUsedUp."""
        used = self.renders.count(cloud, calls_max=quotas.renders_per_day_max, now=now)
        if used.limit:
            check_daily(used, "renders_per_day_max")

    @contextmanager
    def upload(self, cloud: str, quotas: Quotas) -> Iterator[None]:
        """One upload that is being dealt with. Raises QuotaUsedUp."""
        running, most = self.uploads.get(cloud, 0), quotas.uploads_in_flight_max
        if most and running >= most:
            raise QuotaUsedUp(f"Quota exceeded - uploads_in_flight_max: {most} at a time. Try again")
        self.uploads[cloud] = running + 1
        try:
            yield
        finally:
            left = self.uploads[cloud] - 1
            if left:
                self.uploads[cloud] = left
            else:
                del self.uploads[cloud]

    @contextmanager
    def poll(self, cloud: str) -> Iterator[None]:
        """One call that may wait for notices. Raises Overloaded."""
        if self.polls.total() >= POLLS_MAX or self.polls[cloud] >= POLLS_CLOUD_MAX:
            raise Overloaded("Too many calls wait for notifications, try again")
        self.polls[cloud] += 1
        try:
            yield
        finally:
            self.polls[cloud] -= 1
            self.polls += Counter()  # drops those at 0
