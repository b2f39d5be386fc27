"""The JSON of the API: shapes that clients read, built from records alone."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from domicile.media.asset import Aid, AssetId, AssetName
from domicile.media.facts import SourceFacts
from domicile.media.journal import Head
from origin.api.answers import Address, asset, deleted, destroyed, detailed, listed, page, progress, uploaded
from origin.delivery_url import delivery_url, escape
from origin.records import (
    AssetRecord,
    Committed,
    FencedState,
    Fencing,
    Page,
    Removed,
    RemovedMany,
    RenditionRecord,
)

ADDRESS = Address(base="http://media.example:8080/", secure_base="https://media.example", api_secret="s3")
NAME = AssetName(cloud="acme", resource_type="image", delivery_type="upload", public_id="people/jane doe")
RECORD = AssetRecord(
    asset_id=AssetId("a" * 32),
    aid=Aid("b" * 32),
    name=NAME,
    version=1_795_444_600,
    facts=SourceFacts(
        format="jpg", width=40, height=30, frames=1, has_alpha=False, orientation=6, body_bytes=1234, md5="c" * 32
    ),
    tags=("x", "y"),
    context={"alt": "Jane"},
    folder="team",
    original_filename="IMG_1",
    created_at=1_795_444_600.9,
)
FENCED = FencedState(state=Fencing.FENCED, acked=1, suspended=0, waiting=0)
PENDING = FencedState(state=Fencing.PENDING, acked=0, suspended=1, waiting=2, seconds_left_max=12.3456)
HEAD = Head(epoch=1, seq=7, chain="0" * 64)
REMOVED = Removed(name=NAME, asset_id=RECORD.asset_id, aid=RECORD.aid, renditions=2, head=HEAD, fenced=FENCED)


def test_an_upload_answer_has_every_field_that_clients_read() -> None:
    answer = uploaded(Committed(record=RECORD, overwritten=True, head=HEAD, fenced=PENDING), ADDRESS, api_key="42")
    assert answer == {
        "asset_id": "a" * 32,
        "public_id": "people/jane doe",
        "version": 1_795_444_600,
        "version_id": "b" * 32,
        "signature": hashlib.sha1(b"public_id=people/jane doe&version=1795444600s3").hexdigest(),
        "width": 40,
        "height": 30,
        "format": "jpg",
        "resource_type": "image",
        "created_at": "2026-11-23T14:36:40Z",
        "tags": ["x", "y"],
        "pages": 1,
        "bytes": 1234,
        "type": "upload",
        "etag": "c" * 32,
        "placeholder": False,
        "url": "http://media.example:8080/acme/image/upload/v1795444600/people/jane%20doe.jpg",
        "secure_url": "https://media.example/acme/image/upload/v1795444600/people/jane%20doe.jpg",
        "folder": "people",
        "asset_folder": "team",
        "display_name": "jane doe",
        "access_mode": "public",
        "context": {"custom": {"alt": "Jane"}},
        "original_filename": "IMG_1",
        "api_key": "42",
        "overwritten": True,
        "domicile": {
            "sequence": 7,
            "epoch": 1,
            "fenced": False,
            "edges": {"acked": 0, "suspended": 1, "waiting": 2},
            "seconds_left_max": 12.346,
        },
    }


def test_an_existing_asset_is_said_to_exist_and_nothing_was_purged() -> None:
    answer = uploaded(Committed(record=RECORD, existing=True, head=HEAD, fenced=FENCED), ADDRESS, api_key="42")
    assert answer["existing"] is True
    assert "overwritten" not in answer
    assert "domicile" not in answer


def test_the_secret_is_in_no_answer_and_no_repr() -> None:
    secret = replace(ADDRESS, api_secret="do-not-show")
    private = replace(RECORD, name=replace(NAME, delivery_type="private"))
    assert "do-not-show" not in repr(asset(private, secret))
    assert "do-not-show" not in repr(secret)


def test_lists_show_tags_and_context_only_when_asked() -> None:
    assert not {"tags", "context"} & set(listed(RECORD, ADDRESS))
    shown = page(Page(records=(RECORD,), next_cursor="n"), ADDRESS, ("tags", "context"))
    assert shown["next_cursor"] == "n"
    assert shown["resources"][0]["tags"] == ["x", "y"]
    assert "next_cursor" not in page(Page(records=()), ADDRESS)


def test_derived_are_the_renditions_with_their_urls() -> None:
    made = RenditionRecord(transformation="c_fill,w_10", format="webp", width=10, height=8, body_bytes=99)
    (row,) = detailed(RECORD, [made], ADDRESS)["derived"]
    assert row["url"] == ("http://media.example:8080/acme/image/upload/c_fill,w_10/v1795444600/people/jane%20doe.webp")
    assert (row["transformation"], row["bytes"]) == ("c_fill,w_10", 99)


def test_destroy_says_ok_or_not_found() -> None:
    assert destroyed(None) == {"result": "not found"}
    assert destroyed(REMOVED) == {"result": "ok", "domicile": progress(HEAD, FENCED)}


def test_a_bulk_delete_answers_for_each_name() -> None:
    answer = deleted(RemovedMany(removed=(REMOVED,), missing=(replace(NAME, public_id="gone"),), more=True))
    assert answer["deleted"] == {"people/jane doe": "deleted", "gone": "not_found"}
    assert answer["deleted_counts"] == {"people/jane doe": {"original": 1, "derived": 2}}
    assert answer["partial"] is True
    by_id = deleted(RemovedMany(removed=(REMOVED,)), asked_by_id=("a" * 32, "f" * 32))
    assert by_id["deleted"] == {"a" * 32: "deleted", "f" * 32: "not_found"}
    assert deleted(RemovedMany(removed=())) == {"deleted": {}, "deleted_counts": {}, "partial": False}


def test_urls_are_escaped_like_the_sdk_does() -> None:
    import cloudinary.utils

    for public_id in ("a(1)", "ä/b c", "x:y", "p%20q", "it's", "a~b", "日本"):
        assert escape(public_id) == cloudinary.utils.smart_escape(public_id)


def test_originals_that_need_a_signature_get_a_signed_url() -> None:
    import cloudinary.utils

    name = replace(NAME, delivery_type="authenticated")
    built, _ = cloudinary.utils.cloudinary_url(
        name.public_id, type="authenticated", sign_url=True, format="jpg", version=5, cloud_name="acme",
        api_secret="s3", cname="media.example:8080", secure=False,
    )  # fmt: skip
    assert delivery_url("http://media.example:8080", name, version=5, extension="jpg", api_secret="s3") == built
