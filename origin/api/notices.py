"""What somebody is told of a change, and where: written beside the change, sent by `notice_worker`.

Bodies are Cloudinary's: the answer of the call, with `notification_type`, a time and the call's id.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from domicile.media.errors import AssetNotFound, BadRequest, OutsideRegion
from domicile.media.policy import Activity
from domicile.media.remote import is_listed, read_address
from origin.api.answers import Json, instant
from origin.api.params import Params
from origin.records import NOTICE, POLLED, AssetRecord, NewTask, Records, Trigger

EVERY_EVENT = "all"
POLL, ANONYMOUS = "poll://", "poll://*"
"""Instead of an address: the notice waits until it is fetched (`polling`). The latter goes by the call's batch_id."""
_CHANNEL = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
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
    """Whom the call itself names; empty: nobody."""
    batch_id: str = field(repr=False)
    request_id: str
    now: float
    triggers: tuple[Trigger, ...] = field(default=(), repr=False)
    """The cloud's; where the call names somebody, they are not asked."""

    def addresses(self, kind: str) -> tuple[str, ...]:
        """Who is told of an event of this kind, each once."""
        if self.url:
            return (self.url,)
        return tuple(dict.fromkeys(one.uri for one in self.triggers if one.event_type in {kind, EVERY_EVENT}))

    def of(self, kind: str, record: AssetRecord, says: Callable[[AssetRecord], Json]) -> tuple[NewTask, ...]:
        """`kind`: the notification_type. `says`: what is told of the record, as it is about to be written."""
        return self.saying(kind, lambda: says(record))

    def saying(self, kind: str, says: Callable[[], Json]) -> tuple[NewTask, ...]:
        """The same of what is no single asset."""
        addresses = self.addresses(kind)
        if not addresses:
            return ()
        body: Json = {
            "notification_type": kind,
            "timestamp": instant(self.now),
            "request_id": self.request_id,
            **({"batch_id": self.batch_id} if self.batch_id else {}),
            **says(),
        }
        told = [Notice(url=url, body=msgspec.json.encode(body)) for url in addresses]
        return tuple(self._task(notice) for notice in told)

    def _task(self, notice: Notice) -> NewTask:
        detail = msgspec.msgpack.encode(notice)
        if not is_polled(notice.url):
            return NewTask(kind=NOTICE, detail=detail)
        is_named = notice.url != ANONYMOUS
        channel = named_channel(notice.url.removeprefix(POLL)) if is_named else batch_channel(self.batch_id)
        return NewTask(kind=POLLED, detail=detail, channel=channel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """Whom a cloud may have told of its changes, and whom it has told."""

    hosts: tuple[str, ...] = ()
    """As the policy lists them (`tellable`)."""
    triggers: tuple[Trigger, ...] = field(default=(), repr=False)


NO_AUDIENCE = Audience()
NOBODY = Told(url="", batch_id="", request_id="", now=0.0)


def told(params: Params, *, request_id: str, now: float, audience: Audience, name: str = "notification_url") -> Told:
    """Raises BadRequest."""
    url = params.text(name)
    if url:
        check_address(url, name, audience.hosts)
    batch_id = params.text("batch_id")
    if url == ANONYMOUS and not batch_id:
        raise BadRequest(f"Invalid value for parameter {name}: {ANONYMOUS} needs a batch_id to be fetched by")
    return Told(url=url, batch_id=batch_id, request_id=request_id, now=now, triggers=audience.triggers)


async def audience_of(records: Records, cloud: str) -> Audience:
    """As things stand. A trigger whose host the policy lists no more is not asked."""
    hosts = tellable(records, cloud)
    triggers = await records.triggers.all(cloud)
    asked = (one for one in triggers if is_polled(one.uri) or is_listed(read_address(one.uri), hosts))
    return Audience(hosts=hosts, triggers=tuple(asked))


def is_polled(url: str) -> bool:
    return url.startswith(POLL)


def named_channel(name: str) -> str:
    """Raises BadRequest."""
    if _CHANNEL.fullmatch(name) is None:
        raise BadRequest("Invalid value for parameter channel: must be 1 to 64 of A-Z, a-z, 0-9, _, . and -")
    return f"channel {name}"


def batch_channel(batch_id: str) -> str:
    return f"batch {batch_id}"


def tellable(records: Records, cloud: str) -> tuple[str, ...]:
    """Hosts that this cloud's policy lets be told from here. It is asked again when a notice is sent."""
    try:
        records.permit(cloud, Activity.EGRESS_WEBHOOK)
    except (AssetNotFound, OutsideRegion):
        return ()
    policy = records.policy(cloud)
    return () if policy is None else policy.notifications.hosts


def check_address(url: str, name: str, hosts: tuple[str, ...]) -> None:
    """May this cloud have it told? Raises BadRequest. What is polled goes to nobody but who has a key of the cloud."""
    if is_polled(url):
        if url != ANONYMOUS:
            named_channel(url.removeprefix(POLL))
        return
    try:
        address = read_address(url)
    except BadRequest as bad:
        raise BadRequest(f"Invalid value for parameter {name}: {bad.message}") from bad
    if not is_listed(address, hosts):
        raise BadRequest(
            f"Invalid value for parameter {name}: the host is not one that this cloud's policy lets be told"
        )
