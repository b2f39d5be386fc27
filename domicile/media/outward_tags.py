"""Tags that a CDN keeps beside its copies, so that they can be purged there: opaque, and others for every cloud, CDN and month.

    tag   = hex(HMAC(key of cloud, CDN and month, kind | text))[0:24]
    kinds   cloud, aid (of each contributor), mark (each name hash that voids the object), folder (each one above the name)

Aids and marks are what the fence judges an object by: whatever entry of the journal voids it at an edge names a tag that its
copies bear. A purge by tag of the asset, by folder or by URL is resolved to them at the origin; what an asset is tagged with
may change after a CDN has stored a copy, and a tag for that would miss it. Folders are of the URL's own name, which does not
change. Source: decisions I.4.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from domicile.media.asset import Aid, NameHash
from domicile.media.keys import KEY_BYTES

TAG_CHARACTERS = 24
FOLDERS_MAX = 8
"""Of one name, outermost first; what lies deeper is purged by the aids in it."""

TAGGED_SECONDS_MAX = 28 * 86_400
"""How long a tagged copy may be kept at most, whatever the policy says: it is gone before the month after the next begins, so that
the tags of two months reach all there are.
"""


def month_of(at: float) -> str:
    """`at` in seconds of the wall clock.

    >>> month_of(1795673162.0)
    '2611'
    """
    return datetime.fromtimestamp(at, UTC).strftime("%y%m")


def months_held(at: float, *, seconds_max: int) -> tuple[str, ...]:
    """Months that copies which a CDN may hold at `at` are tagged by: this one, and the last while its copies live.

    `seconds_max`: what the policy lets shared caches keep; TAGGED_SECONDS_MAX ends them in any case.
    """
    return tuple(dict.fromkeys((month_of(at), month_of(at - min(seconds_max, TAGGED_SECONDS_MAX)))))


def tag_key(name_key: bytes, *, cdn: str, month: str) -> bytes:
    """For all tags that one cloud shows one CDN in one month."""
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=f"domicile/cdn\0{cdn}\0{month}".encode()).derive(name_key)


def tag(key: bytes, kind: str, text: str) -> str:
    digest = hmac.digest(key, f"{kind}\0{text}".encode("utf-8", "surrogatepass"), hashlib.sha256)
    return digest.hex()[:TAG_CHARACTERS]


def folders_of(public_id: str) -> tuple[str, ...]:
    """Every folder above a public_id, outermost first.

    >>> folders_of("people/berlin/jane")
    ('people/', 'people/berlin/')
    """
    parts = public_id.split("/")[:-1][:FOLDERS_MAX]
    return tuple("/".join(parts[: depth + 1]) + "/" for depth in range(len(parts)))


def tags_of(
    key: bytes, *, contributors: Iterable[Aid], marks: Iterable[NameHash], public_ids: Sequence[str]
) -> tuple[str, ...]:
    """Everything that an answer can be purged by, the cloud first; each once."""
    said = [("cloud", "")]
    said += [("aid", aid) for aid in contributors]
    said += [("mark", mark) for mark in marks]
    said += [("folder", folder) for public_id in public_ids for folder in folders_of(public_id)]
    return tuple(tag(key, kind, text) for kind, text in dict.fromkeys(said))


def dated_etag(etag: str, month: str) -> str:
    """The validator that a CDN gets: a copy of another month is fetched anew with its new tags, because not every CDN takes
    new tags from a 304.

    >>> dated_etag('"c2f0-s2"', "2611")
    '"c2f0-s2-2611"'
    """
    return f'{etag[:-1]}-{month}"'
