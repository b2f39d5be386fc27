"""How this node's own questions to its own listener (edge.probing) are known there: by an HMAC of what is asked for.

Whoever keeps a cloud at its rate limit would else keep its erasures from being verified (ADR 0059). What is known in this way is asked by
nobody but this node, and passes the limit; in everything else it is a viewer's request. The key is in the shared page: no other user of the
machine can read it, it is made anew at each start of the node, and no proof is good for another target.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from edge.front import is_secret

FIELD = "Domicile-Own-Probe"
"""Of the request; a hit is no other for it (`edge.request_head`)."""


def proof(key: bytes, target: str) -> str:
    return hmac.digest(key, target.encode("utf-8", "surrogateescape"), hashlib.sha256).hex()


def is_proved(key: bytes, target: str, said: Sequence[str]) -> bool:
    """`said`: every value of the field in a request for `target`, as it was received."""
    return len(said) == 1 and is_secret(said[0], (proof(key, target).encode(),))
