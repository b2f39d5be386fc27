"""The doctor's check of hosts that are one cloud's alone: edges serve them, and a CDN in front of them is purged and asked by another file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from domicile.cli.checks import Check, Level

NAME = "private hosts"
SHOWN_MAX = 5

_Own = tuple[str, str]
"""A host, and the cloud that it is of."""


def private_hosts(served: Iterable[str], cdns: Mapping[str, Any]) -> Check:
    """`served`: `edge.delivery.private_hosts` of this configuration; `cdns`: what `origin.cdn_hosts` said of cdns.toml.

    What an edge serves at a host that the file does not have is not asked for there when it was erased; what the file has and no edge
    serves is asked for in vain, and its 404 looks like an answer.
    """
    if problem := cdns.get("error"):
        return Check(name=NAME, level=Level.FAIL, text=str(problem))
    accounts = list(cdns.get("accounts", ()))
    here = {(_host(host), cloud) for host, _, cloud in (text.partition("=") for text in served)}
    if not accounts:
        return Check(name=NAME, level=Level.OK, text=f"{len(here)} at edges; cdns.toml has no account")
    there = {own for account in accounts for own in _own_hosts(account)}
    said = []
    if unasked := here - there:
        said.append(f"not in the hosts of cdns.toml, as https://HOST=CLOUD: {_listed(unasked)}")
    if unserved := there - here:
        said.append(f"not in edge.delivery.private_hosts of this configuration: {_listed(unserved)}")
    if said:
        return Check(name=NAME, level=Level.WARN, text="; ".join(said))
    return Check(name=NAME, level=Level.OK, text=f"{len(here)}, the same at edges and in cdns.toml")


def _own_hosts(account: Mapping[str, Any]) -> Iterable[_Own]:
    """Those of clouds that this account purges for."""
    for text in account["hosts"]:
        base, _, cloud = text.partition("=")
        if cloud and (not account["clouds"] or cloud in account["clouds"]):
            yield _host(urlsplit(base).hostname or ""), cloud


def _host(text: str) -> str:
    """As edges compare it."""
    return text.lower().strip("[]").removesuffix(".")


def _listed(hosts: Iterable[_Own]) -> str:
    named = [f"{host}={cloud}" for host, cloud in sorted(hosts)]
    more = f" and {len(named) - SHOWN_MAX} more" if len(named) > SHOWN_MAX else ""
    return ", ".join(named[:SHOWN_MAX]) + more
