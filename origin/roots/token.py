"""Roots in a PKCS#11 token: AES-256 keys that are made there and never leave it. Needs the extra `pkcs11`.

A root wraps the key of an index by CKM_AES_GCM. Destroying it is C_DestroyObject, then a new session that does not find it. What
that is worth is the token's maker's word; that the token is the right one is seen by its serial number, which is part of a root's
name, and by the root in force, which has to be in it.

A session is opened for each step and closed after it, by one thread at a time: a session belongs to the thread that opened it,
and a login to the process. How long a token may take to answer is a matter of its module.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass

from domicile.media.keys import KEY_BYTES
from origin.roots.port import NONCE_BYTES, RootGone, RootKind, RootUnavailable, SealingKey, header_of, wrapped_of
from origin.roots.secret_file import read_secret

LABEL = "domicile root"
"""Of all objects of ours; which one it is says its CKA_ID."""
ID_BYTES = 16
OBJECTS_MAX = 1000
"""Objects of ours in a token that are looked at."""
_LIBRARY = threading.Lock()
"""PKCS#11 modules are process-wide, and so is the login."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenWhere:
    module: Path
    label: str
    pin_file: Path


class TokenRoots:
    kind = RootKind.PKCS11

    def __init__(self, where: TokenWhere) -> None:
        self._where = where
        self._library: Any = None
        self._is_stale = False
        """Something failed: sessions, logins and the list of slots are begun anew."""

    def new_name(self, number: int) -> str:
        with self._answering():
            serial = _serial(self._token())
        return f"{serial}/{os.urandom(ID_BYTES).hex()}"

    def create(self, name: str) -> None:
        with self._session(name, rw=True) as session:
            key = session.generate_key(
                KeyType.AES,
                KEY_BYTES * 8,
                id=_id(name),
                label=LABEL,
                store=True,
                capabilities=MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT,
                template={
                    Attribute.PRIVATE: True,
                    Attribute.SENSITIVE: True,
                    Attribute.EXTRACTABLE: False,
                    Attribute.COPYABLE: False,  # a copy would outlive it
                },
            )
            if not key[Attribute.SENSITIVE] or key[Attribute.EXTRACTABLE]:
                key.destroy()
                raise RootUnavailable("the token makes keys that can leave it")

    def has(self, name: str) -> bool:
        with self._session(name) as session:
            return bool(_found(session, name))

    def fresh_key(self, name: str) -> SealingKey:
        key, nonce = os.urandom(KEY_BYTES), os.urandom(NONCE_BYTES)
        with self._session(name) as session:
            sealed = _one(session, name).encrypt(key, mechanism=Mechanism.AES_GCM, mechanism_param=_gcm(name, nonce))
        return SealingKey(key=key, header=header_of(nonce + bytes(sealed)))

    def key_of(self, name: str, sealed: bytes) -> SealingKey:
        wrapped = wrapped_of(sealed)
        nonce, body = wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:]
        with self._session(name) as session:
            key = _one(session, name).decrypt(body, mechanism=Mechanism.AES_GCM, mechanism_param=_gcm(name, nonce))
        return SealingKey(key=bytes(key), header=header_of(wrapped))

    def destroy(self, name: str, *, beside: str | None) -> None:
        with self._session(name, rw=True) as session:
            if beside is not None and not _found(session, beside):
                raise RootUnavailable("the root in force is not in this token")
            for key in _found(session, name):
                key.destroy()
        with self._session(name) as session:
            if _found(session, name):
                raise RootUnavailable("the token still has a root that it has destroyed")

    def live(self) -> frozenset[str]:
        with self._session() as session:
            serial = _serial(session.token)
            return frozenset(f"{serial}/{bytes(one[Attribute.ID]).hex()}" for one in _objects(session, {}))

    @contextmanager
    def _session(self, name: str | None = None, *, rw: bool = False) -> Iterator[Any]:
        """`name`: of the root that is looked for; in another token than it is in, nothing is found out about it."""
        with self._answering():
            token = self._token()
            if name is not None and name.partition("/")[0] != _serial(token):
                raise RootUnavailable("this is another token than the one that the root is in")
            with token.open(rw=rw, user_pin=read_secret(self._where.pin_file)) as session:
                yield session

    @contextmanager
    def _answering(self) -> Iterator[None]:
        with _LIBRARY:
            try:
                yield
            except pkcs11.PKCS11Error as failed:
                self._is_stale = True
                raise RootUnavailable(f"the token {self._where.label!r}: {type(failed).__name__}") from failed
            except RuntimeError as failed:  # of a module that is none
                raise RootUnavailable(f"{str(self._where.module)!r} is no PKCS#11 module") from failed

    def _token(self) -> Any:
        if self._library is None:
            self._library = pkcs11.lib(str(self._where.module))
        if self._is_stale:
            self._library.reinitialize()
            self._is_stale = False
        return self._library.get_token(token_label=self._where.label)


def _gcm(name: str, nonce: bytes) -> Any:
    return pkcs11.GCMParams(nonce, f"domicile/root\0{name}".encode(), 128)


def _serial(token: Any) -> str:
    serial = token.serial
    return (serial.decode("ascii", "replace") if isinstance(serial, bytes) else str(serial)).strip().replace("/", "_")


def _id(name: str) -> bytes:
    return bytes.fromhex(name.rpartition("/")[2])


def _objects(session: Any, wanted: dict[Any, Any]) -> list[Any]:
    known = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.LABEL: LABEL}
    found = []
    for one in session.get_objects(known | wanted):
        found.append(one)
        if len(found) > OBJECTS_MAX:
            raise RootUnavailable(f"the token has more than {OBJECTS_MAX} roots")
    return found


def _found(session: Any, name: str) -> list[Any]:
    return _objects(session, {Attribute.ID: _id(name)})


def _one(session: Any, name: str) -> Any:
    for key in _found(session, name):
        return key
    raise RootGone("the token does not have the root")
