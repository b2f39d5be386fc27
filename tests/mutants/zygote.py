"""A process that has imported pytest and the libraries, but nothing of ours, and forks for each run of tests in a tree.

To start Python and to import libraries is most of what a run of one short test takes. A fork has them, and imports ours
from the tree that it was given: what came from elsewhere stands in the answer.

A line of JSON on stdin asks for a run, a line on stdout answers:

    {"tree": "/tmp/…/tree", "tests": ["tests/unit/…::test_…"], "absent": [], "options": ["-q"], "seconds_max": 120}
    {"exit": 1, "broken": [], "failed": ["tests/unit/…::test_…"], "skipped": {}, "seconds": {"tests/unit/…::test_…": 0.4}, …}

`exit` is pytest's, or null after `seconds_max`. `absent` are files that no module may come from that is there before the run.

    {"tree": "/tmp/…/tree", "prepare": ["tests/unit/…::test_…"], "without": ["edge/fill.py"]}
    {"forget": true}

From the one to the other a fork answers that has imported what these tests import, too, but for modules of the files `without`, and
for all that import those: whatever differs in these files, a run sees.
"""

from __future__ import annotations

import ast
import gc
import importlib
import json
import os
import select
import signal
import sys
import tempfile
import traceback
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import pytest

LIBRARIES = """
    PIL.Image PIL.ImageCms PIL.ImageFilter PIL.ImageFont aiohttp.web aiosqlite alembic.command cachetools
    cryptography.hazmat.primitives.asymmetric.ed25519 cryptography.hazmat.primitives.ciphers.aead http_message_signatures
    hypothesis.strategies msgspec numpy onnxruntime prometheus_client psutil pypdfium2 resvg simplejpeg
    sqlalchemy.dialects.sqlite.aiosqlite sqlalchemy.ext.asyncio structlog typer uharfbuzz uvloop
""".split()
OURS = frozenset({"domicile", "edge", "origin", "tests"})
SAID_BYTES_MAX = 4000
BROKEN = 70
"""Exit code of a run that did not come to its answer."""


