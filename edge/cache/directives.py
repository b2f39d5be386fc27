"""What a message says about caching: Cache-Control (RFC 9111 section 5.2), CDN-Cache-Control (RFC 9213), Surrogate-Control.

Whatever is malformed is read as the strictest thing that it may have meant: a lifetime that is no number, or two that
disagree, is 0; a flag with a value is still that flag. A CDN-Cache-Control that is not a valid dictionary is ignored as a
whole, and one that is takes the place of Cache-Control and Expires. So does Surrogate-Control (W3C note on edge architecture,
2001), which has a syntax of its own:

    Surrogate-Control: max-age=600+30;domicile, no-store;another
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from edge.cache.fields import WORD_CHARACTERS, Fields, joined, members, split_list, unquoted
from edge.cache.structured import Bare, Token, parse_dictionary

SECONDS_MAX = 2**31
"""What larger numbers count as (RFC 9111 section 1.2.2)."""

TARGETED_FIELD = "cdn-cache-control"
SURROGATE_FIELD = "surrogate-control"
SURROGATE_NAME = "domicile"
"""By which a Surrogate-Control may mean this cache alone."""
FLAGS = frozenset(
    "no-store no-cache private public must-revalidate proxy-revalidate must-understand no-transform immutable".split()
)
DURATIONS = frozenset("max-age s-maxage stale-while-revalidate stale-if-error".split())

_DIRECTIVE = re.compile(rf'([{WORD_CHARACTERS}]+)(?:=([{WORD_CHARACTERS}]+|"(?:[^"\\]|\\.)*"))?')
_NAME = re.compile(rf"[{WORD_CHARACTERS}]+")


@dataclass(frozen=True, slots=True)
class _Malformed:
    """A value that cannot be read."""


_Value = str | None | _Malformed


@dataclass(frozen=True, slots=True, kw_only=True)
class Directives:
    """Of one message: every value of each directive, by its name in lower case."""

    given: Mapping[str, tuple[_Value, ...]]

    def has(self, name: str) -> bool:
        return name in self.given

    def seconds(self, name: str) -> int | None:
        """None when it is not there; 0 when it is malformed or given twice with different values."""
        found = {_seconds(value) for value in self.given.get(name, ())}
        if not found:
            return None
        return found.pop() if len(found) == 1 else 0

    def names(self, name: str) -> frozenset[str] | None:
        """The fields that `no-cache="…"` is limited to, in lower case; None when it is about the whole response."""
        limited: set[str] = set()
        for value in self.given.get(name, ()):
            if not isinstance(value, str):
                return None
            limited.update(part.lower() for part in split_list(value))
        return frozenset(limited) or None


def parse_directives(fields: Fields, name: str = "cache-control") -> Directives:
    """Of all lines of a field."""
    found: dict[str, tuple[_Value, ...]] = {}
    for member in members(fields, name):
        match = _DIRECTIVE.fullmatch(member)
        if match is not None:
            key, value = match[1].lower(), _text(match[2])
        elif (start := _NAME.match(member)) is not None:
            key, value = start[0].lower(), _Malformed()
        else:
            continue
        found[key] = (*found.get(key, ()), value)
    return Directives(given=found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a response allows a shared cache to do with it. Seconds are None where nothing is said."""

    no_store: bool = False
    no_cache: bool = False
    private: bool = False
    public: bool = False
    must_revalidate: bool = False
    """Never stale: must-revalidate, proxy-revalidate, or s-maxage, which implies it."""
    must_understand: bool = False
    excluded: frozenset[str] = frozenset()
    """Fields that are not kept: named by `private="…"` or `no-cache="…"`."""
    lifetime: int | None = None
    """s-maxage, or else max-age."""
    for_credentials: bool = False
    """May an answer to Authorization be kept? By public, must-revalidate or s-maxage, and nothing else (RFC 9111 section
    3.5); a targeted field has the semantics of Cache-Control there, too (RFC 9213 section 2)."""
    stale_while_revalidate: int = 0
    stale_if_error: int = 0
    targeted: bool = False
    """From CDN-Cache-Control: Expires does not count either."""


