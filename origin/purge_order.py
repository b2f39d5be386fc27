"""What a proved purge call asks for: its JSON, turned into targets of the key's own tenant, and whether the key covers them.

{"purge_id": "01JD9Z", "targets": [{"asset_id": …} | {"public_id": …, "type"?, "resource_type"?} | {"url": …}
                                   | {"tag": …} | {"prefix": …} | {"everything": true}], "mode"?: "hard", "reason"?}
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import msgspec

from domicile.media.asset import AssetName
from domicile.media.errors import BadRequest, OutOfScope
from origin.delivery_url import path_of
from origin.records import PurgeKey, PurgeTargets


class Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One selector; exactly one of the first six."""

    asset_id: str | None = None
    public_id: str | None = None
    url: str | None = None
    tag: str | None = None
    prefix: str | None = None
    everything: Literal[True] | None = None
    type: str | None = None
    resource_type: str | None = None
    """With `public_id` alone; without them every type is meant."""


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The JSON of a call. There is no sequence in it: the origin numbers what it commits."""

    purge_id: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    targets: Annotated[list[Target], msgspec.Meta(min_length=1)]
    mode: Literal["hard"] = "hard"
    reason: Annotated[str, msgspec.Meta(max_length=64)] = ""
    """For the caller's own use; not kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a proved call asks for."""

    purge_id: str
    targets: PurgeTargets = field(repr=False)


def read_order(body: bytes, cloud: str, hosts: Collection[str] = ()) -> Order:
    """The JSON of a proved call; `hosts`: those whose full URLs are taken. Raises BadRequest."""
    try:
        parsed = msgspec.json.decode(body, type=Body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as bad:
        raise BadRequest("The body is not a purge: see docs/purge.md") from bad
    lists: dict[str, list[Any]] = {
        name: [] for name in ("asset_ids", "public_ids", "names", "urls", "tags", "prefixes")
    }
    everything = False
    for target in parsed.targets:
        one = _one_of(target)
        if one is None:
            everything = True
        else:
            lists[one[0]].append(one[1] if one[0] != "names" else _name(target, cloud))
    lists["urls"] = [path_of(url, hosts) for url in lists["urls"]]
    filled = {name: tuple(dict.fromkeys(values)) for name, values in lists.items()}
    return Order(purge_id=parsed.purge_id, targets=PurgeTargets(everything=everything, **filled))


def _one_of(target: Target) -> tuple[str, str] | None:
    """(field of PurgeTargets, value); None for everything."""
    given = [
        (name, value)
        for name, value in (
            ("asset_ids", target.asset_id),
            ("public_ids", target.public_id),
            ("urls", target.url),
            ("tags", target.tag),
            ("prefixes", target.prefix),
        )
        if value is not None
    ]
    if len(given) + (target.everything is not None) != 1 or (given and not given[0][1]):
        raise BadRequest("Each target has one of asset_id, public_id, url, tag, prefix, everything")
    typed = target.type is not None or target.resource_type is not None
    if typed and target.public_id is None:
        raise BadRequest("type and resource_type go with public_id")
    if not given:
        return None
    return ("names", given[0][1]) if typed else given[0]


def _name(target: Target, cloud: str) -> AssetName:
    return AssetName(
        cloud=cloud,
        resource_type=target.resource_type or "image",
        delivery_type=target.type or "upload",
        public_id=target.public_id or "",
    )


def check_scope(key: PurgeKey, order: Order) -> None:
    """Raise OutOfScope for a selector that the key may not use."""
    if not key.covers(order.targets):
        raise OutOfScope("This key does not cover such targets")
