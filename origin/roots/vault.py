"""Roots in the transit engine of HashiCorp Vault, or of OpenBao, its fork: AES-256-GCM keys that it does not give out.

A root wraps the key of an index by `encrypt`. Destroying it is `deletion_allowed`, then DELETE, then a look that it is not there:
transit forgets a key at once and with all its versions. Its storage is another matter: backups, snapshots and replicas of it from
before hold the key, sealed under Vault's own, and that is what the evidence says.

    POST   MOUNT/keys/NAME          {"type": "aes256-gcm96"}                  200 (204 before 1.14): made, or there already
    GET    MOUNT/keys/NAME                                                   200, or 404 {"errors": []}
    GET    MOUNT/keys?list=true                                              200 {"data": {"keys": […]}}, or 404 {"errors": []}
    POST   MOUNT/encrypt/NAME       {"plaintext", "associated_data"}          200 {"data": {"ciphertext": "vault:v1:…"}}
    POST   MOUNT/decrypt/NAME       {"ciphertext", "associated_data"}         200 {"data": {"plaintext"}}, or 400
    POST   MOUNT/keys/NAME/config   {"deletion_allowed": true}                200 or 204
    DELETE MOUNT/keys/NAME                                                   204

Sources: developer.hashicorp.com/vault/api-docs and …/secret/transit, openbao.org/api-docs/secret/transit. `encrypt` makes a key
that is not there when the token may `create` at that path, so it may only `update` (docs/keys.md).
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from domicile.media.errors import UpstreamUnavailable
from domicile.media.keys import KEY_BYTES
from domicile.media.policy import Permit
from domicile.service.gate.vault import VaultAnswer, VaultClient
from origin.roots.port import RootGone, RootKind, RootUnavailable, SealingKey, header_of, wrapped_of
from origin.roots.secret_file import read_secret

PREFIX = "domicile-root-"
"""Of names of ours among the keys of an engine."""
ID_BYTES = 16
TYPE = "aes256-gcm96"


class VaultRoots:
    kind = RootKind.VAULT

    def __init__(self, client: VaultClient, *, mount: str, token_file: Path, permit: Callable[[], Permit]) -> None:
        self._client = client
        self._mount = mount
        self._token_file = token_file
        self._permit = permit

    def new_name(self, number: int) -> str:
        return f"{self._mount}/{PREFIX}{os.urandom(ID_BYTES).hex()}"

    def create(self, name: str) -> None:
        self._done("POST", self._keys(name), {"type": TYPE})
        facts = self._facts(name)
        if facts is None or facts.get("type") != TYPE or facts.get("exportable") or facts.get("allow_plaintext_backup"):
            raise RootUnavailable("the Vault made a key that can leave it, or none")

    def has(self, name: str) -> bool:
        return self._facts(name) is not None

    def fresh_key(self, name: str) -> SealingKey:
        key = os.urandom(KEY_BYTES)
        if not self.has(name):
            raise RootGone("the Vault does not have the root")
        said = self._done("POST", self._path(name, "encrypt"), {"plaintext": _text(key), **_bound(name)})
        wrapped = _member(said, "ciphertext").encode("ascii", "replace")
        return SealingKey(key=key, header=header_of(wrapped))

    def key_of(self, name: str, sealed: bytes) -> SealingKey:
        wrapped = wrapped_of(sealed)
        if not self.has(name):
            raise RootGone("the Vault does not have the root")
        said = self._done("POST", self._path(name, "decrypt"), {"ciphertext": wrapped.decode("ascii"), **_bound(name)})
        try:
            key = base64.b64decode(_member(said, "plaintext"), validate=True)
        except binascii.Error as bad:
            raise RootUnavailable("the Vault gave an answer that means nothing") from bad
        return SealingKey(key=key, header=header_of(wrapped))

    def destroy(self, name: str, *, beside: str | None) -> None:
        if beside is not None and not self.has(beside):
            raise RootUnavailable("the root in force is not in this Vault")
        if not self.has(name):
            return
        self._done("POST", f"{self._keys(name)}/config", {"deletion_allowed": True})
        self._done("DELETE", self._keys(name))
        if self.has(name):
            raise RootUnavailable("the Vault still has a root that it has deleted")

    def live(self) -> frozenset[str]:
        answer = self._call("GET", f"{self._mount}/keys?list=true")
        if answer.is_absent:
            return frozenset()
        found = _data(_checked(answer)).get("keys")
        if not isinstance(found, list):
            raise RootUnavailable("the Vault gave an answer that means nothing")
        return frozenset(f"{self._mount}/{name}" for name in found if str(name).startswith(PREFIX))

    def _facts(self, name: str) -> Mapping[str, Any] | None:
        answer = self._call("GET", self._keys(name))
        return None if answer.is_absent else _data(_checked(answer))

    def _keys(self, name: str) -> str:
        return self._path(name, "keys")

    def _path(self, name: str, what: str) -> str:
        mount, _, key = name.rpartition("/")
        if mount != self._mount:
            raise RootUnavailable(f"the root is at the mount {mount!r}, and the settings say {self._mount!r}")
        return f"{mount}/{what}/{key}"

    def _done(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> VaultAnswer:
        return _checked(self._call(method, path, body))

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> VaultAnswer:
        permit = self._permit()
        try:
            return self._client.call(
                permit, permit.tenant, method, path, token=read_secret(self._token_file), body=body
            )
        except UpstreamUnavailable as away:
            raise RootUnavailable(str(away)) from away


def _checked(answer: VaultAnswer) -> VaultAnswer:
    if not answer.is_done:
        raise RootUnavailable(f"the Vault refuses (status {answer.status}); needed rights are in docs/keys.md")
    return answer


def _data(answer: VaultAnswer) -> Mapping[str, Any]:
    data = answer.body.get("data")
    return data if isinstance(data, dict) else {}


def _member(answer: VaultAnswer, name: str) -> str:
    value = _data(answer).get(name)
    if not isinstance(value, str):
        raise RootUnavailable("the Vault gave an answer that means nothing")
    return value


def _bound(name: str) -> dict[str, str]:
    return {"associated_data": _text(f"domicile/root\0{name}".encode())}


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
