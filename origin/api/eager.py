"""`eager`: renditions that are made with the upload, so that their figures are known and what cannot be made is refused.

Nothing is stored of them: renditions live at edges, and are made again when they are asked for. With `eager_async` they are
made afterwards, as a task of the version, and `eager_notification_url` is told.

    eager=c_fill,h_100,w_100/jpg|w_200        parted by bars, each as in a URL, with a format behind the last slash
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from domicile.imaging.job import MediaLimits
from domicile.media.errors import BadRequest, MediaError
from origin.api.answers import Address, Json, asset
from origin.api.notices import NO_AUDIENCE, Audience, Told, told
from origin.api.params import Params
from origin.delivery_url import SIGNED_TYPES, delivery_url
from origin.records import EAGER, AssetRecord, Left, Named, NewTask
from origin.renders import MadeNow, Order, read_order

PARAMETERS = frozenset({"eager", "eager_async", "eager_notification_url"})
EAGER_MAX = 25
"""Of one call."""
BATCH_ID_BYTES = 16
KIND = "eager"
ORDERS_MAX = 100
"""Of one task."""


class EagerTask(msgspec.Struct, frozen=True, kw_only=True):
    """The detail of a task of kind `eager`."""

    eager: str
    """As the call wrote it."""
    url: str
    """Who is told; empty: nobody."""
    batch_id: str
    request_id: str
    kind: str = KIND
    """The notification_type of what is told when they are made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a call asks for."""

    orders: tuple[Order, ...] = ()
    text: str = field(default="", repr=False)
    is_async: bool = False
    notice: Told
    """Told when they are made."""

    @property
    def now(self) -> tuple[Order, ...]:
        """Those that are made before the answer."""
        return () if self.is_async else self.orders

    def left(self, record: AssetRecord, made: Sequence[MadeNow], address: Address) -> Left:
        """What is written beside the asset."""
        if not self.orders:
            return Left()
        if self.is_async:
            return Left(tasks=(self._task(),))
        return finished(record, made, (), self.notice, address)

    def _task(self) -> NewTask:
        detail = EagerTask(
            eager=self.text, url=self.notice.url, batch_id=self.notice.batch_id, request_id=self.notice.request_id
        )
        return NewTask(kind=EAGER, detail=msgspec.msgpack.encode(detail))

    def answer(self, record: AssetRecord, made: Sequence[MadeNow], address: Address) -> Json:
        """The fields of the call's answer."""
        if not self.orders:
            return {}
        if not self.is_async:
            return {"eager": [done(one, record, address) for one in made]}
        batch = {"batch_id": self.notice.batch_id}
        rows = [{"status": "processing", **batch, **_named(order, record, address)} for order in self.orders]
        return {"eager": rows, **batch}


def read_wish(
    params: Params,
    named: Mapping[str, Named],
    limits: MediaLimits,
    *,
    request_id: str,
    now: float,
    audience: Audience = NO_AUDIENCE,
) -> Wish:
    """Raises BadRequest, BadTransformation, LimitExceeded."""
    text = params.text("eager")
    notice = told(params, request_id=request_id, now=now, audience=audience, name="eager_notification_url")
    is_async = params.flag("eager_async", default=False)
    if is_async and not notice.batch_id:
        notice = replace(notice, batch_id=secrets.token_hex(BATCH_ID_BYTES))
    return Wish(orders=read_orders(text, named, limits), text=text, is_async=is_async, notice=notice)


def read_orders(
    text: str, named: Mapping[str, Named], limits: MediaLimits, *, most: int = EAGER_MAX
) -> tuple[Order, ...]:
    """Raises BadRequest, BadTransformation, LimitExceeded."""
    parts = [part for part in text.split("|") if part] if text else []
    if len(parts) > most:
        raise BadRequest(f"Too many eager transformations: at most {most}")
    return tuple(read_order(part, named, limits) for part in parts)


def finished(
    record: AssetRecord,
    made: Sequence[MadeNow],
    failed: Sequence[tuple[Order, MediaError]],
    notice: Told,
    address: Address,
    kind: str = KIND,
) -> Left:
    """All are made, or will never be: the list of the asset's renditions, and word of it."""
    rows = [done(one, record, address) for one in made]
    rows += [{"status": "failed", "reason": why.message, **_named(order, record, address)} for order, why in failed]

    def says(record: AssetRecord) -> Json:
        return {**asset(record, address), KIND: rows}

    return Left(made=tuple(one.kept for one in made), tasks=notice.of(kind, record, says))


def done(made: MadeNow, record: AssetRecord, address: Address) -> Json:
    """One rendition in an answer."""
    result = made.rendered.done
    return {
        "width": result.width,
        "height": result.height,
        "bytes": len(made.rendered.body),
        "format": result.format,
        **_named(made.order, record, address),
    }


def _named(order: Order, record: AssetRecord, address: Address) -> Json:
    def url(base: str) -> str:
        return delivery_url(
            base,
            record.name,
            version=record.version,
            extension=order.extension_of(record.facts),
            api_secret=address.url_secret,
            transformation=order.text,
            shows_restricted=any(layer.delivery_type in SIGNED_TYPES for layer in order.chain.layers),
        )

    return {"transformation": order.text, "url": url(address.base), "secure_url": url(address.secure_base)}
