"""Is it known, without asking, that there is nothing to answer a request with?

A reading is dead when its name does not exist, or a picture that it lays over its own does not: 404 in either case. The
default image comes after all readings, with what the first of them lays over it.
"""

from __future__ import annotations

from collections.abc import Callable

from domicile.media.asset import NameHash
from edge.upstream import AssetGone, gone
from edge.wanted import Wanted, Way

Status = Callable[[NameHash], int | None]
"""The status to answer with for a name that is known not to exist; None for every other."""


def known_absent(wanted: Wanted, status_of: Status) -> AssetGone | None:
    """What to answer, when every way to an answer is known to be dead."""
    dead = [_missing(way, status_of) for way in wanted.ways]
    first = dead[0]
    if first is None or None in dead:
        return None
    if wanted.default is not None and status_of(wanted.default.name) is None:
        first = _missing_layer(wanted.ways[0], status_of)
    return None if first is None else gone(*first, remembered=True)


def _missing(way: Way, status_of: Status) -> tuple[str, int] | None:
    """The public_id that does not exist, and the status for it."""
    status = status_of(way.name)
    return _missing_layer(way, status_of) if status is None else (way.candidate.public_id, status)


def _missing_layer(way: Way, status_of: Status) -> tuple[str, int] | None:
    for overlay in way.overlays:
        status = status_of(overlay.name)
        if status is not None:
            return overlay.layer.public_id, status
    return None
