"""How long the collector of cycles may hold a worker's loop: what is loaded is left out, and what is young is looked at often.

Each pass takes as long as there are objects in it, some 0.2 µs each. Left as Python has them, a middle pass is of thousands and a
full one of all that was ever loaded: hits wait for that.
"""

from __future__ import annotations

import gc

YOUNG_MAX = 700
"""Objects made since the last pass, over those that went: then a young pass."""
YOUNG_PASSES_MAX = 2
"""Before a middle one, of what these have left over."""
MIDDLE_PASSES_MAX = 50
"""Before a full one, which Python also puts off until a quarter more objects have grown old."""


def settle_heap() -> None:
    """Call it when everything is loaded. What is there stays, and no pass looks at it any more: `gc.get_objects` does not either."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_MAX, YOUNG_PASSES_MAX, MIDDLE_PASSES_MAX)
