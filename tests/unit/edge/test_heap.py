from __future__ import annotations

import gc

from edge.heap import YOUNG_MAX, settle_heap
from edge.store.port import StoredHead


def test_the_collector_looks_at_few_objects_at_a_time_and_not_at_what_was_loaded() -> None:
    thresholds = gc.get_threshold()
    try:
        settle_heap()
        young, middle, _ = gc.get_threshold()
        assert gc.get_freeze_count() > 10_000
        assert young * (middle + 1) <= 3 * YOUNG_MAX == 2100
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)
    assert not StoredHead.__struct_config__.gc
