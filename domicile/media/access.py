"""Who may see an asset, and until when: `access_control`, a layer of its own beside the delivery types.

    access_control = [ rule, … ]      one of them has to let the viewer in; no rules at all let everybody in
    rule           = {"access_type": "token"}                                         whoever shows a token of the cloud
                   / {"access_type": "anonymous", "start"?: time, "end"?: time}       everybody, in that time: [start, end)

A token is shown for the URL, which names one picture. What a transformation lays over it, and what stands in for it, has
to be open to everybody: else a token for one folder would show the pictures of another (docs/adr/0030).
Source: Cloudinary, "Media access methods", access-controlled media assets; cloudinary-compat 3.6.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from domicile.media.errors import BadRequest, BadSignature

ANONYMOUS, TOKEN = "anonymous", "token"
RULES_MAX = 10
"""Of one asset."""
TEXT_CHARS_MAX = 4096
TIME_MAX = 253_402_300_799
"""The end of the year 9999."""
DENIED = "deny or ACL failure"
"""Cloudinary's word for it; it says neither which rule nor why."""


class AccessRule(msgspec.Struct, frozen=True, kw_only=True):
    """One way in. Times in Unix seconds; None has no bound."""

    access_type: str
    start: float | None = None
    end: float | None = None


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of everything that a picture shows."""

    own: tuple[AccessRule, ...] = ()
    """Of the picture that the URL names."""
    shown: tuple[tuple[AccessRule, ...], ...] = ()
    """Of what else is in it, each that has rules."""

    @property
    def is_ruled(self) -> bool:
        return bool(self.own or self.shown)

    def standing_in(self) -> Access:
        """The same for a picture that stands in for the one that the URL names."""
        return Access(shown=(*((self.own,) if self.own else ()), *self.shown))


EVERYBODY = Access()


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """Who asks may see it, before `until` (Unix seconds)."""

    until: float = math.inf
    by_token: bool = False
    """Not everybody may: the answer is for nobody else."""


UNBOUND = Leave()


def judge(access: Access, *, now: float, token_until: float = 0.0) -> Leave:
    """`token_until`: when the token that was shown ends, and was judged good until then. Raises BadSignature."""
    until = min((_open_until(rules, now) for rules in access.shown), default=math.inf)
    own = _open_until(access.own, now)
    by_token = own <= now and now < token_until and any(rule.access_type == TOKEN for rule in access.own)
    until = min(until, token_until if by_token else own)
    if until <= now:
        raise BadSignature(DENIED)
    return Leave(until=until, by_token=by_token)


def _open_until(rules: Sequence[AccessRule], now: float) -> float:
    """When what is open to everybody now closes; not after `now` when it is closed."""
    if not rules:
        return math.inf
    windows = (rule for rule in rules if rule.access_type == ANONYMOUS and (rule.start is None or rule.start <= now))
    return max((math.inf if rule.end is None else rule.end for rule in windows), default=-math.inf)


def read_access_control(text: str) -> tuple[AccessRule, ...]:
    """The parameter as SDKs send it: JSON, a list of rules or one rule; an empty list takes all away. Raises BadRequest."""
    if len(text) > TEXT_CHARS_MAX:
        raise BadRequest(f"Invalid value for parameter access_control: longer than {TEXT_CHARS_MAX} characters")
    try:
        given = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as bad:
        raise BadRequest("Invalid value for parameter access_control: must be JSON") from bad
    rules = given if isinstance(given, list) else [given]
    if len(rules) > RULES_MAX:
        raise BadRequest(f"Invalid value for parameter access_control: at most {RULES_MAX} rules")
    return tuple(_read_rule(rule) for rule in rules)


def _read_rule(given: Any) -> AccessRule:
    if not isinstance(given, Mapping) or not given.keys() <= {"access_type", "start", "end"}:
        raise BadRequest("Invalid value for parameter access_control: a rule has access_type, start and end")
    kind = given.get("access_type")
    if not isinstance(kind, str) or kind not in {ANONYMOUS, TOKEN}:
        raise BadRequest("Invalid value for parameter access_control: access_type is anonymous or token")
    start, end = (_read_time(given.get(name)) for name in ("start", "end"))
    if kind == TOKEN and (start is not None or end is not None):
        raise BadRequest("Invalid value for parameter access_control: only anonymous access has a start and an end")
    if start is not None and end is not None and start >= end:
        raise BadRequest("Invalid value for parameter access_control: end is not after start")
    return AccessRule(access_type=kind, start=start, end=end)


def _read_time(given: Any) -> float | None:
    """ISO 8601; without a zone it is UTC."""
    if given is None or given == "":
        return None
    try:
        read = datetime.fromisoformat(given.strip())
        at = (read if read.tzinfo is not None else read.replace(tzinfo=UTC)).timestamp()
        if not 0 <= at <= TIME_MAX:
            raise ValueError("nothing has such a time")
        return at
    except (ValueError, TypeError, AttributeError, OverflowError) as bad:
        raise BadRequest("Invalid value for parameter access_control: start and end are ISO 8601 times") from bad


def write_access_control(rules: Iterable[AccessRule]) -> list[dict[str, str]]:
    """As answers of the API say it."""
    return [
        {"access_type": rule.access_type}
        | {
            name: datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
            for name, at in (("start", rule.start), ("end", rule.end))
            if at is not None
        }
        for rule in rules
    ]
