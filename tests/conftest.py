"""Fixtures for everybody, and the rule of CI: with CI=true nothing may skip."""

from __future__ import annotations

import gc
import os
import socket
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.corpus import IN_CI
from tests.infra import compiled, postgres
from tests.infra.shares import Shares, order
from tests.infra.told import TOLD

settings.register_profile("ci", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("here", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ci" if IN_CI else "here")
compiled.share()

PORTS_MAX = 16
"""Free ports that one call hands out."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--databases",
        default=",".join(postgres.DATABASES),
        help="of those on which tests of records and of the API run twice; a comma between them",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What takes `database_kind` runs on every database, unless the mark `sqlite` says that it is about that one."""
    if "database_kind" in metafunc.fixturenames:
        asked = str(metafunc.config.getoption("databases")).split(",")
        is_embedded = any(metafunc.definition.iter_markers("sqlite"))
        kinds = [kind for kind in asked if kind == "sqlite" or not is_embedded]
        metafunc.parametrize("database_kind", kinds, indirect=True, scope="module")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: CI=true and nothing may skip ({reason})"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if IN_CI and report.outcome == "skipped":
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid}: CI=true and nothing may skip ({report.longrepr})"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is imported and collected stays for good. The garbage collector would walk through hundreds of megabytes of it again and
    again, meanwhile and in every test.
    """
    gc.disable()
    try:
        collected = yield
        gc.collect()
        gc.freeze()
    finally:
        gc.enable()
    return collected


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Shares | None:
    return Shares(config, log) if config.getvalue("dist") == "load" else None  # else somebody asked for another way


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's DOMICILE_* variables change no test (the corpus stays where it is)."""
    for name in list(os.environ):
        if name.startswith("DOMICILE_") and name != "DOMICILE_CORPUS":
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    """One for all tests of this process."""
    with postgres.running() as server:
        yield server


@pytest.fixture(scope="module")
def database_kind(request: pytest.FixtureRequest) -> str:
    """ "sqlite", then "postgres"."""
    return str(request.param)


@pytest.fixture(scope="module")
def database(request: pytest.FixtureRequest, database_kind: str) -> Iterator[postgres.Rows | None]:
    """A database of the server for the tests of a file; None on SQLite."""
    if database_kind == "sqlite":
        yield None
        return
    server: postgres.Server = request.getfixturevalue("postgres_server")
    rows = postgres.Rows(server=server, url=server.database())
    yield rows
    server.give_back(rows.url)


@pytest.fixture(scope="session")
def free_ports() -> Callable[[int], list[int]]:
    """`free_ports(2)`: TCP ports of the loopback that were free a moment ago, all different."""

    def find(count: int) -> list[int]:
        assert 0 < count <= PORTS_MAX
        with ExitStack() as held:
            sockets = [held.enter_context(socket.socket()) for _ in range(count)]
            for one in sockets:
                one.bind(("127.0.0.1", 0))
            return [int(one.getsockname()[1]) for one in sockets]

    return find


@pytest.fixture
def free_port(free_ports: Callable[[int], list[int]]) -> int:
    return free_ports(1)[0]


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """An empty data directory; its keys directory would be the sibling `data.keys`."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    return data


def pytest_report_header(config: pytest.Config) -> list[str]:
    from tests.corpus import CORPUS

    found: dict[str, Any] = {"corpus": "found" if CORPUS else "absent: its tests skip", "CI": IN_CI}
    return [", ".join(f"{name}: {value}" for name, value in found.items())]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Whatever process a test ran in, what it recorded as `told` stands in the summary."""
    for report in (report for reports in terminalreporter.stats.values() for report in reports):
        for name, text in getattr(report, "user_properties", ()):
            if name == TOLD and report.when == "call":
                terminalreporter.write_line(text)
