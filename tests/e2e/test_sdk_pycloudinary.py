"""pycloudinary's own published tests against `domicile serve`: all of them run, and each ends as tests/sdk/pycloudinary.tsv says.

A test on the list with `run` must pass. The summary names those that are `excluded` and pass: they are taken off the list.

    RENEW_LIST=tests/sdk/pycloudinary.tsv make test PYTEST_ARGS=tests/e2e/test_sdk_pycloudinary.py

writes the list anew, with what each test says that fails and has no reason yet; the reasons are for people to write.
"""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.e2e.canary import Canaries
from tests.e2e.stack import Stack
from tests.infra.elsewhere import running_elsewhere
from tests.infra.told import TOLD
from tests.sdk import listed, suite
from tests.sdk.suite import Result

PUBLISHED = "1.46.3"
"""Whose tests the list is of."""
COUNTS = {"run": 498, "excluded": 31}
SERVER_SHARE_MIN = 0.95
"""Of the tests that need a server for images and no add-on, how many pass."""
BEYOND = 5
"""Tests that need a server and are not about images, which are not among those."""

pytestmark = [pytest.mark.slow, pytest.mark.system, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert version("cloudinary") == PUBLISHED, "another suite: run it, look at what fails, and write the list anew"
    try:
        return suite.laid_out(tmp_path_factory.mktemp("suite"))
    except (OSError, subprocess.SubprocessError) as failed:
        pytest.skip(f"the source package of cloudinary cannot be fetched: {type(failed).__name__}")


@pytest.fixture(scope="module")
def results(
    laid_out: Path, tmp_path_factory: pytest.TempPathFactory, canaries: Canaries
) -> Iterator[dict[str, Result]]:
    data = tmp_path_factory.mktemp("domicile") / "data"
    (data / "policies").mkdir(parents=True, mode=0o700)
    with running_elsewhere() as there:
        picture = there.put("/images/old_logo.png", (laid_out / "files" / "logo.png").read_bytes())
        (data / "policies" / "demo.toml").write_text(
            f'tenant = "demo"\n[zones]\ningress_fetch = ["eu-de"]\n[remote]\nhosts = ["127.0.0.1:{there.port}", "cloudinary.com", "res.cloudinary.com"]\n'
        )
        stack = Stack(data, workers=1, environment={"DOMICILE_ORIGIN_REMOTE_PRIVATE_HOSTS": "127.0.0.1"})
        stack.start()
        stack.sdk().api.create_folder(
            "samples"
        )  # every cloud of its makers has one, and a search for folders must find it
        with canaries.over(stack):
            yield suite.run(laid_out, stack.cloudinary_url, picture, suffix=canaries.name("c"))


def test_each_published_test_ends_as_the_list_says(
    results: dict[str, Result], record_property: Callable[[str, object], None]
) -> None:
    if renewed := os.environ.get("RENEW_LIST"):  # after an upgrade: what to look at
        listed.write(Path(renewed), results)
    rows = listed.read()
    assert set(results) == set(rows)
    failed = {
        test: results[test].said for test, row in rows.items() if row.state == listed.RUN and not results[test].passed
    }
    assert failed == {}
    wrong = [test for test, row in rows.items() if results[test].asked and row.needs == listed.OFFLINE]
    assert wrong == [], "need a server"
    passing = [test for test, row in rows.items() if row.state == listed.EXCLUDED and results[test].passed]
    states = Counter(row.state for row in rows.values())
    server = Counter(row.state for row in rows.values() if row.needs == listed.SERVER)
    beyond = sum(row.needs == listed.BEYOND for row in rows.values())
    said = f"pycloudinary {PUBLISHED}: {dict(states)}, of those that need a server {dict(server)} and {beyond} not about images"
    record_property(TOLD, said)
    if passing:
        record_property(TOLD, f"pass now, and are excluded: {' '.join(passing)}")
    assert dict(states) == COUNTS
    assert beyond == BEYOND
    assert server[listed.RUN] / server.total() > SERVER_SHARE_MIN
