"""Which host names are served here."""

from __future__ import annotations

from collections.abc import Iterable


class Hosts:
    """Names of the setting `delivery.hosts`; none of them: any host."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(name.lower() for name in names)

    def has(self, host: str) -> bool:
        """Is a Host field's value one of ours, whatever port it names?"""
        if not self._names:
            return True
        host = host.lower()
        name = host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]
        return name in self._names
