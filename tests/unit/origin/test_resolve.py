from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cloudinary.auth_token
import msgspec
import pytest

from domicile.media.access import Access, AccessRule
from domicile.media.analysis import Analysis
from domicile.media.coordinates import Coordinates
from domicile.media.errors import AssetNotFound, BadRequest, BadSignature, LimitExceeded, OutsideRegion
from domicile.media.keys import content_key, subkey
from domicile.media.layer import LAYERS_MAX, LayerName
from domicile.media.signature import sign_delivery
from domicile.media.wire import Absent, ResolveAnswer, Resolved, ResolveRequest
from origin.records import Records
from tests.infra.records import CLOUD, name, upload

LOGO, BADGE = LayerName("upload", "logo"), LayerName("upload", "badge")


def request(*public_ids: str, **changes: Any) -> ResolveRequest:
    values: dict[str, Any] = {
        "cloud": CLOUD,
        "resource_type": "image",
        "delivery_type": "upload",
        "public_ids": public_ids,
        "transformed": True,
        "region": "eu-de",
        "judges": True,
    }
    return ResolveRequest(**{**values, **changes})


def signed(records: Records, *public_ids: str, **changes: Any) -> ResolveRequest:
    tenant = records.tenant(CLOUD)
    assert tenant is not None
    signature = sign_delivery(public_ids[0], tenant.api_secret)
    return request(*public_ids, signature=signature, signed_texts=public_ids, **changes)


async def test_a_name_resolves_to_its_version_and_its_keys(records: Records) -> None:
    record = (await upload(records, name("jane"))).record
    answer = (await records.resolve(request("jane"))).resolved
    assert answer is not None
    data_key = records._core.keyring.of(record.aid)
    assert data_key is not None
    assert answer.aid == record.aid
    assert answer.sequence == 1
    assert answer.contributors == (record.aid,)
    assert answer.original_key == subkey(data_key, "original")
    assert answer.rendition_key == content_key({record.aid: subkey(data_key, "rendition")})
    assert answer.facts == record.facts


async def test_tags_and_context_are_told_only_where_they_are_asked_for(records: Records) -> None:
    await upload(records, name("jane"), tags=("a", "b"), context={"k": "v"})
    silent = (await records.resolve(request("jane"))).resolved
    told = (await records.resolve(request("jane", labels=True))).resolved
    assert silent is not None
    assert told is not None
    assert (silent.tags, silent.context) == ((), {})
    assert (told.tags, told.context) == (("a", "b"), {"k": "v"})


async def test_coordinates_are_told_only_where_they_are_asked_for(records: Records) -> None:
    stored = Coordinates(faces=((1, 2, 3, 4),), custom=((5, 6, 7, 8),))
    await upload(records, name("jane"), coordinates=stored)
    silent = (await records.resolve(request("jane", labels=True))).resolved
    told = (await records.resolve(request("jane", coordinates=True))).resolved
    assert silent is not None
    assert told is not None
    assert (silent.coordinates, told.coordinates) == (Coordinates(), stored)


async def test_faces_that_were_found_at_the_upload_are_told_with_coordinates(records: Records) -> None:
    await upload(records, name("jane"), analysis=Analysis(faces=((1, 2, 3, 4),)))
    silent = (await records.resolve(request("jane"))).resolved
    told = (await records.resolve(request("jane", coordinates=True))).resolved
    assert silent is not None
    assert told is not None
    assert (silent.coordinates, told.coordinates) == (Coordinates(), Coordinates(found=((1, 2, 3, 4),)))


async def test_the_first_candidate_that_exists_wins(records: Records) -> None:
    await upload(records, name("b"))
    await upload(records, name("c"))
    answer = (await records.resolve(request("a", "b", "c"))).resolved
    assert answer is not None
    assert answer.index == 1


async def test_what_does_not_exist_is_absent_at_the_sequence_of_the_snapshot(records: Records) -> None:
    await upload(records, name("other"))
    absent = (await records.resolve(request("jane"))).absent
    assert absent is not None
    assert (absent.sequence, absent.status, len(absent.names)) == (1, 404, 1)


