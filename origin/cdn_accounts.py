"""Accounts at CDNs, of the file `cdns.toml` in the directory of the keys: what is in it are secrets.

[[cdn]]
name = "shop"                # for statements and metrics: plain letters, digits, - and _
kind = "fastly"              # as `edge.cdn.kind`; nginx cannot be told, generic by a webhook
zone = "SU1Z0isxPaozGVKXdv0eY"  # of a generic one: the path that is called
token = "…"                  # the credentials by the CDN's own words for them
hosts = ["https://media.example.org"]  # where viewers reach it: what was erased is asked for there; empty: it is never verified.
                             # "https://media.acme.example=acme": a host of one cloud alone (edge.delivery.private_hosts)
clouds = ["demo"]            # empty: all
answer_seconds_max = 60      # T: how long the CDN waits for an edge's answer at most
layers = 1                   # caches in a row that start a copy's lifetime anew
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from domicile.media.cdn_calls import SPEAKERS, CdnAccount
from domicile.media.cdn_calls.port import Speaker
from domicile.service.settings import BadSetting
from origin.cdn_lifetimes import LAYERS_MAX

FILE = "cdns.toml"
ACCOUNTS_MAX = 32
HOSTS_MAX = 8
"""Of one account."""
FILE_BYTES_MAX = 64 * 1024
ANSWER_SECONDS, ANSWER_SECONDS_MAX = 60.0, 3600.0
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")
_BASE = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:[0-9]{1,5})?")
_HOST = re.compile(rf"({_BASE.pattern})(?:=([a-z0-9-]{{1,64}}))?")
_WORDS = frozenset({"name", "kind", "base", "zone", "clouds", "hosts", "answer_seconds_max", "layers"})


class Address(NamedTuple):
    """By which viewers of a cloud reach a CDN."""

    base: str
    is_own: bool
    """Of this cloud alone: paths there have no cloud in them."""


def addresses(hosts: Iterable[str], cloud: str) -> tuple[Address, ...]:
    """Of `Account.hosts`, those by which this cloud's viewers come.

    >>> addresses(["https://a.example", "https://b.example=b", "https://c.example=c"], "c")
    (Address(base='https://a.example', is_own=False), Address(base='https://c.example', is_own=True))
    """
    parted = (host.partition("=") for host in hosts)
    return tuple(Address(base, bool(owner)) for base, _, owner in parted if owner in {"", cloud})


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One account at one CDN."""

    name: str
    cdn: CdnAccount
    clouds: frozenset[str] = frozenset()
    hosts: tuple[str, ...] = ()
    """Scheme and authority of each address by which viewers reach this CDN, with the cloud behind = where it is of one alone."""
    answer_seconds_max: float = ANSWER_SECONDS
    layers: int = 1

    def serves(self, cloud: str) -> bool:
        return not self.clouds or cloud in self.clouds


def read_accounts(keys: Path) -> tuple[Account, ...]:
    """Those of a directory of keys; none without a file. Raises BadSetting, which shows no value of the file."""
    file = keys / FILE
    try:
        with file.open("rb") as opened:
            if stat.S_IMODE(os.fstat(opened.fileno()).st_mode) & 0o077:
                raise _bad("may be read by others: chmod 600")
            text = opened.read(FILE_BYTES_MAX + 1)
    except FileNotFoundError:
        return ()
    except OSError as bad:
        raise _bad(f"cannot be read ({bad.strerror})") from bad
    if len(text) > FILE_BYTES_MAX:
        raise _bad(f"is longer than {FILE_BYTES_MAX} bytes")
    try:
        told = tomllib.loads(text.decode())
    except ValueError:  # whose text, or whose object, would be a piece of the file
        raise _bad("is no TOML") from None
    entries = told.pop("cdn", [])
    if told or not isinstance(entries, list) or len(entries) > ACCOUNTS_MAX:
        raise _bad(f"is not a list of at most {ACCOUNTS_MAX} [[cdn]]")
    accounts = tuple(_account(entry, number) for number, entry in enumerate(entries, 1))
    if len({account.name for account in accounts}) != len(accounts):
        raise _bad("has a name twice")
    return accounts


