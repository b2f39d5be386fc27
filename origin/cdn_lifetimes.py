"""How long copies in caches in front may live: by what was in force when they were given away, and not by what is now. Pure.

A policy that shortens C does so for copies from then on. Those of before live as long as they were told, so a purge that ends
by the age of all copies waits for the longest C by which one can have been given away.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from domicile.media.outward_tags import TAGGED_SECONDS_MAX
from domicile.media.policy import ResidencyPolicy
from domicile.media.policy_file import LEASE_SECONDS_MAX

LAYERS_MAX = 8
"""Caches of a CDN in a row that start a copy's lifetime anew."""
IN_FLIGHT_SECONDS_MAX = 2 * 3600.0
"""D + T at most."""
SETTLED_SECONDS = LEASE_SECONDS_MAX * 1.02
"""After so long the last edge has taken a new policy, or serves nothing: a lease ends by then, whatever its edge's clock does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """C of one cloud, and what is left of the longer ones before."""

    seconds: int
    longer_seconds: int = 0
    longer_until: float = 0.0
    """By then nobody has given away a copy under `longer_seconds` any more; it may live that long after."""


def shared_seconds(policy: ResidencyPolicy | None) -> int:
    """C of a policy; without one nothing is given away."""
    return 0 if policy is None else policy.lifetimes.shared_seconds_max


def changed(held: Held | None, seconds: int, *, now: float) -> Held:
    """A policy is put in force. `held` None: what was before is not known, so it may have been the longest there is."""
    before = Held(seconds=TAGGED_SECONDS_MAX) if held is None else held
    if seconds >= before.seconds:
        return replace(before, seconds=seconds)
    lives_until = before.longer_until + IN_FLIGHT_SECONDS_MAX + before.longer_seconds * LAYERS_MAX
    longer = max(before.seconds, before.longer_seconds if lives_until > now else 0)
    return Held(seconds=seconds, longer_seconds=longer, longer_until=now + SETTLED_SECONDS)


def seconds_max(held: Held, *, now: float, in_flight: float = 0.0, layers: int = 1) -> float:
    """The longest that a copy which may be out there now was told to live, in so many caches in a row."""
    is_over = now >= held.longer_until + in_flight + held.longer_seconds * layers
    return float((held.seconds if is_over else max(held.seconds, held.longer_seconds)) * layers)


def tagged_seconds_max(held: Held, *, now: float, in_flight: float, layers: int) -> float:
    """Of a copy with tags: never longer than TAGGED_SECONDS_MAX in each cache."""
    return min(seconds_max(held, now=now, in_flight=in_flight, layers=layers), float(TAGGED_SECONDS_MAX * layers))
