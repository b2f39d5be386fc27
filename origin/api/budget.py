"""How much memory all calls of this process may take together for files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from domicile.media.errors import Overloaded


@dataclass(slots=True)
class Budget:
    """Bytes of files in memory now, over all requests of this process."""

    bytes_max: int
    used: int = 0

    @contextmanager
    def account(self) -> Iterator[Account]:
        account = Account(budget=self)
        try:
            yield account
        finally:
            self.used -= account.taken


@dataclass(slots=True)
class Account:
    """What one call has taken out of the budget."""

    budget: Budget
    taken: int = 0

    def take(self, count: int) -> None:
        if self.budget.used + count > self.budget.bytes_max:
            raise Overloaded("Too many uploads at once, try again")
        self.budget.used += count
        self.taken += count
