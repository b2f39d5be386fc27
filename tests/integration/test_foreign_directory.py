"""`edge`, `origin` and `domicile` are common names: a node that is started where such directories lie runs none of them."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.page import BadPage, SharedPage
from tests.integration.node_process import ROOT, until

WORKERS = 2

pytestmark = pytest.mark.timeout(90)


@pytest.fixture
def directory() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="dom-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def plant(directory: Path) -> Path:
    """Packages of our names; each leaves a trace when it is imported or run."""
    for name in ("edge", "origin", "domicile"):
        package = directory / name
        package.mkdir(parents=True)
        for file in ("__init__.py", "__main__.py"):
            trace = directory / "trace"
            (package / file).write_text(f"open({str(trace)!r}, 'a').write({name!r})\nraise SystemExit(7)\n", "utf-8")
    return directory


def listening(page_path: Path) -> int:
    try:
        page = SharedPage.open(page_path)
    except (OSError, BadPage):
        return 0
    try:
        return len(page.live_slots())
    finally:
        page.close()


async def test_agent_workers_and_decoders_are_ours_wherever_the_node_is_started(directory: Path) -> None:
    foreign = plant(directory / "foreign")
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "DOMICILE_EDGE_LISTEN": "127.0.0.1:0",
        "DOMICILE_EDGE_WORKERS": str(WORKERS),
        "DOMICILE_EDGE_DATA_DIR": str(directory / "data"),
        "DOMICILE_EDGE_RUN_DIR": str(directory / "run"),
        "DOMICILE_EDGE_ORIGIN_BASE": f"unix:{directory / 'nobody.sock'}",
    }
    with (directory / "log").open("wb") as log:
        node = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "edge"), cwd=foreign, env=environment, stdout=log, stderr=log
        )
    try:
        await until(lambda: listening(directory / "run" / "page") == WORKERS, 60)
        assert not (foreign / "trace").exists()
    finally:
        node.terminate()
        async with asyncio.timeout(30):
            await node.wait()
    assert (node.returncode, (foreign / "trace").exists()) == (0, False), (directory / "log").read_text()
