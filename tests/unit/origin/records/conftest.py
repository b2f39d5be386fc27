"""Every test of the storage core runs on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from tests.infra.records import on


@pytest.fixture(autouse=True)
def _database(request: pytest.FixtureRequest, database_kind: str) -> Iterator[None]:
    with on(request.getfixturevalue("postgres_server")) if database_kind == "postgres" else nullcontext():
        yield
