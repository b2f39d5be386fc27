"""What caches outside are told of a picture: one function writes all lifetimes (decisions I.2).

It says nothing that lets a cache serve what it cannot check: no stale-while-revalidate, no stale-if-error, no immutable.
"""

from __future__ import annotations

from dataclasses import dataclass

from domicile.media.cdn import CDN_CACHE_CONTROL, SURROGATE_CONTROL
from domicile.media.policy import ResidencyPolicy

NEGATIVE_SECONDS_MAX = 5
"""How long an edge may remember that a name does not exist."""


STAND_IN_SECONDS_MAX = 10
"""How long a browser may keep the picture that stands in for one that does not exist: it may come into being any time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outward:
    """Response headers that tell caches outside how long they may keep a copy."""

    cache_control: str
    cdn_cache_control: str
    surrogate_control: str
    shared_fields: tuple[str, ...] = (CDN_CACHE_CONTROL, SURROGATE_CONTROL)
    """By which shared caches are told, besides Cache-Control."""
    tags: tuple[tuple[str, str], ...] = ()
    """The field of tags that a known CDN may purge by, if it gets any."""

    def headers(self) -> tuple[tuple[str, str], ...]:
        told = (
            (field, self.surrogate_control if field == SURROGATE_CONTROL else self.cdn_cache_control)
            for field in self.shared_fields
        )
        return (("Cache-Control", self.cache_control), *told, *self.tags)


NO_STORE = Outward(cache_control="private, no-store", cdn_cache_control="no-store", surrogate_control="no-store")
"""Every negative and every error, and whatever is for one viewer only."""


def outward(
    policy: ResidencyPolicy,
    *,
    public: bool,
    remaining_seconds: int | None = None,
    stands_in: bool = False,
    ends: bool = False,
    shared_layers: int = 1,
) -> Outward:
    """The lifetimes of a delivered picture. `public` is false when the answer depended on the viewer.

    `stands_in`: it was delivered in the place of one that does not exist; only the viewer keeps it, and not for long.

    `ends`: not everybody may see it for ever, so nobody outside shows a copy that he could not ask about.

    `remaining_seconds`: how long the copy it comes from may itself be served; nobody outside may keep it longer.

    `shared_layers`: caches in a row that start the lifetime anew, of which each gets its part; 0 when no shared cache may
    keep it at all.
    """
    if not public:
        return NO_STORE
    browser, shared = policy.lifetimes.browser_seconds_max, policy.lifetimes.shared_seconds_max
    shared //= max(1, shared_layers)
    if remaining_seconds is not None:
        browser, shared = min(browser, remaining_seconds), min(shared, remaining_seconds)
    if stands_in or not shared_layers:
        kept = min(browser, STAND_IN_SECONDS_MAX) if stands_in else browser
        return Outward(
            cache_control=f"private, no-transform, max-age={kept}, must-revalidate",
            cdn_cache_control="no-store",
            surrogate_control="no-store",
        )
    if policy.declared_non_personal and not ends:
        return Outward(
            cache_control=f"public, no-transform, max-age={browser}, s-maxage={shared}",
            cdn_cache_control=f"max-age={shared}",
            surrogate_control=f"max-age={shared}",
        )
    return Outward(
        cache_control=f"public, no-transform, max-age={min(browser, shared)}, s-maxage={shared}, must-revalidate",
        cdn_cache_control=f"max-age={shared}, must-revalidate",
        surrogate_control=f"max-age={shared}",
    )
