"""What a process loads for good when it starts, in less time: nothing that is not used, and no passes of the collector of cycles
through what stays. It is not frozen: the collector has to know the caches that are emptied after an erase (`leftovers.py`).
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """While the block imports, no pass of the collector: each would go through all that was imported so far. Not for processes that
    outlive what is erased (origin, agent): what they hold of it is the collector's business from the start.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextmanager
def without(name: str) -> Iterator[None]:
    """While the block imports, whoever can do without this library does, unless it is there already."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # what `import` takes for absent
    try:
        yield
    finally:
        del sys.modules[name]
