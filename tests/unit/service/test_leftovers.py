from __future__ import annotations

import functools
import gc
import weakref
from urllib.parse import urlsplit

import uvloop

from domicile.service.leftovers import BUFFER_BYTES, drop_leftovers, empty_caches, overwrite_buffer


def test_caches_of_libraries_are_emptied_and_what_holds_itself_is_let_go() -> None:
    class Asked:
        def __init__(self) -> None:
            self.itself = self

    @functools.lru_cache
    def taken_apart(text: str) -> str:
        return text

    taken_apart("jane")
    urlsplit("http://example.org/jane")
    gc.unfreeze()  # what was collected before the tests is looked at, too
    gc.disable()
    try:
        asked = weakref.ref(Asked())
        assert asked() is not None
        empty_caches()
    finally:
        gc.enable()
        gc.freeze()
    assert asked() is None
    assert taken_apart.cache_info().currsize == 0
    assert urlsplit.cache_info().currsize == 0  # type: ignore[attr-defined]


def test_the_loops_buffer_is_overwritten_in_one_piece() -> None:
    assert uvloop.run(overwrite_buffer()) == BUFFER_BYTES


async def test_a_loop_without_such_a_buffer_does_no_harm() -> None:
    await drop_leftovers()
