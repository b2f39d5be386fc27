"""The public conformance suite of HTTP caches, http-cache-tests from npm: fetched by name, run against any base URL.

    directory = fetched()                           # once a machine, into the user's cache directory
    with Origin(directory) as origin:               # the suite's own server, on the loopback address
        results = run(directory, "http://127.0.0.1:8090")
    tally(results)                                  # what passed, by kind

A test counts only if all that it depends on passed, as on the suite's own page.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.infra.packages import npm
from tests.infra.ports import free_port

PACKAGE = "http-cache-tests"
VERSION = "0.4.5"
HERE = Path(__file__).parent
RUN_SECONDS_MAX = 240.0
START_SECONDS_MAX = 20.0


def fetched() -> Path:
    """The suite's directory. Raises OSError or CalledProcessError when it cannot be had."""
    return npm(f"{PACKAGE}-{VERSION}", f"{PACKAGE}@{VERSION}") / "node_modules" / PACKAGE


def wait_for(port: int, process: subprocess.Popen[Any] | None = None) -> None:
    """Until somebody listens there. Raises AssertionError."""
    until = time.monotonic() + START_SECONDS_MAX
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            ended = process is not None and process.poll() is not None
            assert not ended, "ended before it listened"
            assert time.monotonic() < until, f"nobody listens on port {port}"
            time.sleep(0.05)
        else:
            return


class Origin:
    """The suite's server, as a process."""

    def __init__(self, suite: Path) -> None:
        self.port = free_port()
        environment = {
            "PATH": os.environ["PATH"],
            "npm_config_protocol": "http",
            "npm_config_port": str(self.port),
            "npm_config_pidfile": os.devnull,
        }
        command = ["node", "--no-warnings", "--require", str(HERE / "loopback.cjs"), "server/server.mjs"]
        self._process = subprocess.Popen(
            command, cwd=suite, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def __enter__(self) -> Self:
        wait_for(self.port, self._process)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(10)


@dataclass(frozen=True, slots=True)
class Result:
    """`kind`: required, optimal or check. `outcome`: pass, fail, setup, retry, harness or dependency."""

    kind: str
    outcome: str
    said: str


def run(suite: Path, base: str) -> dict[str, Result]:
    """Every test once. Raises CalledProcessError or TimeoutExpired."""
    done = subprocess.run(
        ["node", "--no-warnings", str(HERE / "run.mjs"), str(suite), base],
        check=True, capture_output=True, text=True, timeout=RUN_SECONDS_MAX,
    )  # fmt: skip
    found: dict[str, dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return {name: Result(test["kind"], outcome(name, found), said(test["result"])) for name, test in found.items()}


def outcome(name: str, found: Mapping[str, Mapping[str, Any]]) -> str:
    """Of one test, by its own result and by those it depends on."""
    test = found[name]
    if any(outcome(other, found) != "pass" for other in test["depends_on"] if other in found):
        return "dependency"
    result = test["result"]
    if result is True:
        return "pass"
    if isinstance(result, list) and result and result[0] == "Setup":
        return "retry" if result[1] == "retry" else "setup"
    if isinstance(result, list) and result and result[0] == "Assertion":
        return "fail"
    return "harness"


def said(result: Any) -> str:
    return " ".join(str(part) for part in result) if isinstance(result, list) else ""


def tally(results: Mapping[str, Result]) -> dict[str, int]:
    """How many, by "kind outcome"."""
    counted = Counter(f"{result.kind} {result.outcome}" for result in results.values())
    return dict(sorted(counted.items()))