async def test_an_erased_name_looks_like_one_that_never_was(records: Records) -> None:
    await upload(records, name("jane"))
    await records.destroy(name("jane"))
    erased, never = (await records.resolve(request(public_id)) for public_id in ("jane", "nobody")), None
    answers = [answer async for answer in erased]
    assert never is None
    assert all(answer.resolved is None for answer in answers)
    assert len({(answer.absent.sequence, answer.absent.status) for answer in answers if answer.absent}) == 1


async def test_a_key_that_is_gone_makes_the_name_absent(records: Records) -> None:
    record = (await upload(records, name("jane"))).record
    await records._core.keyring.puncture([bytes.fromhex(record.aid)])
    assert (await records.resolve(request("jane"))).absent is not None


async def test_an_unknown_cloud_is_not_found(records: Records) -> None:
    with pytest.raises(AssetNotFound):
        await records.resolve(request("jane", cloud="nobody"))


@pytest.mark.parametrize("region", ["us-east", "eu-fr", "nowhere", ""])
async def test_the_strictest_policy_gives_another_region_nothing(records: Records, region: str) -> None:
    await upload(records, name("jane"))
    with pytest.raises(OutsideRegion):
        await records.resolve(request("jane", region=region))


async def test_a_region_that_may_only_cache_gets_no_key_of_an_original(records: Records, tmp_path: Path) -> None:
    await upload(records, name("jane"))
    policy = 'tenant = "acme"\n[zones]\ncache = ["eea"]\n'
    (tmp_path / "data" / "policies" / "acme.toml").write_text(policy)
    assert await records.reload_policies() == (CLOUD,)
    answer = (await records.resolve(request("jane", region="eu-fr"))).resolved
    assert answer is not None
    assert answer.original_key is None
    assert len(answer.rendition_key) == 32
    home = (await records.resolve(request("jane", region="eu-de"))).resolved
    assert home is not None
    assert home.original_key is not None


@pytest.mark.parametrize(
    ("delivery_type", "transformed"), [("authenticated", True), ("authenticated", False), ("private", False)]
)
async def test_what_needs_a_signature_is_refused_without_one_whether_it_exists_or_not(
    records: Records, delivery_type: str, transformed: bool
) -> None:
    await upload(records, name("jane", delivery_type=delivery_type))
    for public_id in ("jane", "nobody"):
        with pytest.raises(BadSignature):
            await records.resolve(request(public_id, delivery_type=delivery_type, transformed=transformed))
    opened = await records.resolve(signed(records, "jane", delivery_type=delivery_type, transformed=transformed))
    assert opened.resolved is not None


async def test_a_rendition_of_a_private_asset_needs_no_signature(records: Records) -> None:
    await upload(records, name("jane", delivery_type="private"))
    assert (await records.resolve(request("jane", delivery_type="private"))).resolved is not None


async def test_a_raw_file_has_no_renditions_that_would_need_no_signature(records: Records) -> None:
    its = {"delivery_type": "private", "resource_type": "raw"}
    await upload(records, replace(name("list.csv", delivery_type="private"), resource_type="raw"))
    with pytest.raises(BadSignature):
        await records.resolve(request("list.csv", **its, transformed=True))
    assert (await records.resolve(signed(records, "list.csv", **its, transformed=True))).resolved is not None


async def test_a_wrong_signature_is_refused_even_where_none_is_needed(records: Records) -> None:
    await upload(records, name("jane"))
    assert (await records.resolve(signed(records, "jane"))).resolved is not None
    with pytest.raises(BadSignature):
        await records.resolve(request("jane", signature="AAAAAAAA", signed_texts=("jane",)))
    with pytest.raises(BadSignature):
        await records.resolve(request("jane", signature="AAAAAAAA"))


async def test_a_signature_opens_only_the_candidates_that_it_covers(records: Records) -> None:
    await upload(records, name("b"))
    answer = await records.resolve(signed(records, "a", "b"))
    assert answer.absent is not None