def rules_of(fields: Fields) -> Rules:
    """Of a response: the targeted field if it is there and valid, or else Cache-Control (RFC 9213 section 2.2)."""
    targeted = joined(fields, TARGETED_FIELD)
    if targeted is not None:
        rules = _targeted(parse_dictionary(targeted))
        if rules is not None:
            return rules
    surrogate = _for_surrogate(fields)
    if surrogate is not None:
        return surrogate
    said = parse_directives(fields)
    no_cache, private = said.names("no-cache"), said.names("private")
    shared, usual = said.seconds("s-maxage"), said.seconds("max-age")
    return Rules(
        no_store=said.has("no-store"),
        no_cache=said.has("no-cache") and no_cache is None,
        private=said.has("private") and private is None,
        public=said.has("public"),
        must_revalidate=said.has("must-revalidate") or said.has("proxy-revalidate") or shared is not None,
        must_understand=said.has("must-understand"),
        excluded=(no_cache or frozenset()) | (private or frozenset()),
        lifetime=usual if shared is None else shared,
        for_credentials=said.has("public") or said.has("must-revalidate") or shared is not None,
        stale_while_revalidate=said.seconds("stale-while-revalidate") or 0,
        stale_if_error=said.seconds("stale-if-error") or 0,
    )


def _targeted(said: Mapping[str, Bare] | None) -> Rules | None:
    """None when the field is to be ignored: malformed, empty, or with a value of the wrong type."""
    if not said:
        return None
    for name, value in said.items():
        if name in DURATIONS and (isinstance(value, bool) or not isinstance(value, int)):
            return None
        if name in FLAGS and isinstance(value, int | float | bytes | tuple) and not isinstance(value, bool):
            return None
    flags = {name for name in FLAGS if said.get(name, False) is not False}
    seconds = {name: min(max(0, int(said[name])), SECONDS_MAX) for name in DURATIONS if name in said}  # type: ignore[arg-type]
    limited = {name: _limited(said.get(name)) for name in ("no-cache", "private")}
    lifetime = seconds.get("s-maxage", seconds.get("max-age"))
    return Rules(
        no_store="no-store" in flags,
        no_cache="no-cache" in flags and not limited["no-cache"],
        private="private" in flags and not limited["private"],
        public="public" in flags,
        must_revalidate=bool(flags & {"must-revalidate", "proxy-revalidate"}) or "s-maxage" in seconds,
        must_understand="must-understand" in flags,
        excluded=limited["no-cache"] | limited["private"],
        lifetime=lifetime,
        for_credentials=bool(flags & {"public", "must-revalidate"}) or "s-maxage" in seconds,
        stale_while_revalidate=seconds.get("stale-while-revalidate", 0),
        stale_if_error=seconds.get("stale-if-error", 0),
        targeted=True,
    )


def _for_surrogate(fields: Fields) -> Rules | None:
    """None when nothing in it is for this cache."""
    general: list[str] = []
    ours: list[str] = []
    for member in members(fields, SURROGATE_FIELD):
        directive, _, name = (part.strip(" \t") for part in member.partition(";"))
        if name.lower() == SURROGATE_NAME:
            ours.append(directive)
        elif not name:
            general.append(directive)
    if not (ours or general):
        return None
    said = parse_directives(tuple((SURROGATE_FIELD, directive) for directive in ours or general), SURROGATE_FIELD)
    lifetimes = [
        _seconds(value.partition("+")[0] if isinstance(value, str) else value)
        for value in said.given.get("max-age", ())
    ]
    lifetime = None if not lifetimes else lifetimes[0] if len(set(lifetimes)) == 1 else 0
    if lifetime is None and not (said.has("no-store") or said.has("no-store-remote")):
        return None
    return Rules(
        no_store=said.has("no-store") or said.has("no-store-remote"),
        lifetime=lifetime,
        targeted=True,
    )


def _limited(value: Bare | None) -> frozenset[str]:
    if not isinstance(value, str) or isinstance(value, Token):
        return frozenset()
    return frozenset(part.lower() for part in split_list(value))


def _text(value: str | None) -> _Value:
    if value is None or not value.startswith('"'):
        return value
    content = unquoted(value)
    return _Malformed() if content is None else content


def _seconds(value: _Value) -> int:
    if not isinstance(value, str) or not value.isascii() or not value.isdecimal():
        return 0
    return min(int(value[-19:]) if not value[:-19].strip("0") else SECONDS_MAX, SECONDS_MAX)
