"""What changes a disk, or a store of roots, fails at one step of our choice: the process dies there, or goes on with an error."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


class Crash(BaseException):
    """The process is gone; no handler runs."""


def at(number: int, error: BaseException) -> Callable[[int], BaseException | None]:
    return lambda n: error if n == number else None


class Faults:
    """Counts the primitives that change a disk, and fails at one of them: before it, or half-way through a write.

    `stores`: classes whose methods count, too; each fails before it, or after it. Then what leaves nothing but a torn file
    beside the real one does not count: files by themselves have tests of their own, and a token takes its time.
    """

    def __init__(self, patch: pytest.MonkeyPatch, stores: Sequence[type] = ()) -> None:
        self._patch = patch
        self._stores = stores
        self.count = 0
        self._fails: Callable[[int], BaseException | None] = lambda _: None

    @contextmanager
    def failing(self, fails: Callable[[int], BaseException | None] = lambda _: None) -> Iterator[None]:
        """Within the block, primitive number n raises what `fails(n)` gives."""
        self.count, self._fails = 0, fails
        with self._patch.context() as patch:
            real_write, real_replace, real_unlink = os.write, Path.replace, Path.unlink
            patch.setattr(os, "pwrite", self._wrapped(os.pwrite))
            if not self._stores:
                patch.setattr(os, "write", lambda handle, data: self._write(real_write, handle, data))
                patch.setattr(os, "fsync", self._wrapped(os.fsync))
            patch.setattr(Path, "replace", self._wrapped(real_replace))
            patch.setattr(Path, "unlink", self._wrapped(real_unlink))
            for store in self._stores:
                for name in ("create", "fresh_key", "key_of", "destroy"):
                    patch.setattr(store, name, self._wrapped(getattr(store, name), after=True))
            yield

    def _step(self) -> None:
        self.count += 1
        error = self._fails(self.count)
        if error is not None:
            raise error

    def _write(self, real: Callable[..., int], handle: int, data: memoryview) -> int:
        try:
            self._step()
        except BaseException:
            real(handle, data[: len(data) // 2])
            raise
        return real(handle, data)

    def _wrapped(self, real: Callable[..., Any], *, after: bool = False) -> Callable[..., Any]:
        def primitive(*arguments: Any, **named: Any) -> Any:
            self._step()
            done = real(*arguments, **named)
            if after:
                self._step()
            return done

        return primitive
