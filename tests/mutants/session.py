"""A pytest that has collected tests of a tree and runs them in forks, whichever it is asked for, with a change of the code or without."""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import FunctionType
from typing import Any, NoReturn, TextIO

import pytest

from tests.mutants.forks import BROKEN, Alone, End, Watch, answered
from tests.mutants.swapping import Unlike, swap


class Held:
    """A plugin: in place of running all that was collected, pytest answers the lines until one says to forget it. See zygote.py."""

    def __init__(
        self, tree: Path, functions: Mapping[str, Sequence[FunctionType]], lines: Iterable[str], answers: TextIO
    ) -> None:
        self.watch = Watch()
        self._tree = tree
        self._functions = functions
        self._lines = lines
        self._answers = answers

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self) -> None:
        """A property that does not hold is enough: nobody reads its smallest example."""
        from hypothesis import Phase, settings  # pytest wants to watch it being imported

        given = settings.get_profile(settings.get_current_profile_name())
        settings.register_profile("mutants", given, phases=set(given.phases) - {Phase.shrink, Phase.explain})
        settings.load_profile("mutants")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        if session.testsfailed or not session.items:
            return  # pytest ends
        gc.collect()
        gc.freeze()
        self._say({"collected": True})
        for line in self._lines:
            asked = json.loads(line)
            if "forget" in asked:
                break

            def work(end: End, asked: dict[str, Any] = asked) -> NoReturn:
                self._run(session, asked, end)

            self._say(answered(asked["seconds_max"], work))
        os._exit(0)  # whoever has forked it answers

    def _say(self, answer: dict[str, Any]) -> None:
        print(json.dumps(answer), file=self._answers, flush=True)

    def _run(self, session: pytest.Session, asked: dict[str, Any], end: End) -> NoReturn:
        watch = self.watch
        try:
            for name, text in asked["changed"].items():
                before, after = (Path(file).read_text("utf-8") for file in (text, self._tree / name))
                swap(self._functions.get(name, ()), before, after)
        except Unlike as why:
            end(BROKEN, {"unlike": str(why)})
        limit = pytest.mark.timeout(asked["test_seconds_max"], func_only=asked["first"])
        if asked["first"]:
            session.config.option.maxfail = 1
            alone = Alone()

            def on_failed() -> None:
                if alone:
                    end(int(pytest.ExitCode.TESTS_FAILED), watch.facts(self._tree))

            watch.on_failed = on_failed
        items = [item for item in session.items if any(is_of(item.nodeid, test) for test in asked["tests"])]
        for item, following in zip(items, [*items[1:], None], strict=True):
            item.add_marker(limit, append=False)
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.shouldfail:
                break
        end(int(bool(watch.broken) or not watch.seconds), watch.facts(self._tree))


def is_of(nodeid: str, test: str) -> bool:
    """A test may have parameters, and be many."""
    return nodeid == test or nodeid.startswith((f"{test}[", f"{test}::"))
