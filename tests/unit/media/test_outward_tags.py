"""Tags for a CDN: enough to purge by, and nothing to read."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from domicile.media.asset import Aid, NameHash
from domicile.media.cdn import CDNS
from domicile.media.outward_tags import (
    FOLDERS_MAX,
    TAGGED_SECONDS_MAX,
    folders_of,
    month_of,
    months_held,
    tag,
    tag_key,
    tags_of,
)

KEY = b"k" * 32
AID, OTHER = Aid("a" * 32), Aid("b" * 32)
NAME = NameHash("c" * 32)


def tags(key: bytes = KEY, *, cdn: str = "fastly", month: str = "2611") -> tuple[str, ...]:
    return tags_of(
        tag_key(key, cdn=cdn, month=month), contributors=(AID, OTHER), marks=(NAME,), public_ids=("people/berlin/jane", "logo")
    )  # fmt: skip


def test_an_answer_bears_its_cloud_everything_the_fence_judges_by_and_its_folders() -> None:
    key = tag_key(KEY, cdn="fastly", month="2611")
    wanted = [
        ("cloud", ""),
        ("aid", AID),
        ("aid", OTHER),
        ("mark", NAME),
        ("folder", "people/"),
        ("folder", "people/berlin/"),
    ]
    assert tags() == tuple(tag(key, kind, text) for kind, text in wanted)


def test_tags_tell_nothing_and_are_others_for_every_cloud_cdn_and_month() -> None:
    seen = [tags(), tags(b"l" * 32), tags(cdn="bunny"), tags(month="2612")]
    assert len({each for one in seen for each in one}) == sum(map(len, seen))
    assert all(re.fullmatch("[0-9a-f]{24}", each) for one in seen for each in one)
    assert not any(known in each for one in seen for each in one for known in ("jane", AID[:8], NAME[:8]))


def test_deep_names_are_tagged_to_a_depth() -> None:
    assert len(folders_of("/".join("abcdefghijklmnop"))) == FOLDERS_MAX
    assert folders_of("jane") == ()


def test_copies_of_the_last_month_are_purged_by_its_tags_while_they_live() -> None:
    december = 1796083200.0  # 2026-12-01T00:00:00Z
    assert month_of(december) == "2612"
    assert months_held(december + 299, seconds_max=300) == ("2612", "2611")
    assert months_held(december + 301, seconds_max=300) == ("2612",)


def test_no_copy_lives_so_long_that_its_months_tags_are_not_told() -> None:
    start, day = datetime(2027, 1, 1, tzinfo=UTC).timestamp(), 86_400
    for at in (start + day * number for number in range(800)):
        months = months_held(at, seconds_max=3650 * day)
        assert len(months) <= 2
        assert {month_of(at - age) for age in range(0, TAGGED_SECONDS_MAX, day)} <= set(months)


def test_every_cdn_separates_tags_by_what_no_tag_has_in_it() -> None:
    assert {cdn.separator for cdn in CDNS.values()} == {" ", ","}
    assert all(cdn.tags_max <= 128 for cdn in CDNS.values())
