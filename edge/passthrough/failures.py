"""What a request is answered with when it cannot be: by what went wrong. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from domicile.media.errors import Overloaded
from domicile.service.gate.assets import Busy
from domicile.service.http1 import Broken, Unreachable
from edge.cache.forward import Looping
from edge.passthrough.asked import BadRequest, BodyTooSlow, TooLarge
from edge.passthrough.fill import Incomplete


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """`detail`: for Cache-Status. `is_origins`: worth a line in the log."""

    code: int
    reason: str
    detail: str | None = None
    is_origins: bool = False


BUG = Failure(code=500, reason="Internal Server Error")


def failure_of(error: Exception) -> Failure:
    """BUG for what nobody has foreseen."""
    match error:
        case BadRequest():
            return Failure(code=400, reason="Bad Request")
        case BodyTooSlow():
            return Failure(code=408, reason="Request Timeout")
        case TooLarge():
            return Failure(code=413, reason="Content Too Large")
        case Overloaded() | Busy():
            return Failure(code=503, reason="Service Unavailable", detail="overloaded")
        case Looping():
            return Failure(code=508, reason="Loop Detected")
        case Unreachable(timed_out=True):
            return Failure(code=504, reason="Gateway Timeout", is_origins=True)
        case Unreachable() | Broken() | Incomplete():
            return Failure(code=502, reason="Bad Gateway", is_origins=True)
        case _:
            return BUG
