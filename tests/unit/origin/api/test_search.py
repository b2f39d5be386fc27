from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import cloudinary
import msgspec
import pytest

from domicile.media.errors import BadRequest, BadSignature, LimitExceeded, OutsideRegion, Overloaded
from domicile.media.policy import Place
from domicile.media.quotas import Quotas
from domicile.media.search_url import parse_search
from domicile.media.signature import sign_search
from domicile.media.wire import SearchRelay
from origin.api.search import relayed_search
from origin.api.search_query import COUNTS_MAX, FIELDS_MAX, RANGES_MAX, SORTS_MAX, read_asked, read_pairs, search_of
from origin.records import Records
from origin.search.query import NEWEST
from tests.infra.origin import NOW, origin_over
from tests.infra.records import CLOUD, name, upload

HERE = Place(name="edge", region="eu-de")


def relay(secret: str, **query: object) -> SearchRelay:
    spelled = base64.urlsafe_b64encode(json.dumps(query).encode()).decode()
    signature = sign_search("300", spelled, secret)
    return SearchRelay(region="eu-de", cloud=CLOUD, signature=signature, ttl="300", query=spelled)


def secret_of(records: Records) -> str:
    tenant = records.tenant(CLOUD)
    assert tenant is not None
    return tenant.api_secret


def test_a_search_is_signed_as_the_sdk_signs_it() -> None:
    url = (
        cloudinary.Search()
        .expression("resource_type:image AND tags:kitten")
        .with_field("tags")
        .to_url(300, next_cursor="db27cfb0", api_secret="secret", cloud_name=CLOUD)
    )
    read = parse_search(urlsplit(url).path)
    assert read is not None
    assert (read.cloud, read.next_cursor) == (CLOUD, "db27cfb0")
    assert sign_search(read.ttl, read.query, "secret") == read.signature


async def test_a_search_url_is_answered_to_who_has_it_as_it_was_signed(records: Records) -> None:
    await upload(records, name("hidden", delivery_type="private"), tags=("team",))
    asked = relay(secret_of(records), expression="tags:team")
    answer = json.loads((await relayed_search(origin_over(records), asked, HERE)).body)
    assert answer["total_count"] == 1
    assert "/s--" not in answer["resources"][0]["url"], "a signature would open originals of other types, too"
    for forged in (
        replace_(asked, query=relay("x", expression="").query),
        replace_(asked, ttl="301"),
        replace_(asked, signature="0" * 64),
        replace_(asked, cloud="nobody"),
    ):
        with pytest.raises(BadSignature):
            await relayed_search(origin_over(records), forged, HERE)


def replace_(asked: SearchRelay, **changes: str) -> SearchRelay:
    return msgspec.structs.replace(asked, **changes)


async def test_facts_go_only_where_the_policy_lets_them(records: Records) -> None:
    asked = relay(secret_of(records), expression="")
    with pytest.raises(OutsideRegion):
        await relayed_search(origin_over(records), asked, replace(HERE, region="us-east"))


@pytest.mark.parametrize("word", ["fields", "with_field"])
async def test_no_url_tells_whom_an_asset_is_about(records: Records, word: str) -> None:
    await upload(records, name("jane"), subject_ids=("jane doe",))
    with pytest.raises(BadRequest, match="subject_ids"):
        await relayed_search(origin_over(records), relay(secret_of(records), **{word: ["subject_ids"]}), HERE)


async def test_who_an_asset_is_about_stays_when_it_is_replaced_and_nothing_is_said(records: Records) -> None:
    await upload(records, name("jane"), subject_ids=("p1", "p2"))
    again = await upload(records, name("jane"), b"other")
    assert again.record.subject_ids == ("p1", "p2")
    emptied = await upload(records, name("jane"), b"more", subject_ids=())
    assert emptied.record.subject_ids == ()


def test_a_query_says_the_same_as_a_body() -> None:
    body = {
        "expression": "a",
        "max_results": 7,
        "sort_by": [{"bytes": "asc"}],
        "fields": ["tags", "url"],
        "aggregate": ["format"],
    }
    pairs = [
        ("expression", "a"),
        ("max_results", "7"),
        ("sort_by[0][bytes]", "asc"),
        ("fields[]", "tags"),
        ("fields[]", "url"),
    ]
    asked = read_asked(json.dumps(body).encode())
    assert asked == read_pairs([*pairs, ("aggregate[0]", "format")])
    assert search_of(asked).order == (("bytes", False),)
    assert search_of(read_asked(b"")).order == NEWEST[:1]


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b'{"max_results": 0}',
        b'{"max_results": 501}',
        b'{"max_results": "x"}',
        b'{"sort_by": [{"nothing": "asc"}]}',
        b'{"sort_by": [{"bytes": "up"}]}',
        b'{"aggregate": ["tags"]}',
        b'{"aggregate": [{"type": "format", "ranges": [{"key": "a"}]}]}',
        b'{"expression": "\\ud800"}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_search_is_a_bad_request(body: bytes) -> None:
    with pytest.raises(BadRequest):
        search_of(read_asked(body))


@pytest.mark.parametrize(
    ("word", "many", "most"),
    [
        ("fields", lambda n: [f"f{one}" for one in range(n)], FIELDS_MAX),
        ("sort_by", lambda n: [{"bytes": "asc"}] * n, SORTS_MAX),
        ("aggregate", lambda n: ["format"] * n, COUNTS_MAX),
        ("aggregate", lambda n: [{"type": "bytes", "ranges": [{"key": "k"}] * n}], RANGES_MAX),
    ],
)
def test_a_search_has_limits(word: str, many, most: int) -> None:
    search_of(read_asked(json.dumps({word: many(most)}).encode()))
    with pytest.raises(LimitExceeded):
        search_of(read_asked(json.dumps({word: many(most + 1)}).encode()))


async def test_answers_to_search_urls_are_counted_and_use_up_no_call_of_the_owner(
    records: Records, tmp_path: Path
) -> None:
    file = tmp_path / "data" / "policies" / f"{CLOUD}.toml"
    file.write_text(file.read_text("utf-8") + "\n[quotas]\ncalls_per_hour_max = 2\n", "utf-8")
    await records.reload_policies()
    origin, asked = origin_over(records), relay(secret_of(records), expression="")
    for _ in range(3):
        with pytest.raises(BadSignature):
            await relayed_search(origin, replace_(asked, signature="0" * 64), HERE)
    for _ in range(2):
        await relayed_search(origin, asked, HERE)
    with pytest.raises(Overloaded, match="calls_per_hour_max"):
        await relayed_search(origin, asked, HERE)
    tenant, quotas = records.tenant(CLOUD), Quotas(calls_per_hour_max=2)
    assert tenant is not None
    origin.limits.count_call(tenant, quotas, {}, is_admin=True, now=NOW)
    assert origin.limits.requests.used(CLOUD, now=NOW).used == 4
