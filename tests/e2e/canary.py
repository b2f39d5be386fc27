"""Canaries: unguessable tokens planted as personal data, and the sweep that looks for them where none may be."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.e2e.stack import Reply, Stack

SWEPT_BYTES_MAX = 64 * 1024 * 1024
"""A file larger than this is swept in pieces that overlap by a token's length."""
TOKEN_BYTES_MAX = 64
ECHOED = "x-cld-error"
"""The one header of an error that may repeat the request's own URL to whoever sent it."""


@dataclass(slots=True)
class Canaries:
    """Mint tokens with `name`; they count as planted from then on."""

    planted: list[str] = field(default_factory=list)
    mark: str = field(default_factory=lambda: secrets.token_hex(6))
    """In each that `name` has minted: where it is not, none of those is."""
    errors: list[tuple[str, bytes]] = field(default_factory=list)
    """What was asked, and head and body of the answer, of every answer that was an error."""

    def name(self, prefix: str = "canary") -> str:
        token = f"{prefix}{self.mark}{secrets.token_hex(5)}"
        assert len(token) <= TOKEN_BYTES_MAX
        self.planted.append(token)
        return token

    def watch(self, asked: str, reply: Reply) -> None:
        """Keep an error to look at it later: see Stack.watchers."""
        if reply.status >= 400:
            head = "\n".join(f"{name}: {value}" for name, value in reply.headers.items() if name != ECHOED)
            self.errors.append((asked, head.encode() + b"\n\n" + reply.body))

    def found_in(self, text: bytes) -> list[str]:
        lowered = text.lower()
        is_marked = self.mark.encode() in lowered
        suspects = self.planted if is_marked else [token for token in self.planted if self.mark not in token]
        return [token for token in suspects if token.lower().encode() in lowered]

    def leaks(self, stack: Stack) -> Iterator[str]:
        """Places of a running installation that hold a canary in the clear."""
        yield from self.leaks_at_rest(stack)
        for tier, metrics in (("edge", stack.get("/metrics")), ("origin", stack.api("GET", "/metrics"))):
            assert metrics.status == 200
            assert b"domicile_" in metrics.body
            yield from (f"{tier} /metrics: {token}" for token in self.found_in(metrics.body))

    def leaks_at_rest(self, stack: Stack) -> Iterator[str]:
        """The same of what is left when it has ended: its log to the last line, its files, the errors it answered."""
        for place in (stack.log, *_files(stack.data), *_files(stack.keys), *_files(stack.mirror), *stack.beside()):
            named = self.found_in(place.name.encode())
            yield from (f"{place}: {token}" for token in {*named, *self._found_in_file(place)})
        for asked, answer in self.errors:
            yield from (f"error of {asked}: {token}" for token in self.found_in(answer))

    def _found_in_file(self, place: Path) -> set[str]:
        found: set[str] = set()
        try:
            with place.open("rb") as file:
                tail = b""
                while piece := file.read(SWEPT_BYTES_MAX):
                    found.update(self.found_in(tail + piece))
                    tail = piece[-TOKEN_BYTES_MAX:]
        except FileNotFoundError:  # a cache file evicted meanwhile
            return found
        return found

    def check_planted(self, before: int = 0) -> None:
        """That there are more than so many."""
        planted = len(self.planted) > before
        assert planted, "a module that plants no canary proves nothing: use canaries.name() for what it uploads"

    @contextmanager
    def over(self, stack: Stack) -> Iterator[Stack]:
        """Watch `stack`, sweep it while it runs, stop it, and sweep what its end left behind."""
        stack.watchers.append(self.watch)
        try:
            yield stack
            if stack.process is not None:
                stack.check_alive()
                assert list(self.leaks(stack)) == []
        finally:
            stack.stop()
        self.check_planted()
        assert list(self.leaks_at_rest(stack)) == []


def _files(top: Path) -> Iterator[Path]:
    for path in sorted(top.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield path
