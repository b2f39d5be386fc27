from __future__ import annotations

import asyncio
import gc
from textwrap import dedent
from types import FunctionType
from typing import Any

import pytest

from tests.mutants.swapping import Unlike, by_file, swap

TEXT = dedent(
    """
    import functools
    from dataclasses import dataclass

    LIMIT = 3

    def checked(function):
        @functools.wraps(function)
        def checks(value):
            if value > LIMIT:
                raise ValueError(value)
            return function(value)
        return checks

    def doubled(value, times=2):
        return value * times

    @checked
    def told(value):
        return doubled(value)

    @dataclass(slots=True)
    class Door:
        is_open: bool = False

        @property
        def state(self):
            return "open" if self.is_open else "closed"

        @staticmethod
        async def later(value):
            return [each + 1 for each in range(value)]

    TABLE = [doubled(each) for each in range(3)]
    """
)


class Module:
    """That has been imported."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {"__name__": "door"}
        exec(compile(TEXT, "/tree/door.py", "exec", dont_inherit=True), self.names)
        mine = [each for each in gc.get_objects() if type(each) is FunctionType and each.__globals__ is self.names]
        self._functions = by_file(mine, "/tree")["door.py"]

    def change(self, old: str, new: str) -> None:
        assert old in TEXT
        swap(self._functions, TEXT, TEXT.replace(old, new))


@pytest.fixture
def module() -> Module:
    return Module()


def test_a_function_that_others_have_taken_does_what_the_changed_text_says(module: Module) -> None:
    taken, door = module.names["told"], module.names["Door"](is_open=True)
    module.change("value * times", "value * times + 1")
    assert taken(2) == 5
    module.change("if self.is_open", "if not self.is_open")
    assert door.state == "closed"
    module.change("each + 1", "each + 2")
    assert asyncio.run(door.later(2)) == [2, 3]


def test_so_does_one_that_a_decorator_has_left_behind(module: Module) -> None:
    with pytest.raises(ValueError, match="4"):
        module.names["told"](4)
    module.change("            raise ValueError(value)", "            pass")
    assert module.names["told"](4) == 8


def test_lines_may_move(module: Module) -> None:
    module.change("    return value * times", "    times += 1\n    return value * times")
    assert (module.names["told"](2), module.names["Door"]().state) == (6, "closed")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LIMIT = 3", "LIMIT = 4"),
        ("times=2", "times=3"),
        ("def doubled(value, times=2)", "def doubled(value, times=2, more=0)"),
        ("is_open: bool = False", "is_open: bool = True"),
        ("    @property\n", ""),
        ("@checked\n", ""),
        ("def checks(value)", "def checks(value, more=0)"),
        ("doubled(each) for each in range(3)", "doubled(each) for each in range(3) if each"),
        ("import functools", "import functools, os"),
        ("LIMIT = 3", "LIMIT = 3  # that many"),
    ],
)
def test_what_is_more_than_the_code_of_functions_is_refused_and_changes_nothing(
    module: Module, old: str, new: str
) -> None:
    codes = {function: function.__code__ for function in module._functions}
    with pytest.raises(Unlike):
        module.change(old, new)
    assert {function: function.__code__ for function in module._functions} == codes
