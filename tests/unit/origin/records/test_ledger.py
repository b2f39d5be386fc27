"""Which places hold what of an asset: a decision over what is known, and over nothing else."""

from __future__ import annotations

from dataclasses import replace

from domicile.media.asset import Aid
from origin.records import place_names
from origin.records.ledger import Copy, Facts, Held, State, copies_of
from origin.records.placements import STORE, Placed

NOW, OLD, OLDER = Aid("a" * 32), Aid("b" * 32), Aid("c" * 32)
NODE, OTHER = "1" * 32, "2" * 32
NOTHING = Facts(
    store="disk",
    region="eu-de",
    held=(),
    placed=(),
    nodes={},
    cdns=(),
    residual="",
    browser_seconds=60,
    shared_seconds=300,
)
CURRENT = Held(aid=NOW, state="current", since=10.0)
AT_EDGE = Placed(
    aid=NOW,
    place=NODE,
    region="eu-fr",
    since=20.0,
    seen_at=30.0,
    is_listed=False,
    gone_at=None,
    why="",
)


def told(facts: Facts, place: str) -> list[Copy]:
    return [one for one in copies_of(facts) if one.place == place]


def test_a_current_version_has_its_original_its_record_and_its_index_entry_at_home() -> None:
    lines = [one for one in copies_of(replace(NOTHING, held=[CURRENT])) if one.state is State.PRESENT]
    assert [(one.place, one.what) for one in lines] == [
        (place_names.STORE, "original"),
        (place_names.CATALOGUE, "record"),
        (place_names.SEARCH, "index entry"),
    ]
    assert {(one.version_id, one.region, one.since, one.until) for one in lines} == {(NOW, "eu-de", 10.0, None)}


def test_what_is_under_retention_is_there_says_why_and_is_in_no_index() -> None:
    facts = replace(NOTHING, held=[replace(CURRENT, state="under_retention")])
    (original,) = told(facts, place_names.STORE)
    assert (original.state, original.why) == (State.PRESENT, "under_retention")
    assert told(facts, place_names.SEARCH) == []


def test_an_original_that_is_to_go_or_has_gone_says_since_when_until_when_and_why() -> None:
    going = Placed(
        aid=OLD, place=STORE, region="eu-de", since=1.0, seen_at=2.0, is_listed=False, gone_at=None, why="replaced"
    )
    gone = replace(going, aid=OLDER, gone_at=3.0, why="expired")
    kept = replace(going, aid=NOW, why="")
    lines = told(replace(NOTHING, held=[CURRENT], placed=[going, gone, kept]), place_names.STORE)
    assert [(one.version_id, one.state, one.since, one.until, one.why, one.evidence) for one in lines] == [
        (NOW, State.PRESENT, 10.0, None, "", "catalogue"),
        (OLD, State.GOING, 1.0, None, "replaced", "catalogue"),
        (OLDER, State.GONE, 1.0, 3.0, "expired", "deleted"),
    ], "and what is there is not told of twice"


def test_a_copy_at_an_edge_stands_on_a_report_a_listing_or_a_lease() -> None:
    facts = replace(NOTHING, held=[CURRENT], placed=[AT_EDGE], nodes={NODE: "eu-fr", OTHER: "eu-de"})
    assert [(one.name, one.state, one.evidence, one.region) for one in told(facts, place_names.EDGES)] == [
        (NODE, State.PRESENT, "reported", "eu-fr"),
        (OTHER, State.POSSIBLE, "leased", "eu-de"),
    ]
    listed = replace(facts, placed=[replace(AT_EDGE, is_listed=True)])
    assert told(listed, place_names.EDGES)[0].evidence == "listed"


def test_an_edge_without_a_lease_has_lapsed_and_one_that_lists_it_no_more_has_none() -> None:
    (lapsed,) = told(replace(NOTHING, held=[CURRENT], placed=[AT_EDGE]), place_names.EDGES)
    assert (lapsed.state, lapsed.seen_at) == (State.LAPSED, 30.0)
    evicted = replace(AT_EDGE, gone_at=40.0, why="evicted")
    facts = replace(NOTHING, held=[CURRENT], placed=[evicted], nodes={NODE: "eu-fr"})
    first, second = told(facts, place_names.EDGES)
    assert (first.state, first.until, first.why) == (State.GONE, 40.0, "evicted")
    assert second.state is State.POSSIBLE, "its memory may hold it, and the next one may come"


def test_a_copy_of_what_was_replaced_is_going_until_the_edge_says_otherwise() -> None:
    facts = replace(NOTHING, held=[CURRENT], placed=[replace(AT_EDGE, aid=OLD, why="replaced")], nodes={NODE: ""})
    (line,) = told(facts, place_names.EDGES)
    assert (line.state, line.why) == (State.GOING, "replaced")


def test_whoever_was_told_what_waits_and_what_holds_its_bytes_has_a_line_each() -> None:
    recipients = (("webhook", "hooks.example", 5.0), ("export", "e" * 32, 6.0))
    held = replace(CURRENT, holders=(OLD,), tasks={"notice": 2}, recipients=recipients)
    facts = replace(NOTHING, held=[held])
    assert [one.what for one in told(facts, place_names.STORE)] == ["original", f"part of {OLD}"]
    (outbox,) = told(facts, place_names.OUTBOX)
    assert (outbox.what, outbox.count) == ("notice", 2)
    (webhook,), (export,) = told(facts, "webhook"), told(facts, "export")
    assert (webhook.name, webhook.what, webhook.since, webhook.evidence) == ("hooks.example", "notice", 5.0, "sent")
    assert (export.name, export.what) == ("e" * 32, "original")


def test_what_nobody_can_look_into_is_told_with_the_time_by_which_it_ends() -> None:
    lines = copies_of(replace(NOTHING, cdns=("front",), residual="free space"))
    assert [(one.place, one.state, one.seconds_max) for one in lines] == [
        ("free space", State.POSSIBLE, None),
        ("cdn front", State.POSSIBLE, 300),
        (place_names.SHARED, State.POSSIBLE, 300),
        (place_names.BROWSERS, State.POSSIBLE, 60),
    ]
