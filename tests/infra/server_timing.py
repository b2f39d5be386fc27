"""Reads Server-Timing strictly by its grammar, as `domicile.media.timing` writes it: for what tests want to know of an answer."""

from __future__ import annotations

import re

from domicile.media.timing import NAMES, TOKEN, Span

_QUOTED = r'"((?:[^"\\\x00-\x1f\x7f]|\\[\x20-\x7e])*)"'
_PARAM = re.compile(rf";(dur|desc)=(?:({TOKEN.pattern})|{_QUOTED})")
_NUMBER = re.compile(r"[0-9]{1,5}(?:\.[0-9])?")
_ESCAPED = re.compile(r"\\(.)")


def parse_server_timing(header: str) -> tuple[Span, ...]:
    """Read what `build_server_timing` writes, strictly. Raises ValueError."""
    spans: list[Span] = []
    position = 0
    while position < len(header) or not spans:
        if spans:
            if not header.startswith(", ", position):
                raise ValueError("metrics are separated by a comma and a space")
            position += 2
        span, position = _read_metric(header, position)
        spans.append(span)
    return tuple(spans)


def _read_metric(header: str, position: int) -> tuple[Span, int]:
    name = TOKEN.match(header, position)
    if name is None or name[0] not in NAMES:
        raise ValueError("not the name of a metric")
    position = name.end()
    seconds, desc, seen = None, None, set()
    while param := _PARAM.match(header, position):
        position = param.end()
        key, token, quoted = param.groups()
        if key in seen:
            raise ValueError(f"{key} is given twice")
        seen.add(key)
        value = token if quoted is None else _ESCAPED.sub(r"\1", quoted)
        if key == "desc":
            desc = value
        elif quoted is None and _NUMBER.fullmatch(token):
            seconds = float(token) / 1000
        else:
            raise ValueError("dur is not a number")
    return Span(name[0], seconds, desc), position
