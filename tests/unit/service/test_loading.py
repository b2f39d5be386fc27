from __future__ import annotations

import subprocess
import sys


def said(*lines: str) -> str:
    """By a process of its own: what is frozen stays so."""
    command = [sys.executable, "-c", "\n".join(["import gc, sys", "from domicile.service.loading import *", *lines])]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_nothing_is_collected_while_it_loads() -> None:
    assert said("with loading():", "    print(gc.isenabled())", "print(gc.isenabled())").split() == ["False", "True"]


def test_caches_that_were_loaded_are_emptied_after_an_erase_all_the_same() -> None:
    assert said(
        "with loading():",
        "    import functools",
        "    from domicile.service.leftovers import empty_caches",
        "    cached = functools.lru_cache(lambda word: word)",
        "cached('a name')",
        "print(cached.cache_info().currsize)",
        "empty_caches()",
        "print(cached.cache_info().currsize)",
    ).split() == ["1", "0"]


def test_the_collector_goes_on_when_nothing_could_be_loaded() -> None:
    assert said(
        "try:",
        "    with loading():",
        "        import nothing_of_this_name",
        "except ImportError:",
        "    print(gc.isenabled())",
    ).split() == ["True"]


def test_who_can_do_without_a_library_does_and_others_get_it_afterwards() -> None:
    assert said(
        "with without('rich'):",
        "    import structlog",
        "print(structlog.dev.rich, 'rich' in sys.modules)",
        "import rich",
        "with without('rich'):",
        "    import rich.console",
        "print(sys.modules['rich'] is rich)",
    ).split() == ["None", "False", "True"]


def test_a_tier_loads_nothing_that_draws() -> None:
    for tier in ("origin.__main__", "edge.__main__"):
        assert said(f"import {tier}", "import domicile.service.logging", "print('rich' in sys.modules)") == "False\n", (
            tier
        )
