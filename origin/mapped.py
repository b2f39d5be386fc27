"""Upload mappings: where a file lies that is asked for and not here, if its public_id is in a folder that is mapped.

    folder "old", template "https://www.example.org/media/":  old/team/jane.jpg -> https://www.example.org/media/team/jane.jpg

The rest of the public_id is encoded as a path: nothing that a viewer writes becomes a query, or another host.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import product
from urllib.parse import unquote

from domicile.media.asset import AssetName
from domicile.media.url import EXTENSIONS, escape
from domicile.media.wire import ResolveAnswer, ResolveRequest
from origin.keys import Origin
from origin.records import UploadMapping
from origin.remote import rules_of

DELIVERY_TYPES = ("upload", "private", "authenticated")
"""Of what may be uploaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """A picture, a film or a raw file that could be brought."""

    name: AssetName
    folder: str = field(repr=False)
    address: str = field(repr=False)
    others: tuple[AssetName, ...] = field(default=(), repr=False)
    """By which what lies there may be asked for, too."""


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
            address = address_of(mapping, public_id, asked.ending)
            others = tuple(names_of(asked.cloud, address, mappings))
            return Mapped(name=name, folder=mapping.folder, address=address, others=others)
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
    return _start_of(mapping) + escape(public_id.removeprefix(f"{mapping.folder}/") + ending)


def names_of(cloud: str, address: str, mappings: Collection[UploadMapping]) -> Iterator[AssetName]:
    """Every name by which what lies there may be asked for: in each resource type, and in each folder that leads to it; and by which
    its owner may have uploaded it for fewer people.

    >>> old = UploadMapping(folder="old", template="https://x.example/m/", created_at=0)
    >>> names = names_of("acme", "https://x.example/m/a.pdf", [old])
    >>> [f"{one.resource_type}/{one.public_id}" for one in names if one.delivery_type == "upload"]
    ['image/old/a.pdf', 'image/old/a', 'video/old/a.pdf', 'raw/old/a.pdf']
    """
    for mapping in mappings:
        start = _start_of(mapping)
        public_id = f"{mapping.folder}/{unquote(address.removeprefix(start))}"
        if not address.startswith(start) or mapping_of(public_id, mappings) != mapping:
            continue
        head, slash, last = public_id.rpartition("/")
        stem, _, written = last.rpartition(".")
        for resource_type, extensions in EXTENSIONS.items():
            texts = [public_id, *([head + slash + stem] if stem and written.lower() in extensions else [])]
            for text, delivery_type in product(texts, DELIVERY_TYPES):
                yield AssetName(cloud=cloud, resource_type=resource_type, delivery_type=delivery_type, public_id=text)


def _start_of(mapping: UploadMapping) -> str:
    return mapping.template + ("/" if _HOST_ALONE.fullmatch(mapping.template) else "")