async def test_a_signature_of_another_cloud_does_not_hold(records: Records) -> None:
    other = await records.create_tenant("other")
    await upload(records, name("jane"))
    signature = sign_delivery("jane", other.api_secret)
    with pytest.raises(BadSignature):
        await records.resolve(request("jane", signature=signature, signed_texts=("jane",)))


@pytest.mark.parametrize("count", [0, 17])
async def test_the_number_of_candidates_is_bounded(records: Records, count: int) -> None:
    with pytest.raises(BadRequest):
        await records.resolve(request(*map(str, range(count))))


# --- what lies over a picture, in the same snapshot and under one key of all ------------------------------------------


async def resolved(records: Records, *public_ids: str, **changes: Any) -> Resolved:
    answer = (await records.resolve(request(*public_ids, **changes))).resolved
    assert answer is not None
    return answer


async def absent(records: Records, *public_ids: str, **changes: Any) -> Absent:
    answer = (await records.resolve(request(*public_ids, **changes))).absent
    assert answer is not None
    return answer


async def test_the_key_of_a_rendition_is_made_of_the_keys_of_all_its_pictures(records: Records) -> None:
    aids = [(await upload(records, name(public_id))).record.aid for public_id in ("jane", "logo", "badge")]
    answer = await resolved(records, "jane", layers=((BADGE, LOGO),))
    data_keys = {aid: records._core.keyring.of(aid) for aid in aids}
    assert answer.aid == aids[0]
    assert [layer.aid for layer in answer.layers] == [aids[2], aids[1]]  # as they were asked for
    assert answer.contributors == tuple(sorted(aids))
    assert answer.rendition_key == content_key({aid: subkey(key, "rendition") for aid, key in data_keys.items() if key})
    assert [layer.original_key for layer in answer.layers] == [
        subkey(data_keys[aid] or b"", "original") for aid in (aids[2], aids[1])
    ]
    assert answer.layers[1].name == records._core.hash_name(name("logo"))
    assert answer.layers[1].facts.format == "jpg"


async def test_without_layers_nothing_is_another(records: Records) -> None:
    await upload(records, name("jane"))
    assert await resolved(records, "jane", layers=((),)) == await resolved(records, "jane")


async def test_a_picture_may_lie_over_itself(records: Records) -> None:
    aid = (await upload(records, name("jane"))).record.aid
    answer = await resolved(records, "jane", layers=((LayerName("upload", "jane"),),))
    assert answer.contributors == (aid,)
    assert [layer.aid for layer in answer.layers] == [aid]
    assert answer.rendition_key == (await resolved(records, "jane")).rendition_key


async def test_a_layer_that_does_not_exist_is_named_with_all_that_does_not(records: Records) -> None:
    await upload(records, name("jane"))
    await upload(records, name("badge"))
    answer = await absent(records, "nobody", "jane", layers=((), (BADGE, LOGO)))
    assert answer.layer == LOGO
    assert set(answer.names) == {records._core.hash_name(name(missing)) for missing in ("nobody", "logo")}
    assert (answer.status, answer.sequence) == (404, 2)


async def test_a_layer_of_a_reading_that_does_not_win_does_not_matter(records: Records) -> None:
    await upload(records, name("b"))
    answer = await resolved(records, "a", "b", layers=((LOGO,), ()))
    assert (answer.index, answer.layers) == (1, ())


async def test_an_erased_layer_is_one_that_never_was(records: Records) -> None:
    await upload(records, name("jane"))
    never = await absent(records, "jane", layers=((LOGO,),))
    await upload(records, name("logo"))
    assert (await resolved(records, "jane", layers=((LOGO,),))).layers
    await records.destroy(name("logo"))
    gone = await absent(records, "jane", layers=((LOGO,),))
    assert (gone.layer, gone.names, gone.status) == (never.layer, never.names, never.status)


async def test_a_layer_whose_key_is_gone_is_absent(records: Records) -> None:
    await upload(records, name("jane"))
    logo = (await upload(records, name("logo"))).record
    await records._core.keyring.puncture([bytes.fromhex(logo.aid)])
    assert (await absent(records, "jane", layers=((LOGO,),))).layer == LOGO


