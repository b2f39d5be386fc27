"""Which requests a stored response is for: Vary, and request fields in a form that does not mind how they are written.

Vary: Accept-Language, Foo     ->  ("accept-language", "foo")
Foo: 1,2   and   Foo: 1 , 2    ->  the same selection (RFC 9111 section 4.1)
"""

from __future__ import annotations

import re

from edge.cache.fields import Fields, first, members, split_list, values

VARIED_BY_MAX = 16
"""A response that varies by more fields is taken for one that varies by everything."""

PREFERENCES = frozenset({"accept-language", "accept-encoding", "accept-charset"})
"""Lists of words with weights: neither case nor the order among equals means anything."""

Selection = tuple[str | None, ...]
"""Normalised values of the fields that Vary names, in its order; None for one that the request has not."""

_WEIGHTED = re.compile(r"([A-Za-z0-9*_-]{1,64})(?:[ \t]*;[ \t]*[qQ]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?")


def varies_by(fields: Fields) -> tuple[str, ...] | None:
    """Names in lower case, sorted, once each; None for `*` anywhere: the response is for nobody else."""
    names = {name.lower() for name in members(fields, "vary")}
    if "*" in names or len(names) > VARIED_BY_MAX:
        return None
    return tuple(sorted(names))


def selection(names: tuple[str, ...], request: Fields) -> Selection:
    """What the request says in the fields that a response varies by."""
    return tuple(_normal(name, request) for name in names)


def wanted_language(request: Fields) -> str | None:
    """The one language that this request wants most, in lower case; None when there is no such one."""
    weighted = _preferences(members(request, "accept-language"))
    best = max((weight for weight, _ in weighted or ()), default=0.0)
    wanted = [word for weight, word in weighted or () if weight == best]
    return wanted[0] if best > 0 and len(wanted) == 1 else None


def speaks(language: str, names: tuple[str, ...], stored: Fields) -> bool:
    """Is the stored response in this language, and varies by nothing else?

    Whoever chose it for another reader has it, and nobody who wants it most prefers another one to it here.
    """
    spoken = first(stored, "content-language")
    return names == ("accept-language",) and spoken is not None and spoken.lower() == language


def _normal(name: str, request: Fields) -> str | None:
    lines = values(request, name)
    if not lines:
        return None
    parts = split_list(",".join(lines), with_empty=True)  # in a field that is no list, an empty member is a character
    if name in PREFERENCES:
        weighted = _preferences(members(request, name))
        if weighted is not None:
            parts = [f"{word};q={weight:g}" for weight, word in sorted(weighted, key=lambda one: (-one[0], one[1]))]
    return ",".join(parts)


def _preferences(parts: list[str]) -> list[tuple[float, str]] | None:
    """(weight, word in lower case) of each member; None when one cannot be read."""
    found: list[tuple[float, str]] = []
    for part in parts:
        match = _WEIGHTED.fullmatch(part)
        if match is None:
            return None
        found.append((1.0 if match[2] is None else float(match[2]), match[1].lower()))
    return found
