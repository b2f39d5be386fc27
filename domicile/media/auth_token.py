"""Tokens that open what asks for one: `__cld_token__`, as the SDKs' `generate_auth_token` makes them.

    token = [ "ip=" address "~" ] [ "st=" seconds "~" ] "exp=" seconds [ "~acl=" pattern *( "!" pattern ) ] "~hmac=" hex
    hmac  = HMAC-SHA256(key, everything before "~hmac=" [ "~url=" path ])       the path exactly when there is no acl

    pattern   of the path as it was sent, percent signs and all; "*" is any number of any characters
    path      as it was sent; npm's SDK signs a query with it, so that is tried, too

Both sides escape with lower-case hex. Source: cloudinary-compat 2.2; cloudinary/auth_token.py of the SDK.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address

from domicile.media.errors import BadSignature
from domicile.media.percent import percent_decode
from domicile.media.url import on_own_host

TOKEN_NAME = "__cld_token__"  # noqa: S105 - a name
TOKEN_CHARS_MAX = 2048
PATTERNS_MAX = 32
SHOWN_MAX = 4
"""Tokens of one request that are looked at: in its query, and in its cookies."""

_TOKEN = re.compile(
    r"(?P<said>(?:ip=(?P<ip>[0-9a-fA-F.:]{2,45})~)?(?:st=(?P<st>[0-9]{1,12})~)?exp=(?P<exp>[0-9]{1,12})(?:~acl=(?P<acl>[^~]+))?)"
    r"~hmac=(?P<hmac>[0-9a-f]{64})",
    re.ASCII,
)
_UNSAFE = re.compile(r"""[ "#%&'/:;<=>?@\[\\\]^`{|}~]""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a viewer shows with a request, and where he is seen from."""

    tokens: tuple[str, ...] = ()
    address: str = ""
    """Of the connection; "" when that has none."""


NOTHING = Shown()


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A token that was judged good."""

    text: str
    until: float
    """Unix seconds."""


def tokens_of(target: str, cookies: Iterable[str]) -> tuple[str, ...]:
    """The tokens in a request target's query and in Cookie fields, as they were sent; without those that are no text."""
    found = [part.partition("=")[2] for part in target.partition("?")[2].split("&") if _is_token(part)]
    for field in cookies:
        found += [part.strip().partition("=")[2] for part in field.split(";") if _is_token(part.strip())]
    texts = (token for token in found if 0 < len(token) <= TOKEN_CHARS_MAX and token.isprintable())
    return tuple(dict.fromkeys(texts))[:SHOWN_MAX]


def without_token(target: str) -> str:
    """The target as it was before the token was put to its end."""
    path, mark, query = target.partition("?")
    rest = "&".join(part for part in query.split("&") if not _is_token(part))
    return path + (mark + rest if rest else "")


def held(shown: Shown, target: str, keys: Iterable[bytes], *, now: float) -> Held | None:
    """The token that is good for this target and lasts longest; None when none is."""
    keys = tuple(keys)
    good = []
    for text in shown.tokens:
        try:
            until = verify_token(text, target, keys, now=now, address=shown.address)
        except BadSignature:
            continue
        good.append(Held(text=text, until=until))
    return max(good, key=lambda one: one.until, default=None)


def verify_token(text: str, target: str, keys: Iterable[bytes], *, now: float, address: str | None) -> float:
    """When the token ends, in Unix seconds. `address`: the viewer's; None where it was judged before.

    Raises BadSignature, always with the same words.
    """
    match = _TOKEN.fullmatch(text)
    if match is None or len(text) > TOKEN_CHARS_MAX:
        raise BadSignature("the token is not good")
    start, end = int(match["st"] or 0), int(match["exp"])
    path = without_token(target)
    own = on_own_host(path)
    spelled = [path] if own is None else [path, own]  # who signed it need not have known which host it is asked from
    signed = [match["said"]]
    if match["acl"] is None:
        urls = dict.fromkeys(url for one in spelled for url in (one.partition("?")[0], one))
        signed = [f"{match['said']}~url={escape_lower(url)}" for url in urls]
    proved = [
        hmac.compare_digest(hmac.new(key, one.encode(), hashlib.sha256).hexdigest(), match["hmac"])
        for key in keys
        for one in signed
    ]
    is_there = match["ip"] is None or address is None or _is_same(match["ip"], address)
    covers = match["acl"] is None or any(_covers(match["acl"], one.partition("?")[0]) for one in spelled)
    if not (any(proved) and start <= now < end and is_there and covers):
        raise BadSignature("the token is not good")
    return float(end)


def escape_lower(text: str) -> str:
    """What the SDKs make of a path or a pattern."""
    return _UNSAFE.sub(lambda found: f"%{ord(found[0]):02x}", text)


def _is_token(part: str) -> bool:
    return part.startswith(TOKEN_NAME + "=")


def _covers(acl: str, path: str) -> bool:
    patterns = acl.split("!")
    if len(patterns) > PATTERNS_MAX:
        return False
    try:
        return any(_matches(percent_decode(pattern).decode(), path) for pattern in patterns)
    except (ValueError, UnicodeDecodeError):
        return False


def _matches(pattern: str, path: str) -> bool:
    """In time that grows with the lengths alone: the first place for each piece is as good as any later one."""
    first, *rest = pattern.split("*")
    if not rest:
        return path == pattern
    *between, last = rest
    if not path.startswith(first):
        return False
    at = len(first)
    for piece in between:
        found = path.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return len(path) - len(last) >= at and path.endswith(last)


def _is_same(one: str, other: str) -> bool:
    try:
        return ip_address(one) == ip_address(other)
    except ValueError:
        return False