def _account(entry: Any, number: int) -> Account:
    where = f"[[cdn]] number {number}"
    if not isinstance(entry, dict):
        raise _bad(f"{where} is no table")
    kind = entry.get("kind")
    speaker = SPEAKERS.get(kind) if isinstance(kind, str) else None
    if speaker is None:
        raise _bad(f"{where}: kind is not one of {', '.join(SPEAKERS)}")
    known = _WORDS | set(speaker.credentials)
    if unknown := sorted(set(entry) - known):
        raise _bad(f"{where}: {unknown[0][:32]} is not known for {kind}; known are {', '.join(sorted(known))}")
    name = _text(entry, "name", where)
    if _NAME.fullmatch(name) is None:
        raise _bad(f"{where}: name is not 1 to 32 letters, digits, - and _")
    base = _base(entry, speaker, where)
    return Account(
        name=name,
        cdn=CdnAccount(
            kind=str(kind),
            base=base,
            zone=_text(entry, "zone", where) if speaker.needs_zone or "zone" in entry else "",
            credentials={word: _credential(entry, word, where, speaker) for word in speaker.credentials},
        ),
        clouds=frozenset(_texts(entry, "clouds", where)),
        hosts=_hosts(entry, where),
        answer_seconds_max=_number(entry, "answer_seconds_max", where, ANSWER_SECONDS, 1.0, ANSWER_SECONDS_MAX),
        layers=_whole(entry, "layers", where, 1, LAYERS_MAX),
    )


def _base(entry: Mapping[str, Any], speaker: Speaker, where: str) -> str:
    base = entry.get("base", speaker.default_base)
    if not isinstance(base, str) or _BASE.fullmatch(base) is None:
        raise _bad(f"{where}: base is not like https://api.example")
    is_near = not speaker.sends_credentials and urlsplit(base).hostname in LOOPBACK
    if speaker.credentials and not base.startswith("https://") and not is_near:
        raise _bad(f"{where}: base must be https: credentials go there, or what is believed comes from there")
    return base


def _hosts(entry: Mapping[str, Any], where: str) -> tuple[str, ...]:
    hosts = tuple(_texts(entry, "hosts", where))
    if len(hosts) > HOSTS_MAX or any(_HOST.fullmatch(host) is None for host in hosts):
        raise _bad(
            f"{where}: hosts are not at most {HOSTS_MAX} like https://media.example, or https://media.acme.example=acme"
        )
    return hosts


def _credential(entry: Mapping[str, Any], name: str, where: str, speaker: Speaker) -> str:
    text = _text(entry, name, where)
    if len(text) < speaker.credential_characters_min:
        raise _bad(f"{where}: {name} is shorter than {speaker.credential_characters_min} characters")
    return text


def _text(entry: Mapping[str, Any], name: str, where: str) -> str:
    value = entry.get(name)
    if not isinstance(value, str) or not value or not value.isprintable() or not value.isascii():
        raise _bad(f"{where}: {name} is missing, or no plain text")
    return value


def _texts(entry: Mapping[str, Any], name: str, where: str) -> list[str]:
    value = entry.get(name, [])
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise _bad(f"{where}: {name} is no list of texts")
    return value


def _number(entry: Mapping[str, Any], name: str, where: str, usual: float, least: float, most: float) -> float:
    value = entry.get(name, usual)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise _bad(f"{where}: {name} is not a number from {least:g} to {most:g}")
    return float(value)


def _whole(entry: Mapping[str, Any], name: str, where: str, usual: int, most: int) -> int:
    value = _number(entry, name, where, usual, 1, most)
    if value != int(value):
        raise _bad(f"{where}: {name} is no whole number")
    return int(value)


def _bad(what: str) -> BadSetting:
    return BadSetting(f"origin.records.keys: the file {FILE} in it {what}")
