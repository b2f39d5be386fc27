"""What somebody is told of a change, and where: written beside the change, sent by whoever drains `records.notices`.

Bodies are Cloudinary's: the answer of the call, with `notification_type`, a time and the call's id.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import msgspec

from domicile.media.errors import BadRequest
from origin.answers import Json, instant
from origin.params import Params
from origin.records import NOTICE, AssetRecord, NewTask

URL_CHARS_MAX = 2048
PARAMETERS = frozenset({"notification_url", "batch_id"})


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """The detail of a task of kind `notice`."""

    url: str
    body: bytes
    """JSON, to be sent as it is: signatures cover these bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Whom a call wants told, and what is said of the call itself."""

    url: str = field(repr=False)
    """Empty: nobody."""
    batch_id: str = field(repr=False)
    request_id: str
    now: float

    def of(self, kind: str, record: AssetRecord, says: Callable[[AssetRecord], Json]) -> tuple[NewTask, ...]:
        """`kind`: the notification_type. `says`: what is told of the record, as it is about to be written."""
        if not self.url:
            return ()
        body: Json = {
            "notification_type": kind,
            "timestamp": instant(self.now),
            "request_id": self.request_id,
            **({"batch_id": self.batch_id} if self.batch_id else {}),
            **says(record),
        }
        notice = Notice(url=self.url, body=msgspec.json.encode(body))
        return (NewTask(kind=NOTICE, detail=msgspec.msgpack.encode(notice)),)


NOBODY = Told(url="", batch_id="", request_id="", now=0.0)


def told(params: Params, *, request_id: str, now: float, name: str = "notification_url") -> Told:
    """Raises BadRequest."""
    url = params.text(name)
    if url:
        check_url(url, name)
    return Told(url=url, batch_id=params.text("batch_id"), request_id=request_id, now=now)


def check_url(url: str, name: str) -> None:
    """An address that could be told. Whether it may be is for whoever sends. Raises BadRequest."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as bad:
        raise BadRequest(f"Invalid value for parameter {name}") from bad
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None:
        raise BadRequest(f"Invalid value for parameter {name}: must be an http or https URL")
    if len(url) > URL_CHARS_MAX or not url.isprintable() or " " in url:
        raise BadRequest(f"Invalid value for parameter {name}")
