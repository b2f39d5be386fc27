"""Is the catalogue still the one that this process knows? A standby that is promoted may lack the last commits.

What is in memory, from the index to the leases, is then of another catalogue, and the next number would tell edges a second
history. Only a start brings the catalogue up to date (decisions C.4); until then nothing is written to it, and no lease given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog

from domicile.media.errors import UpstreamUnavailable
from domicile.media.journal import Head

log = structlog.get_logger(__name__)


class Continuity:
    """`ends`: how far each tenant's journal is mirrored, which is what was committed at least."""

    def __init__(
        self, ends: Callable[[], Mapping[str, Head]], *, on_put_back: Callable[[], None] | None = None
    ) -> None:
        self._ends = ends
        self._on_put_back = on_put_back

    def known(self) -> dict[str, Head]:
        """To be taken before the heads are read that `check` compares: the mirror goes on meanwhile."""
        return dict(self._ends())

    def check(self, known: Mapping[str, Head], heads: Mapping[str, Head]) -> None:
        """Raises UpstreamUnavailable when a head tells less than is known, or something else."""
        if any(tenant in known and _is_older(head, known[tenant]) for tenant, head in heads.items()):
            log.error("catalogue_put_back")
            if self._on_put_back is not None:
                self._on_put_back()
            raise UpstreamUnavailable("The catalogue was put back to an older state: try again")


def _is_older(head: Head, known: Head) -> bool:
    """An empty chain is not known."""
    return head.seq < known.seq or (head.seq == known.seq and bool(known.chain) and head.chain != known.chain)