@dataclass(slots=True)
class Watch:
    """A plugin: what happened to the tests of a run."""

    broken: list[str] = field(default_factory=list)
    """Ids of those that something failed of, be it what was set up for them."""
    failed: list[str] = field(default_factory=list)
    """Ids of those whose own code failed."""
    skipped: dict[str, str] = field(default_factory=dict)
    """Id -> reason."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Id -> how long it took, with what was set up for it."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration
        if report.failed:
            self.broken.append(report.nodeid)
        if report.failed and report.when == "call":
            self.failed.append(report.nodeid)
        if report.skipped and not hasattr(report, "wasxfail"):
            told = report.longrepr
            self.skipped[report.nodeid] = told[2] if isinstance(told, tuple) else str(told)


class Libraries:
    """A plugin: they are imported while pytest watches imports, as it wants plugins and what they come with to be."""

    def pytest_configure(self) -> None:
        for name in LIBRARIES:
            importlib.import_module(name)


def main() -> None:
    with tempfile.TemporaryDirectory() as nowhere:
        nothing = Path(nowhere, "pytest.ini")
        nothing.write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n", "ascii")
        pytest.main(
            ["--collect-only", "-p", "no:cacheprovider", "-p", "no:schemathesis", "-c", str(nothing), nowhere],
            [Libraries()],
        )
    assert not OURS & sys.modules.keys()
    gc.collect()
    gc.freeze()  # pytest ends with a full collection, which would walk through all of the libraries in every fork
    serve()


def serve() -> None:
    """Until the input ends. Whoever asks waits for each answer, so that a fork may read on where its parent has stopped."""
    for line in sys.stdin:
        asked = json.loads(line)
        answer: dict[str, Any] = {}
        if "prepare" in asked:
            if child := os.fork():
                if os.waitpid(child, 0)[1]:
                    sys.exit(BROKEN)
            else:
                prepare(Path(asked["tree"]), asked["prepare"], asked["without"])
        elif "forget" in asked:
            os._exit(0)  # the parent answers
        else:
            answer = answered(asked)
        print(json.dumps(answer), file=ANSWERS, flush=True)


class Refused(ImportError):
    """A module that is to be imported later."""


class Without(MetaPathFinder):
    """Refuses modules."""

    def __init__(self, modules: Collection[str]) -> None:
        self._modules = modules

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        if fullname in self._modules:
            raise Refused(fullname)


def prepare(tree: Path, tests: Collection[str], without: Collection[str]) -> None:
    enter(tree)
    if all(name.endswith(".py") for name in without):  # who has read another file, nobody knows
        refusing = Without({module_of(Path(name)) for name in without})
        sys.meta_path.insert(0, refusing)
        seen: set[str] = set()
        for file in sorted({test.partition("::")[0] for test in tests}):
            for place in (*Path(file).parents, Path(file)):
                source = tree / (place if place.suffix else place / "conftest.py")
                if source.is_file():
                    take_in(tree, source, seen)
        sys.meta_path.remove(refusing)
    gc.collect()
    gc.freeze()


def take_in(tree: Path, source: Path, seen: set[str]) -> None:
    """Import what it imports at its top; of what cannot be imported, what that imports."""
    for name in imported_by(tree, source):
        if name in seen:
            continue
        seen.add(name)
        try:
            importlib.import_module(name)
        except BaseException:  # refused, or what the run will say
            for file in (tree / f"{name.replace('.', '/')}.py", tree / name.replace(".", "/") / "__init__.py"):
                if file.is_file():
                    take_in(tree, file, seen)


def imported_by(tree: Path, source: Path) -> Iterator[str]:
    """Modules of ours; never tests, which pytest imports its own way."""
    for node in ast.parse(source.read_bytes()).body:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            last = name.rpartition(".")[2]
            place = tree / name.replace(".", "/")
            is_there = place.with_suffix(".py").is_file() or place.is_dir()
            if name.partition(".")[0] in OURS and is_there and not last.startswith(("test_", "conftest")):
                yield name


def module_of(file: Path) -> str:
    return ".".join((file.parent if file.name == "__init__.py" else file.with_suffix("")).parts)


def answered(asked: dict[str, Any]) -> dict[str, Any]:
    with (
        tempfile.TemporaryFile() as said,
        tempfile.TemporaryFile() as found,
        tempfile.TemporaryDirectory(prefix="m-", ignore_cleanup_errors=True) as place,
    ):
        if (child := os.fork()) == 0:
            # Of its own: many pytests that make and clear directories in one place trip over each other at their ends.
            os.environ["PYTEST_DEBUG_TEMPROOT"] = place
            run(asked, said.fileno(), found.fileno())
        code = waited(child, asked["seconds_max"])
        said.seek(max(0, said.seek(0, os.SEEK_END) - SAID_BYTES_MAX))
        found.seek(0)
        facts = json.loads(found.read() or "{}")
        return {
            **asdict(Watch()),
            "strangers": [],
            **facts,
            "exit": code,
            "said": said.read().decode("utf-8", "replace"),
        }


def waited(child: int, seconds_max: float) -> int | None:
    """Its exit code; None when it had to be ended. What it left running ends, too."""
    end = os.pidfd_open(child)
    try:
        ended = bool(select.select([end], [], [], seconds_max)[0])
    finally:
        os.close(end)
        for end_it in (os.kill, os.killpg):
            with suppress(ProcessLookupError):
                end_it(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    return os.waitstatus_to_exitcode(status) if ended else None


def run(asked: dict[str, Any], said: int, found: int) -> NoReturn:
    """In the child: pytest, with the tree first on the path of this process and of those that it starts."""
    code = BROKEN
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(said, 1)
        os.dup2(said, 2)
        tree = Path(asked["tree"])
        enter(tree)
        early = of_files({tree / name for name in asked["absent"]})
        watch = Watch()
        try:
            code = int(pytest.main([*asked["options"], *asked["tests"]], [watch]))
        except Exception:
            if not watch.failed:
                traceback.print_exc()
                raise
            code = int(pytest.ExitCode.TESTS_FAILED)  # pytest complains at its end of what a failed test left open
        facts = {**asdict(watch), "strangers": early + strangers(tree)}
        os.write(found, json.dumps(facts).encode())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def enter(tree: Path) -> None:
    """Import from there, in this process and in those that it starts."""
    os.chdir(tree)
    os.environ["PYTHONPATH"] = str(tree)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False  # a tree has many runs, and its processes read what was compiled
    if sys.path[0] != str(tree):
        sys.path.insert(0, str(tree))
    importlib.invalidate_caches()


def of_files(files: Collection[Path]) -> list[str]:
    """Modules that came from these."""
    return sorted(name for name, file in origins().items() if file in files)


def origins() -> dict[str, Path]:
    """Module -> its file, of those that have one."""
    files = {name: getattr(module, "__file__", None) for name, module in sys.modules.items()}
    return {name: Path(file) for name, file in files.items() if file is not None}


def strangers(tree: Path) -> list[str]:
    """Modules of ours that were imported from elsewhere."""
    return sorted(
        name for name, file in origins().items() if name.partition(".")[0] in OURS and not file.is_relative_to(tree)
    )


if __name__ == "__main__":
    ANSWERS = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what pytest and libraries print is no answer
    main()
