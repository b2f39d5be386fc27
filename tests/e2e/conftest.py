"""End to end: `domicile serve` as a user starts it, the unmodified SDK, raw sockets, and canaries everywhere.

Every test here runs under `canaries`: the names, tags, file names and context that tests plant are unguessable tokens,
and the fixtures sweep logs, metrics, journal, mirror, databases, caches and the answers that were errors for them, before
and after the installation ends. A sweep that cannot find anything proves nothing, so `test_canaries.py` plants one in
each of these places on purpose (the positive control).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.canary import Canaries
from tests.e2e.stack import Stack
from tests.infra import postgres
from tests.infra.shares import ONE_INSTALLATION

Installations = Callable[..., Stack]


@dataclass(frozen=True, slots=True)
class Common:
    """What the files of ONE_INSTALLATION use, one after the other."""

    stack: Stack
    canaries: Canaries


def is_common(request: pytest.FixtureRequest) -> bool:
    """Whether this file is one of those; the other ones may ask for something special."""
    return request.node.nodeid in ONE_INSTALLATION


@pytest.fixture(scope="package")
def common(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Common]:
    """Begins with nothing, as a user's does, and is swept when the last of these files is over, for what each of them has planted."""
    canaries = Canaries()
    running = Stack(tmp_path_factory.mktemp("domicile") / "data", begins_with_nothing=True)
    running.start()
    with canaries.over(running):
        yield Common(running, canaries)
    assert running.exit_code == 0, running.log_tail()


@pytest.fixture(scope="module")
def canaries(request: pytest.FixtureRequest) -> Iterator[Canaries]:
    if not is_common(request):
        yield Canaries()
        return
    theirs: Canaries = request.getfixturevalue("common").canaries
    before = len(theirs.planted)
    yield theirs
    theirs.check_planted(before)


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
    """A running Domicile with as many edge workers as the module's WORKERS says (2 by default), or the one in common."""
    if is_common(request):
        assert not {"WORKERS", "ENVIRONMENT"} & vars(request.module).keys(), "what others use is as it always is"
        shared: Common = request.getfixturevalue("common")
        yield shared.stack
        shared.stack.check_alive()
        return
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
