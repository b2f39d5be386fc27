"""End to end: `domicile serve` as a user starts it, the unmodified SDK, raw sockets, and canaries everywhere.

Every test here runs under `canaries`: the names, tags, file names and context that tests plant are unguessable tokens,
and the fixtures sweep logs, metrics, journal, mirror, databases, caches and the answers that were errors for them, before
and after the installation ends. A sweep that cannot find anything proves nothing, so `test_canaries.py` plants one in
each of these places on purpose (the positive control).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.canary import Canaries
from tests.e2e.stack import Stack
from tests.infra import postgres

Installations = Callable[..., Stack]


@pytest.fixture(scope="module")
def canaries() -> Canaries:
    return Canaries()


@pytest.fixture(scope="module")
def rows() -> postgres.Rows | None:
    """Where the catalogue is. A module that runs on every database has a fixture of this name that gives `database`."""
    return None


@pytest.fixture(scope="module")
def stack(
    tmp_path_factory: pytest.TempPathFactory,
    canaries: Canaries,
    request: pytest.FixtureRequest,
    rows: postgres.Rows | None,
) -> Iterator[Stack]:
    """A running Domicile with as many edge workers as the module's WORKERS says (2 by default)."""
    workers = getattr(request.module, "WORKERS", 2)
    extra = getattr(request.module, "ENVIRONMENT", {})
    running = Stack(tmp_path_factory.mktemp("domicile") / "data", workers=workers, environment=extra)
    if rows is not None:
        running.environment = {**extra, **rows.environment}
        running.beside = rows.files
    running.start()
    with canaries.over(running):
        yield running
    assert running.exit_code == 0, running.log_tail()


@pytest.fixture
def installations(canaries: Canaries) -> Iterator[Installations]:
    """`installations(data, workers=1)`: one more running Domicile, swept like the module's own when the test ends."""
    with ExitStack() as held:

        def start(data: Path, **options: object) -> Stack:
            running = Stack(data, **options)  # type: ignore[arg-type]
            running.start()
            return held.enter_context(canaries.over(running))

        yield start


@pytest.fixture
def corpus_media() -> Path:
    from tests.corpus import require_corpus

    return require_corpus() / "media"
