"""Which host names are served here, and which of them are of one cloud alone (Cloudinary's private CDN)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from domicile.media.url import RESERVED_CLOUDS, on_shared_host

PRIVATE_LIKE = "HOST=CLOUD, each host once"
_PRIVATE = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)=([a-z0-9-]{1,64})", re.ASCII)


class Hosts:
    """Names of the settings `delivery.hosts` and `delivery.private_hosts`; none of the former: any host."""

    def __init__(self, names: Iterable[str], private: Iterable[str] = ()) -> None:
        self._clouds = read_private(private)
        self._names = frozenset(name.lower() for name in names)
        self.has_private = bool(self._clouds)

    def has(self, host: str) -> bool:
        """Is a Host field's value one of ours, whatever port it names?"""
        if not self._names:
            return True
        name = _name(host)
        return name in self._names or name in self._clouds

    def path(self, host: str, raw_path: str) -> str:
        """What is asked for, as it is spelled on a host of all clouds."""
        cloud = self._clouds.get(_name(host)) if self.has_private else None
        return raw_path if cloud is None else on_shared_host(raw_path, cloud)


def read_private(texts: Iterable[str]) -> dict[str, str]:
    """Host -> cloud. Raises ValueError for what `are_private` does not allow."""
    found = dict[str, str]()
    for text in texts:
        match = _PRIVATE.fullmatch(text)
        if match is None or match[2] in RESERVED_CLOUDS or match[1].lower() in found:
            raise ValueError(text)
        found[match[1].lower()] = match[2]
    return found


def are_private(texts: Iterable[str]) -> bool:
    try:
        read_private(texts)
    except ValueError:
        return False
    return True


def _name(host: str) -> str:
    """Without a port, and without the dot at the end, with which it is the same host."""
    host = host.lower()
    return host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0].removesuffix(".")
