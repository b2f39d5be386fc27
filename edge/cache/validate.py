"""Asking the origin whether a stored response is still good, and what its answer changes (RFC 9111 section 4.3).

stored with ETag and Last-Modified  ->  If-None-Match and If-Modified-Since
304                                 ->  the stored head with the new fields put over it (section 3.2)
200 to a HEAD                       ->  the same, if it is about the same content; else the stored one is out of date
"""

from __future__ import annotations

from collections.abc import Iterable

from edge.cache.fields import Fields, first, without
from edge.cache.forward import end_to_end, stated_length
from edge.cache.stored import Stored

CONDITIONS = frozenset({"if-none-match", "if-modified-since", "if-range", "range"})
"""Of the viewer: the cache answers them from what it then has."""

NOT_UPDATED = frozenset({"content-encoding", "content-length", "content-md5", "content-range", "etag", "age"})
"""About the stored bytes, or in the case of Age about the answer that is put over them."""

ENTITY_TAGS_MAX = 32
"""Of stored variants that one request asks about."""


def whole(request: Fields) -> Fields:
    """The same request for all of the content, whatever the viewer has of it."""
    return without(request, CONDITIONS)


def conditional(request: Fields, stored: Stored) -> Fields:
    """A request that the origin may answer with 304 when the stored response is still good."""
    asked = whole(request)
    if stored.etag is not None:
        asked = (*asked, ("If-None-Match", stored.etag))
    if stored.last_modified is not None:
        asked = (*asked, ("If-Modified-Since", stored.last_modified))
    return asked


def any_of(request: Fields, variants: Iterable[Stored]) -> Fields:
    """A request that the origin may answer with the tag of one of these (section 4.1); unchanged when none has one."""
    tags = list(dict.fromkeys(one.etag for one in variants if one.etag is not None))[:ENTITY_TAGS_MAX]
    return (*whole(request), ("If-None-Match", ", ".join(tags))) if tags else whole(request)


def confirmed(variants: Iterable[Stored], response: Fields) -> Stored | None:
    """The variant that a 304 is about: by its tag, or the only one when it has none (section 4.3.4)."""
    known = list(variants)
    tag = first(response, "etag")
    if tag is None:
        return known[0] if len(known) == 1 else None
    return next((one for one in known if one.etag == tag), None)


def is_about(stored: Stored, response: Fields) -> bool:
    """Does the head of an answer to HEAD describe the stored content, as far as it says (section 4.3.5)?"""
    tag, modified, length = first(response, "etag"), first(response, "last-modified"), stated_length(response)
    return (
        (tag is None or tag == stored.etag)
        and (modified is None or modified == stored.last_modified)
        and (length is None or length == stored.body_bytes)
    )


def updated(stored: Fields, response: Fields) -> Fields:
    """The stored fields with those of the response in place of their namesakes, but for what is about the bytes."""
    fresh = without(end_to_end(response), NOT_UPDATED)
    replaced = {name.lower() for name, _ in fresh}
    return (*without(stored, replaced | {"age"}), *fresh)
