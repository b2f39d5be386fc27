"""Canaries: unguessable tokens planted as personal data, and the sweep that looks for them where none may be."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.e2e.stack import Stack

SWEPT_BYTES_MAX = 64 * 1024 * 1024
"""A file larger than this is swept in pieces that overlap by a token's length."""


@dataclass(slots=True)
class Canaries:
    """Mint tokens with `name`; they count as planted from then on."""

    planted: list[str] = field(default_factory=list)
    bodies: list[tuple[str, bytes]] = field(default_factory=list)

    def name(self, prefix: str = "canary") -> str:
        token = f"{prefix}{secrets.token_hex(8)}"
        self.planted.append(token)
        return token

    def found_in(self, text: bytes) -> list[str]:
        lowered = text.lower()
        return [token for token in self.planted if token.lower().encode() in lowered]

    def leaks(self, stack: Stack) -> Iterator[str]:
        """Places that hold a canary in the clear."""
        for place in (stack.log, *_files(stack.data), *_files(stack.keys)):
            for token in self.found_in_file(place):
                yield f"{place}: {token}"
        for tier, metrics in (("edge", stack.get("/metrics")), ("origin", stack.api("GET", "/metrics"))):
            assert metrics.status == 200
            assert b"domicile_" in metrics.body
            for token in self.found_in(metrics.body):
                yield f"{tier} /metrics: {token}"
        for label, body in self.bodies:
            for token in self.found_in(body):
                yield f"{label}: {token}"

    def found_in_file(self, place: Path) -> set[str]:
        found: set[str] = set()
        try:
            with place.open("rb") as file:
                tail = b""
                while piece := file.read(SWEPT_BYTES_MAX):
                    found.update(self.found_in(tail + piece))
                    tail = piece[-64:]
        except FileNotFoundError:  # a cache file evicted meanwhile
            return found
        return found

    def sweep(self, stack: Stack) -> None:
        assert self.planted, "a module that plants no canary proves nothing: use canaries.name() for what it uploads"
        assert list(self.leaks(stack)) == []


def _files(top: Path) -> Iterator[Path]:
    for path in sorted(top.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield path
