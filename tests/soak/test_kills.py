"""The short form of `python -m tests.soak.kills`: a few kills on each database; and the judge itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.infra import postgres
from tests.infra.told import TOLD
from tests.soak.kills import Kills
from tests.soak.worlds import Lost, Worlds, removed, renamed, stored

SEED = 7
KILLS = 3
MINIMUM = {"files agreed": 3, "assets seen": 3, "keys agreed": 1, "kills of the origin": 2}
"""Below these nothing was shown."""


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_what_was_acknowledged_is_there_and_what_was_not_is_whole_or_absent(
    tmp_path: Path, database: postgres.Rows | None, record_property
) -> None:
    kills = Kills(tmp_path, database, SEED)
    kills.run(KILLS, server_every=0 if database is None else KILLS)
    record_property(
        TOLD, f"kills, {'SQLite' if database is None else 'PostgreSQL'}: {dict(sorted(kills.counts.items()))}"
    )
    assert all(kills.counts[name] >= least for name, least in MINIMUM.items()), kills.counts
    assert kills.acknowledged >= 15, kills.counts
    assert kills.counts["erase acknowledged"] + kills.counts["destroy acknowledged"] >= 1, kills.counts
    assert sum(count for name, count in kills.counts.items() if name.endswith("unanswered")) >= 3, kills.counts


def test_an_acknowledged_call_is_never_forgotten() -> None:
    worlds = Worlds()
    worlds.acknowledged(stored("a", "1"))
    for wrong in ({}, {"a": "2"}, {"a": "1", "b": "1"}):
        with pytest.raises(Lost):
            worlds.seen(wrong)
    worlds.seen({"a": "1"})


def test_a_call_without_an_answer_has_happened_or_has_not() -> None:
    for found in ({"a": "1"}, {"b": "1"}):
        worlds = Worlds()
        worlds.acknowledged(stored("a", "1"))
        worlds.unanswered(renamed("a", "b"))
        with pytest.raises(Lost):
            worlds.seen({"a": "1", "b": "1"})
        with pytest.raises(Lost):
            worlds.seen({})
        worlds.seen(found)
        assert worlds.possible == [found]


def test_what_follows_on_a_doubt_holds_in_every_world() -> None:
    worlds = Worlds()
    worlds.acknowledged(stored("a", "1"))
    worlds.unanswered(stored("a", "2"))
    worlds.acknowledged(removed("a"))
    with pytest.raises(Lost):
        worlds.seen({"a": "2"})
    worlds.seen({})
