"""Upload mappings: where a file lies that is asked for and not here, if its public_id is in a folder that is mapped.

    folder "old", template "https://www.example.org/media/":  old/team/jane.jpg -> https://www.example.org/media/team/jane.jpg

The rest of the public_id is encoded as a path: nothing that a viewer writes becomes a query, or another host.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from domicile.media.asset import AssetName
from domicile.media.url import escape
from domicile.media.wire import ResolveAnswer, ResolveRequest
from origin.keys import Origin
from origin.records import UploadMapping
from origin.remote import rules_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """A picture, a film or a raw file that could be brought."""

    name: AssetName
    folder: str = field(repr=False)
    address: str = field(repr=False)


async def find(origin: Origin, asked: ResolveRequest, answer: ResolveAnswer) -> Mapped | None:
    """The most likely one that is absent and mapped, of those that the question's signature lets be looked for."""
    absent = answer.absent
    is_upload = asked.delivery_type == "upload"
    if absent is None or absent.layer is not None or not is_upload or not rules_of(origin, asked.cloud).hosts:
        return None
    mappings = await origin.records.upload_mappings.all(asked.cloud)
    for public_id in asked.public_ids if mappings else ():
        name = AssetName(
            cloud=asked.cloud,
            resource_type=asked.resource_type,
            delivery_type=asked.delivery_type,
            public_id=public_id,
        )
        mapping = mapping_of(public_id, mappings)
        if mapping is not None and origin.records.fetched.hash_of(name) in absent.names:
            return Mapped(name=name, folder=mapping.folder, address=address_of(mapping, public_id, asked.ending))
    return None


_HOST_ALONE = re.compile(r"https?://[^/?#]+", re.IGNORECASE)
"""Whatever follows such a template must not become part of the host."""


def mapping_of(public_id: str, mappings: Iterable[UploadMapping]) -> UploadMapping | None:
    """The mapping with the longest folder that the public_id lies in."""
    around = [one for one in mappings if public_id.startswith(f"{one.folder}/")]
    return max(around, key=lambda one: len(one.folder), default=None)


def address_of(mapping: UploadMapping, public_id: str, ending: str) -> str:
    """Where it lies.

    >>> address_of(UploadMapping(folder="a", template="https://x.example/m?f=", created_at=0), "a/b c/d?e", ".JPG")
    'https://x.example/m?f=b%20c/d%3Fe.JPG'
    >>> address_of(UploadMapping(folder="a", template="https://x.example", created_at=0), "a/.evil.example", "")
    'https://x.example/.evil.example'
    """
    between = "/" if _HOST_ALONE.fullmatch(mapping.template) else ""
    return mapping.template + between + escape(public_id.removeprefix(f"{mapping.folder}/") + ending)
