"""The keys of cached objects: in the agent's memory alone, gone with a purge, wrapped while there is no lease.

At the end of a lease every key is wrapped (AES-GCM) under a key derived from its tenant's `file_key`, and the `file_key`
itself is dropped by agent and workers; the origin gives it back with the next lease. After a time they are dropped.
What that is worth: the memory of a node that was cut off opens nothing. Python cannot promise that no copy of a dropped
key is left in freed memory. Source: decisions D.5, E.4.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Iterable, Mapping

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from domicile.media.journal import UNSEEN, Entry, Kind
from edge.messages import KeyRecord
from edge.tagged import Tagged

_NONCE_BYTES = 12
_SALT_BYTES = 32

_TARGETED = frozenset({Kind.ASSET, Kind.ERASE, Kind.RESTRICT, Kind.NAME})


class Keyring:
    """Keys by file name, at most `keys_max`; the least recently used goes first."""

    def __init__(self, keys_max: int) -> None:
        self._max = keys_max
        self._keys: OrderedDict[str, KeyRecord] = OrderedDict()
        self._wrapped: dict[str, bytes] = {}  # tenant -> salt of the wrapping
        self._by_tag: Tagged[tuple[str, str]] = Tagged()  # (tenant, aid or name or "") -> file names

    def __len__(self) -> int:
        return len(self._keys)

    def allow(self, keys_max: int) -> None:
        """So many from now on."""
        self._max = keys_max
        self._shrink()

    def get(self, file_name: str, *, is_use: bool = True) -> KeyRecord | None:
        """The key; None when it is unknown or wrapped. `is_use`: it is the youngest from now on."""
        record = self._keys.get(file_name)
        if record is None or record.tenant in self._wrapped:
            return None
        if is_use:
            self._keys.move_to_end(file_name)
        return record

    def put(self, file_name: str, record: KeyRecord) -> None:
        """Keep a key. Ignored while its tenant is wrapped: there is no lease to fill under."""
        if record.tenant in self._wrapped:
            return
        self.forget((file_name,))
        self._keys[file_name] = record
        self._by_tag.add(file_name, _tags(record))
        self._shrink()

    def _shrink(self) -> None:
        while len(self._keys) > self._max:
            self.forget((next(iter(self._keys)),))

    def forget(self, file_names: Iterable[str]) -> None:
        for file_name in file_names:
            record = self._keys.pop(file_name, None)
            if record is not None:
                self._by_tag.discard(file_name, _tags(record))

    def apply(self, entry: Entry) -> None:
        """Drop what the entry fences; an entry that is not understood drops the tenant's keys."""
        if entry.kind == Kind.CONFIG or entry.kind in UNSEEN:
            return
        if entry.kind not in _TARGETED:
            self.drop_tenant(entry.tenant)
            return
        self.forget(self._by_tag.names((entry.tenant, target) for target in (*entry.aids, *entry.names)))

    def count_of(self, tenant: str, aids: Iterable[str]) -> int:
        """How many open an object that shows one of these versions, wrapped or not."""
        return len(self._by_tag.names((tenant, aid) for aid in aids))

    def drop_tenant(self, tenant: str) -> None:
        self.forget(self._of(tenant))
        self._wrapped.pop(tenant, None)

    def clear(self) -> None:
        self._keys.clear()
        self._wrapped.clear()
        self._by_tag.clear()

    def lock(self, file_keys: Mapping[str, bytes]) -> None:
        """Wrap every key under its tenant's `file_key`; keys of other tenants are dropped. The caller forgets these."""
        for tenant in {record.tenant for record in self._keys.values()} - set(self._wrapped):
            if tenant in file_keys:
                self._wrap(tenant, file_keys[tenant])
            else:
                self.drop_tenant(tenant)

    def unlock(self, tenant: str, file_key: bytes) -> None:
        """Unwrap a tenant's keys; those that do not open (the tenant's key changed) are dropped."""
        salt = self._wrapped.pop(tenant, None)
        if salt is None:
            return
        aead = _wrapping(file_key, salt, tenant)
        for file_name in self._of(tenant):
            sealed = self._keys[file_name].content_key
            try:
                plain = aead.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], file_name.encode())
            except InvalidTag:
                self.forget((file_name,))
            else:
                self._keys[file_name] = msgspec.structs.replace(self._keys[file_name], content_key=plain)

    def _of(self, tenant: str) -> set[str]:
        return self._by_tag.names(((tenant, ""),))

    def _wrap(self, tenant: str, file_key: bytes) -> None:
        salt = secrets.token_bytes(_SALT_BYTES)
        aead = _wrapping(file_key, salt, tenant)
        for file_name in self._of(tenant):
            record = self._keys[file_name]
            nonce = secrets.token_bytes(_NONCE_BYTES)
            sealed = nonce + aead.encrypt(nonce, record.content_key, file_name.encode())
            self._keys[file_name] = msgspec.structs.replace(record, content_key=sealed)
        self._wrapped[tenant] = salt


def _wrapping(file_key: bytes, salt: bytes, tenant: str) -> AESGCM:
    info = b"domicile/keyring-lock\0" + tenant.encode()
    return AESGCM(HKDF(SHA256(), 32, salt=salt, info=info).derive(file_key))


def _tags(record: KeyRecord) -> tuple[tuple[str, str], ...]:
    tenant = record.tenant
    return ((tenant, ""), (tenant, record.name), *((tenant, aid) for aid in record.contributors))