async def test_a_region_that_may_only_cache_gets_no_key_of_a_layer_either(records: Records, tmp_path: Path) -> None:
    await upload(records, name("jane"))
    await upload(records, name("logo"))
    policy = 'tenant = "acme"\n[zones]\ncache = ["eea"]\n'
    (tmp_path / "data" / "policies" / "acme.toml").write_text(policy)
    assert await records.reload_policies() == (CLOUD,)
    answer = await resolved(records, "jane", layers=((LOGO,),), region="eu-fr")
    assert (answer.original_key, answer.layers[0].original_key) == (None, None)
    assert len(answer.rendition_key) == 32


@pytest.mark.parametrize("delivery_type", ["private", "authenticated"])
async def test_a_restricted_layer_needs_a_signed_url_whether_it_exists_or_not(
    records: Records, delivery_type: str
) -> None:
    await upload(records, name("jane"))
    hidden = LayerName(delivery_type, "logo")
    for _ in range(2):
        for layers in (((hidden,),), ((LOGO, hidden),)):
            with pytest.raises(BadSignature):
                await records.resolve(request("jane", layers=layers))
        with pytest.raises(BadSignature):  # nor does another reading of the path tell anything
            await records.resolve(request("jane", "other", layers=((), (hidden,))))
        await upload(records, name("logo", delivery_type=delivery_type))
    with pytest.raises(BadSignature):
        await records.resolve(request("jane", layers=((hidden,),), signature="AAAAAAAA", signed_texts=("jane",)))
    opened = (await records.resolve(signed(records, "jane", layers=((hidden,),)))).resolved
    assert opened is not None
    assert len(opened.layers) == 1


@pytest.mark.parametrize(
    ("layers", "error"),
    [
        (((LOGO,), ()), BadRequest),
        (((LayerName("facebook", "x"),),), BadRequest),
        ((tuple(LayerName("upload", str(number)) for number in range(LAYERS_MAX + 1)),), LimitExceeded),
    ],
)
async def test_layers_that_fit_no_question_are_refused(
    records: Records, layers: tuple[tuple[LayerName, ...], ...], error: type[Exception]
) -> None:
    await upload(records, name("jane"))
    with pytest.raises(error):
        await records.resolve(request("jane", layers=layers))


async def test_question_and_answer_travel_as_they_are(records: Records) -> None:
    await upload(records, name("jane"))
    await upload(records, name("logo"))
    for layers in ((LOGO,), (BADGE,)):
        asked = request("jane", layers=(layers,))
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(asked), type=ResolveRequest) == asked
        answer = await records.resolve(asked)
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(answer), type=ResolveAnswer) == answer


# --- access control and tokens --------------------------------------------------------------------------------------

TOKEN_RULE = AccessRule(access_type="token")


def token_for(records: Records, target: str, *, seconds: int = 100, **options: Any) -> str:
    [key] = records.token_keys.all(CLOUD)
    made: str = cloudinary.auth_token.generate(
        url=target, key=key.key.hex(), expiration=int(records._core.now()) + seconds, **options
    )
    return made.partition("=")[2]


async def test_what_asks_for_a_token_is_released_for_a_good_one_alone(records: Records) -> None:
    await upload(records, name("jane"), access_control=(TOKEN_RULE,))
    await records.token_keys.create(CLOUD)
    target = "/acme/image/upload/w_10/jane"
    good = token_for(records, target)
    answer = (await records.resolve(request("jane", token=good, target=f"{target}?__cld_token__={good}"))).resolved
    assert answer is not None
    assert answer.access == Access(own=(TOKEN_RULE,))
    for changes in (
        {},
        {"token": good, "target": "/acme/image/upload/w_11/jane"},
        {"token": good[:-1] + "x", "target": target},
        {"token": token_for(records, target, seconds=-1), "target": target},
    ):
        with pytest.raises(BadSignature):
            await records.resolve(request("jane", **changes))


