"""Roots in a PKCS#11 token: AES-256 keys that are made there and never leave it. Needs the extra `pkcs11`.

A root wraps the key of an index by CKM_AES_GCM. Destroying it is C_DestroyObject, then a new session that does not find it. What
that is worth is the token's maker's word; that the token is the right one is seen by its serial number, which is part of a root's
name, and by the root in force, which has to be in it. The token is spoken to by a process of its own (`token_child.py`).
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from origin.roots.port import RootGone, RootKind, RootUnavailable, SealingKey, header_of, wrapped_of

ID_BYTES = 16
LINE_BYTES_MAX = 512 * 1024
END_SECONDS_MAX = 2.0
"""How long a process may take to end that was told to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenWhere:
    module: Path
    label: str
    pin_file: Path
    seconds_max: float = 20.0
    """Of one question, the start of the process included."""


class TokenRoots:
    kind = RootKind.PKCS11

    def __init__(self, where: TokenWhere) -> None:
        self._where = where

    def new_name(self, number: int) -> str:
        return f"{self._ask('serial')['serial']}/{os.urandom(ID_BYTES).hex()}"

    def create(self, name: str) -> None:
        self._ask("create", name=name)

    def has(self, name: str) -> bool:
        return bool(self._ask("has", name=name)["has"])

    def fresh_key(self, name: str) -> SealingKey:
        made = self._ask("wrap", name=name)
        return SealingKey(key=bytes.fromhex(made["key"]), header=header_of(bytes.fromhex(made["wrapped"])))

    def key_of(self, name: str, sealed: bytes) -> SealingKey:
        wrapped = wrapped_of(sealed)
        said = self._ask("unwrap", name=name, wrapped=wrapped.hex())
        return SealingKey(key=bytes.fromhex(said["key"]), header=header_of(wrapped))

    def destroy(self, name: str, *, beside: str | None) -> None:
        self._ask("destroy", name=name, beside=beside)

    def live(self) -> frozenset[str]:
        return frozenset(self._ask("live")["names"])

    def _ask(self, do: str, **values: Any) -> Mapping[str, Any]:
        said = _child_of(self._where).ask({"do": do, **values})
        if said.get("gone"):
            raise RootGone("the token does not have the root")
        if "refused" in said:
            raise RootUnavailable(f"the token {self._where.label!r}: {said['refused']}")
        return said


class Child:
    """The process that speaks to one token, started when it is asked; one question at a time."""

    def __init__(self, where: TokenWhere) -> None:
        self._where = where
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        """Raises RootUnavailable."""
        with self._lock:
            try:
                said = self._asked(json.dumps(question).encode() + b"\n")
            except (OSError, ValueError) as failed:
                self._end(seconds_max=0.0)
                raise RootUnavailable(f"the token {self._where.label!r}: {failed}") from failed
            if said.get("ends"):
                self._end()
            return said

    def end(self) -> None:
        with self._lock:
            self._end()

    def _asked(self, line: bytes) -> dict[str, Any]:
        deadline = time.monotonic() + self._where.seconds_max
        process = self._process = self._process or self._started()
        assert process.stdin is not None
        process.stdin.write(line)
        process.stdin.flush()
        said: dict[str, Any] = json.loads(_line(process, deadline))
        return said

    def _started(self) -> subprocess.Popen[bytes]:
        where = self._where
        command = [sys.executable, "-P", "-m", "origin.roots.token_child"]
        command += [str(where.module.absolute()), where.label, str(where.pin_file.absolute()), str(where.seconds_max)]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def _end(self, *, seconds_max: float = END_SECONDS_MAX) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        try:
            process.wait(seconds_max)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _line(process: subprocess.Popen[bytes], deadline: float) -> bytes:
    """Raises OSError, TimeoutError among them, ValueError."""
    assert process.stdout is not None
    handle, line = process.stdout.fileno(), bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(handle, selectors.EVENT_READ)
        while not line.endswith(b"\n"):
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise TimeoutError("it does not answer in time")
            piece = os.read(handle, LINE_BYTES_MAX)
            if not piece:
                raise ConnectionError("its process has ended: is the module one of PKCS#11?")
            line += piece
            if len(line) > LINE_BYTES_MAX:
                raise ValueError("its answer is too long")
    return bytes(line)


_children: dict[TokenWhere, Child] = {}
"""One for each token that is named, for as long as this process lives: PKCS#11 modules do not like many of them."""


def _child_of(where: TokenWhere) -> Child:
    if where not in _children:
        _children[where] = Child(where)
        atexit.register(_children[where].end)
    return _children[where]
