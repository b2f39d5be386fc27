"""A process that has imported pytest and the libraries, but nothing of ours, and forks for each run of tests in a tree.

To start Python and to import is most of what a run of one short test takes. A fork has what was imported before it; modules of ours
come from the tree that is asked for: what came from elsewhere stands in the answer.

A line of JSON on stdin asks, a line on stdout answers. A run that imports ours and collects its tests itself:

    {"tree": "/tmp/…/tree", "fresh": true, "tests": ["tests/unit/…::test_…"], "options": ["-q"], "first": true, "seconds_max": 120}
    {"exit": 1, "broken": [], "failed": ["tests/unit/…::test_…"], "skipped": {}, "seconds": {"tests/unit/…::test_…": 0.4}, …}

`exit` is pytest's, or null after `seconds_max`. With `first` the run ends with the first failure.

    {"tree": "/tmp/…/tree", "collect": ["tests/unit/…::test_…"], "options": ["-q"]}
    {"collected": true}
    {"forget": true}
    {}

From the one to the other a pytest that has collected these tests forks for each run (`session.py`); it has forked itself from a process
that has imported all of ours. `changed` names files that differ in such a run, and for each of them where its text of before is: its
functions are changed (`swapping.py`). When that is not possible, `unlike` says why.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import tempfile
import traceback
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, Self, TextIO

import pytest

from tests.mutants.forks import BROKEN, OURS, Alone, End, Watch, answered, enter
from tests.mutants.session import Held
from tests.mutants.swapping import by_file

LIBRARIES = """
    PIL.Image PIL.ImageCms PIL.ImageFilter PIL.ImageFont aiohttp.web aiosqlite alembic.command cachetools
    cryptography.hazmat.primitives.asymmetric.ed25519 cryptography.hazmat.primitives.ciphers.aead http_message_signatures
    hypothesis.strategies msgspec numpy onnxruntime prometheus_client psutil pypdfium2 resvg simplejpeg
    sqlalchemy.dialects.sqlite.aiosqlite sqlalchemy.ext.asyncio structlog typer uharfbuzz uvloop
""".split()
PACKAGES = ("domicile", "edge", "origin")
COMMANDS = frozenset({"__main__", "env"})
"""Modules that act when they are imported."""


class Libraries:
    """A plugin: they are imported while pytest watches imports, as it wants plugins and what they come with to be."""

    def pytest_configure(self) -> None:
        for name in LIBRARIES:
            importlib.import_module(name)


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what pytest and libraries print is no answer
    with tempfile.TemporaryDirectory() as nowhere:
        nothing = Path(nowhere, "pytest.ini")
        nothing.write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n", "ascii")
        pytest.main(
            ["--collect-only", "-p", "no:cacheprovider", "-p", "no:schemathesis", "-c", str(nothing), nowhere],
            [Libraries()],
        )
    leave()
    gc.collect()
    gc.freeze()  # pytest ends with a full collection, which would walk through all of the libraries in every fork
    serve(sys.stdin, answers)


def leave() -> None:
    """Of ours nothing stays but what runs here: a tree brings its own."""
    sys.path.remove(os.getcwd())  # `python -m` has put it there
    for name in [name for name in sys.modules if name.partition(".")[0] in OURS]:
        del sys.modules[name]


def serve(lines: Iterable[str], answers: TextIO) -> None:
    """Until the input ends."""
    importer: Importer | None = None
    for line in lines:
        asked = json.loads(line)
        if "fresh" in asked:

            def work(end: End, asked: dict[str, Any] = asked) -> NoReturn:
                fresh(asked, end)

            answer = json.dumps(answered(asked["seconds_max"], work))
        else:
            importer = importer or Importer.started(Path(asked["tree"]))
            answer = importer.ask(line)
        print(answer.rstrip("\n"), file=answers, flush=True)
    if importer is not None:
        importer.end()


def fresh(asked: dict[str, Any], end: End) -> NoReturn:
    """In a fork: pytest, with the tree first on the path of this process and of those that it starts."""
    tree = Path(asked["tree"])
    enter(tree)
    watch, options = Watch(), list(asked["options"])
    if asked["first"]:
        alone = Alone()

        def on_failed() -> None:
            if alone:
                end(int(pytest.ExitCode.TESTS_FAILED), watch.facts(tree))

        watch.on_failed = on_failed
        options.append("-x")
    try:
        code = int(pytest.main([*options, *asked["tests"]], [watch]))
    except Exception:
        if not watch.failed:
            raise
        traceback.print_exc()  # pytest complains at its end of what a failed test left open
        code = int(pytest.ExitCode.TESTS_FAILED)
    end(code, watch.facts(tree))


@dataclass(frozen=True, slots=True)
class Importer:
    """A fork that has imported all of ours from a tree, and forks for each collection of tests."""

    pid: int
    asked: TextIO
    told: TextIO

    @classmethod
    def started(cls, tree: Path) -> Self:
        (lines, asked), (told, answers) = os.pipe(), os.pipe()
        if (pid := os.fork()) == 0:
            os.close(asked)  # else it would never end
            os.close(told)
            take_in(tree, os.fdopen(lines), os.fdopen(answers, "w"))
        os.close(lines)
        os.close(answers)
        return cls(pid=pid, asked=os.fdopen(asked, "w"), told=os.fdopen(told))

    def ask(self, line: str) -> str:
        print(line.rstrip("\n"), file=self.asked, flush=True)
        return self.told.readline()

    def end(self) -> None:
        self.asked.close()
        os.waitpid(self.pid, 0)


def take_in(tree: Path, lines: TextIO, answers: TextIO) -> NoReturn:
    try:
        enter(tree)
        for name in modules(tree):
            with suppress(Exception, SystemExit):  # what it needs is not there: the tests will say
                importlib.import_module(name)
        with suppress(Exception):  # likewise
            importlib.import_module("tests.infra.warming").warm_up()
        functions = by_file(gc.get_objects(), str(tree))
        gc.collect()
        gc.freeze()
        for (
            line
        ) in lines:  # whoever asks waits for each answer, so that a fork may read on where its parent has stopped
            asked = json.loads(line)
            if (child := os.fork()) == 0:
                collect(asked, Held(tree, functions, lines, answers))
            ended_well = os.waitpid(child, 0)[1] == 0
            print(json.dumps({} if ended_well else {"collected": False}), file=answers, flush=True)
    finally:
        os._exit(0)


def modules(tree: Path) -> list[str]:
    """All that can be imported and acts only when it is called."""
    files = [file.relative_to(tree) for package in PACKAGES for file in sorted((tree / package).rglob("*.py"))]
    return [
        ".".join((file.parent if file.stem == "__init__" else file.with_suffix("")).parts)
        for file in files
        if file.stem not in COMMANDS and file.stem.isidentifier()
    ]


def collect(asked: dict[str, Any], held: Held) -> NoReturn:
    """In a fork, which ends when the tests are forgotten."""
    try:
        pytest.main([*asked["options"], *asked["collect"]], [held.watch, held])
    finally:
        os._exit(BROKEN)


if __name__ == "__main__":
    main()