async def test_a_token_that_is_not_good_any_more_closes_nothing_that_is_open(records: Records) -> None:
    await upload(records, name("jane"))
    asked = request("jane", token="exp=1~hmac=" + "0" * 64, target="/acme/image/upload/w_10/jane")
    assert (await records.resolve(asked)).resolved is not None


async def test_an_edge_that_does_not_judge_rules_gets_nothing_that_has_some(records: Records) -> None:
    window = AccessRule(access_type="anonymous", end=records._core.now() + 100)
    await upload(records, name("jane"), access_control=(window,))
    assert (await records.resolve(request("jane"))).resolved is not None
    with pytest.raises(BadSignature):
        await records.resolve(request("jane", judges=False))


async def test_overwriting_opens_nothing_by_leaving_a_word_out(records: Records) -> None:
    await upload(records, name("jane"), access_control=(TOKEN_RULE,), tags=("a",))
    kept = (await upload(records, name("jane"), b"two")).record
    assert (kept.access_control, kept.tags) == ((TOKEN_RULE,), ())
    renewed = (await upload(records, name("jane"), b"three", renews=True)).record
    assert renewed.access_control == (TOKEN_RULE,)
    assert (await upload(records, name("jane"), b"four", access_control=())).record.access_control == ()


async def test_a_token_opens_authenticated_pictures_and_no_layers(records: Records) -> None:
    await upload(records, name("jane", delivery_type="authenticated"))
    await upload(records, name("logo", delivery_type="private"))
    await records.token_keys.create(CLOUD)
    target = "/acme/image/authenticated/w_10/jane"
    asked = request("jane", delivery_type="authenticated", token=token_for(records, target), target=target)
    assert (await records.resolve(asked)).resolved is not None
    with pytest.raises(BadSignature):
        await records.resolve(msgspec.structs.replace(asked, layers=((LayerName("private", "logo"),),)))


async def test_keys_are_released_inside_a_window_alone_also_for_what_is_laid_over(records: Records) -> None:
    now = records._core.now()
    past, open_ = (AccessRule(access_type="anonymous", start=now - 100, end=end) for end in (now - 1, now + 100))
    await upload(records, name("past"), access_control=(past,))
    await upload(records, name("open"), access_control=(open_,))
    await upload(records, name("jane"))
    answer = (await records.resolve(request("jane", layers=((LayerName("upload", "open"),),)))).resolved
    assert answer is not None
    assert answer.access == Access(shown=((open_,),))
    for asked in (request("past"), request("jane", layers=((LayerName("upload", "past"),),))):
        with pytest.raises(BadSignature, match="deny or ACL failure"):
            await records.resolve(asked)


async def test_a_retired_key_is_gone_and_a_new_one_stands_beside_the_old(records: Records) -> None:
    first, _ = await records.token_keys.create(CLOUD)
    second, _ = await records.token_keys.create(CLOUD)
    with pytest.raises(LimitExceeded):
        await records.token_keys.create(CLOUD)
    before = records.tenant(CLOUD)
    await records.token_keys.retire(CLOUD, first.id)
    after = records.tenant(CLOUD)
    assert before is not None
    assert after is not None
    assert (set(before.token_keys), after.token_keys) == ({first.key, second.key}, (second.key,))
    assert after.config_revision == before.config_revision + 1
    with pytest.raises(AssetNotFound):
        await records.token_keys.retire(CLOUD, first.id)
    third, _ = await records.token_keys.create(CLOUD)
    assert third.key != first.key


async def test_new_rules_are_told_to_edges_by_the_name_of_what_they_are_for(records: Records) -> None:
    done = await upload(records, name("jane"), tags=("a",))
    cursor = done.head.seq
    await records.edit([name("jane")], lambda record: replace(record, access_control=(TOKEN_RULE,)))
    await records.edit([name("jane")], lambda record: replace(record, access_control=(TOKEN_RULE,)))
    entries = (await records.entries({CLOUD: cursor}, wait_seconds=0)).entries
    told = [entry.names for entry in entries]
    assert told == [(records._core.hash_name(name("jane")),), ()]
    found = await records.get(name("jane"))
    assert found is not None
    assert found.access_control == (TOKEN_RULE,)
