"""What a patch changes within functions, changed in a process that has imported them already: their code is replaced.

All else of a module was executed when it was imported. A patch that changes a constant, a default or the form of a class is not
for this, and `Unlike` says so. Nor is one whose function was called while modules were imported: there the old code has had its effect.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from types import CodeType, FunctionType

KEEPS_LINES = sys.version_info >= (3, 13)
"""A class knows its line."""


class Unlike(Exception):
    """Not all of a change can be made by replacing the code of functions."""


def swap(functions: Sequence[FunctionType], before: str, after: str) -> None:
    """Of the functions of a file, those that differ between its two texts take the code of the later one. Unlike, and nothing is
    changed, when that would not be all.
    """
    pairs = list(changed(compiled(before), compiled(after)))
    plan = [found for pair in pairs for found in those_of(functions, *pair)]
    if not plan:
        raise Unlike("no function differs")
    for function, code in plan:
        function.__code__ = code


def compiled(text: str) -> CodeType:
    return compile(text, "<text>", "exec", dont_inherit=True)


def changed(before: CodeType, after: CodeType) -> Iterator[tuple[CodeType, CodeType]]:
    """Pairs of the outermost functions in which two texts of a module differ. Unlike when they differ elsewhere, too."""
    if is_same(before, after):
        return
    if is_function(before) and form(before) == form(after):
        yield before, after
        return
    if is_function(before) or frame(before) != frame(after):
        raise Unlike(before.co_qualname)
    for pair in zip(within(before), within(after), strict=True):
        yield from changed(*pair)


def those_of(
    functions: Sequence[FunctionType], before: CodeType, after: CodeType
) -> Iterator[tuple[FunctionType, CodeType]]:
    """Each function that there is of this code, and of what differs in it (a decorator leaves functions behind), with its new code."""
    found = [(function, after) for function in functions if is_same(function.__code__, before)]
    inner = [pair for pair in zip(within(before), within(after), strict=False) if not is_same(*pair)]
    left = [made for pair in inner for made in those_of_inner(functions, *pair)]
    if not found and not left:
        raise Unlike(f"{before.co_qualname} is no function that stays")
    yield from found
    yield from left


def those_of_inner(
    functions: Sequence[FunctionType], before: CodeType, after: CodeType
) -> Iterator[tuple[FunctionType, CodeType]]:
    made = [function for function in functions if is_same(function.__code__, before)]
    if made and form(before) != form(after):
        raise Unlike(before.co_qualname)
    yield from ((function, after) for function in made)
    for pair in zip(within(before), within(after), strict=False):
        if not is_same(*pair):
            yield from those_of_inner(functions, *pair)


def is_function(code: CodeType) -> bool:
    return bool(code.co_flags & inspect.CO_OPTIMIZED)


def within(code: CodeType) -> list[CodeType]:
    return [const for const in code.co_consts if isinstance(const, CodeType)]


def is_same(one: CodeType, other: CodeType) -> bool:
    """But for lines."""
    inner = within(one), within(other)
    return (
        form(one) == form(other)
        and frame(one) == frame(other)
        and len(inner[0]) == len(inner[1])
        and all(is_same(*pair) for pair in zip(*inner, strict=True))
    )


def form(code: CodeType) -> tuple[object, ...]:
    """What a function object knows besides its code: how it is called, and what it closes over."""
    flags = code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS)
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount)
    arguments = code.co_argcount + code.co_kwonlyargcount + flags.bit_count()
    return code.co_qualname, flags, *counts, code.co_varnames[:arguments], code.co_freevars


def frame(code: CodeType) -> tuple[object, ...]:
    """What it does itself, whatever the functions and classes in it do."""
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    return code.co_code, code.co_flags, code.co_exceptiontable, names, tuple(constants(code))


def constants(code: CodeType) -> Iterator[tuple[type, str]]:
    for const in code.co_consts:
        is_line = KEEPS_LINES and not is_function(code) and type(const) is int and const == code.co_firstlineno
        yield type(const), "" if is_line or isinstance(const, CodeType) else repr(const)


def by_file(objects: Sequence[object], root: str) -> Mapping[str, Sequence[FunctionType]]:
    """File, from the root -> the functions that its text has made."""
    found: dict[str, list[FunctionType]] = {}
    for each in objects:
        if type(each) is FunctionType and (file := each.__code__.co_filename).startswith(root):
            found.setdefault(file[len(root) :].lstrip("/"), []).append(each)
    return found
