from __future__ import annotations

import pytest

from domicile.media.asset import Aid, NameHash
from domicile.media.errors import LeaseLost, MediaError, Overloaded, UndecodableMedia
from domicile.service.gate.peer import PeerGone
from edge.peer import AnswerHead, decode_answer, encode_head, encode_refusal
from edge.store.port import StoredHead
from edge.upstream import AssetGone

HEAD = StoredHead(
    tenant="demo", contributors=(Aid("a" * 32),), names=(NameHash("1" * 32),), epoch=1, sequence=1, config_revision=1,
    stored_at=0.0, ttl_seconds=60.0, content_type="image/png", etag='"tag"', body_bytes=3, format="png", content_info="",
)  # fmt: skip
ANSWER = AnswerHead(
    head=HEAD, position=0, tier=None, collapsed=True, kept=True, spans=(("origin", 0.5, None), ("cache", None, "miss"))
)


def test_an_answer_arrives_as_it_was_sent() -> None:
    got = decode_answer(200, encode_head(ANSWER) + b"abc")
    assert got.head == ANSWER
    assert got.stored.body == b"abc"
    assert [(span.name, span.seconds) for span in got.spans] == [("origin", 0.5), ("cache", None)]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\0\0",
        b"\xff\xff\xff\xff",
        b"\0\0\0\3abc",
        encode_head(ANSWER),
        encode_head(ANSWER) + b"ab",
        encode_head(ANSWER) + b"abcd",
    ],
)
def test_an_answer_that_is_not_whole_means_that_the_owner_is_gone(body: bytes) -> None:
    with pytest.raises(PeerGone):
        decode_answer(200, body)


@pytest.mark.parametrize(
    "error", [UndecodableMedia("Invalid image file"), Overloaded("full"), AssetGone("Resource not found - x", 410)]
)
def test_the_owners_refusal_is_ours(error: MediaError) -> None:
    with pytest.raises(type(error)) as raised:
        decode_answer(400, encode_refusal(error))
    assert raised.value.message == error.message
    if isinstance(error, AssetGone):
        assert isinstance(raised.value, AssetGone)
        assert raised.value.status == 410


def test_an_owner_without_a_lease_is_as_good_as_gone() -> None:
    with pytest.raises(PeerGone):
        decode_answer(503, encode_refusal(LeaseLost("no")))
