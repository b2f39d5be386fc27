"""What somebody is told of a change, and where: written beside the change, sent by `notice_worker`.

Bodies are Cloudinary's: the answer of the call, with `notification_type`, a time and the call's id.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from domicile.media.errors import AssetNotFound, BadRequest, OutsideRegion
from domicile.media.policy import Activity
from domicile.media.remote import is_listed, read_address
from origin.api.answers import Json, instant
from origin.api.params import Params
from origin.records import NOTICE, AssetRecord, NewTask, Records

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


def told(
    params: Params, *, request_id: str, now: float, hosts: tuple[str, ...], name: str = "notification_url"
) -> Told:
    """`hosts`: those that may be told, as `tellable` says. Raises BadRequest."""
    url = params.text(name)
    if url:
        _check_url(url, name, hosts)
    return Told(url=url, batch_id=params.text("batch_id"), request_id=request_id, now=now)


def tellable(records: Records, cloud: str) -> tuple[str, ...]:
    """Hosts that this cloud's policy lets be told from here. It is asked again when a notice is sent."""
    try:
        records.permit(cloud, Activity.EGRESS_WEBHOOK)
    except (AssetNotFound, OutsideRegion):
        return ()
    policy = records.policy(cloud)
    return () if policy is None else policy.notifications.hosts


def _check_url(url: str, name: str, hosts: tuple[str, ...]) -> None:
    try:
        address = read_address(url)
    except BadRequest as bad:
        raise BadRequest(f"Invalid value for parameter {name}: {bad.message}") from bad
    if not is_listed(address, hosts):
        raise BadRequest(
            f"Invalid value for parameter {name}: the host is not one that this cloud's policy lets be told"
        )
