"""A cloud with its secrets, as one of its keys sees it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from origin.scope import EVERYTHING, ApiKey, Operation, Scope, primary_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """A cloud with its secrets. Keep it in memory only."""

    cloud: str
    api_key: str
    """15 digits; not secret. Of the key that calls; where nobody does, of the one that speaks for the cloud."""
    api_secret: str = field(repr=False)
    name_key: bytes = field(repr=False)
    file_key: bytes = field(repr=False)
    scope: Scope = EVERYTHING
    """Of the key that calls."""
    calls_max: int = 0
    """Of the key that calls, in an hour; 0: as many as the cloud may."""
    keys: tuple[ApiKey, ...] = field(default=(), repr=False)
    """All of them, also those that are disabled."""
    token_keys: tuple[bytes, ...] = field(default=(), repr=False)
    """What tokens of this cloud are made with."""
    config_revision: int
    created_at: float

    def called_by(self, key: ApiKey) -> Tenant:
        """The same cloud, as this key sees it."""
        return replace(self, api_key=key.api_key, api_secret=key.secret, scope=key.scope, calls_max=key.calls_max)

    def with_keys(self, keys: tuple[ApiKey, ...]) -> Tenant:
        """The same cloud under other keys; without one that may do everything, nobody speaks for it."""
        key = primary_of(keys) or ApiKey(api_key="", secret="")
        return replace(self.called_by(key), keys=keys)

    def delivery_secrets(self, public_ids: Iterable[str]) -> Iterator[str]:
        """Of the keys whose signature opens a delivery URL that shows these assets."""
        shown = tuple(public_ids)
        for key in self.keys:
            if key.is_enabled and key.scope.allows(Operation.READ) and all(map(key.scope.covers, shown)):
                yield key.secret
