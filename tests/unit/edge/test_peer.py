from __future__ import annotations

import msgspec
import pytest

from domicile.media.asset import Aid, NameHash
from domicile.media.errors import LeaseLost, MediaError, Overloaded, UndecodableMedia
from domicile.service.gate.peer import PeerGone, PeerReply
from edge.flight import Published
from edge.peer import AnswerHead, decode_answer, encode_head, encode_refusal
from edge.store.port import Stored, StoredHead
from edge.upstream import AssetGone

HEAD = StoredHead(
    tenant="demo", contributors=(Aid("a" * 32),), names=(NameHash("1" * 32),), epoch=1, sequence=1, config_revision=1,
    stored_at=0.0, ttl_seconds=60.0, content_type="image/png", etag='"tag"', body_bytes=3, format="png", content_info="",
)  # fmt: skip
ANSWER = AnswerHead(
    head=HEAD,
    key="demo|image|upload|pic|w_10",
    on_disk=False,
    position=0,
    tier=None,
    collapsed=True,
    kept=True,
    spans=(("origin", 0.5, None), ("cache", None, "miss")),
)


def reply(head: bytes, body: bytes = b"", *, status: int = 200) -> PeerReply:
    return PeerReply(status=status, head=head, body=body)


def test_an_answer_arrives_as_it_was_sent() -> None:
    got = decode_answer(reply(encode_head(ANSWER), b"abc"))
    assert got.head == ANSWER
    assert got.outcome == Stored(head=HEAD, body=b"abc")
    assert [(span.name, span.seconds) for span in got.spans] == [("origin", 0.5), ("cache", None)]


def test_an_answer_may_say_that_the_object_is_on_disk() -> None:
    got = decode_answer(reply(encode_head(msgspec.structs.replace(ANSWER, on_disk=True))))
    assert got.outcome == Published(head=HEAD)


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (b"", b""),
        (b"\xff\xff", b"abc"),
        (encode_head(ANSWER)[:-1], b"abc"),
        (encode_head(ANSWER), b""),
        (encode_head(ANSWER), b"ab"),
        (encode_head(ANSWER), b"abcd"),
        (encode_head(msgspec.structs.replace(ANSWER, on_disk=True)), b"abc"),
    ],
)
def test_an_answer_that_is_not_whole_means_that_the_owner_is_gone(head: bytes, body: bytes) -> None:
    with pytest.raises(PeerGone):
        decode_answer(reply(head, body))


@pytest.mark.parametrize(
    "error", [UndecodableMedia("Invalid image file"), Overloaded("full"), AssetGone("Resource not found - x", 410)]
)
def test_the_owners_refusal_is_ours(error: MediaError) -> None:
    with pytest.raises(type(error)) as raised:
        decode_answer(reply(encode_refusal(error), status=400))
    assert raised.value.message == error.message
    if isinstance(error, AssetGone):
        assert isinstance(raised.value, AssetGone)
        assert raised.value.status == 410


def test_an_owner_without_a_lease_is_as_good_as_gone() -> None:
    with pytest.raises(PeerGone):
        decode_answer(reply(encode_refusal(LeaseLost("no")), status=503))
