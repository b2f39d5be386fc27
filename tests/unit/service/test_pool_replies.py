from __future__ import annotations

import math

import msgspec
import pytest

from domicile.imaging.channel import Broken, Reply
from domicile.imaging.job import FACES_MAX, Done, Refused, Timings
from domicile.media.errors import LimitExceeded
from domicile.media.facts import SourceFacts
from domicile.service.pool_replies import MESSAGE_LETTERS_MAX, done_of, is_plausible, label_of

FACTS = SourceFacts(
    format="jpg", width=4, height=3, frames=1, has_alpha=False, orientation=6, body_bytes=9, md5="0" * 32, mode="I;16B"
)
DONE = Done(source=FACTS, content_type="image/webp", format="webp", width=2, height=1)


def test_an_honest_reply_is_believed() -> None:
    assert is_plausible(DONE)
    assert is_plausible(Done(source=FACTS))
    assert is_plausible(Done(source=FACTS, faces=((0, 1, 2, 2),)))
    assert is_plausible(Refused(code="limit_exceeded", message=""))
    assert is_plausible(Broken(error="KeyError", where=""))


@pytest.mark.parametrize(
    "change",
    [
        {"content_type": "text/html"},
        {"content_type": "text/javascript"},
        {"content_type": "image/png\r\nX: y"},
        {"format": "../../etc"},
        {"format": "png\n"},
        {"format": "x" * 13},
        {"width": -1},
        {"height": 2**31 + 1},
        {"frames": -5},
        {"faces": ((0, 0, 1, -1),)},
        {"faces": ((0, 0, 1, 2**40),)},
        {"faces": ((0, 0, 1, 1),) * (FACES_MAX + 1)},
        {"timings": Timings(decode=math.nan)},
        {"timings": Timings(transform=-1.0)},
        {"timings": Timings(encode=math.inf)},
        {"source": msgspec.structs.replace(FACTS, md5='"<script>')},
        {"source": msgspec.structs.replace(FACTS, format="jpg\n")},
        {"source": msgspec.structs.replace(FACTS, mode="RGB;drop table")},
        {"source": msgspec.structs.replace(FACTS, orientation=9)},
        {"source": msgspec.structs.replace(FACTS, width=2**40)},
        {"source": msgspec.structs.replace(FACTS, loop=-1)},
        {"source": msgspec.structs.replace(FACTS, body_bytes=-1)},
    ],
)
def test_a_lying_reply_is_not(change: dict) -> None:
    assert not is_plausible(msgspec.structs.replace(DONE, **change))


def test_an_unknown_refusal_is_not_believed() -> None:
    assert not is_plausible(Refused(code="success", message=""))


def test_a_message_is_cut_and_cleaned() -> None:
    with pytest.raises(LimitExceeded) as refused:
        done_of(Reply(outcome=Refused(code="limit_exceeded", message="a\n\x00b" + "x" * 1000)))
    assert refused.value.message.startswith("a??bxx")
    assert len(refused.value.message) == MESSAGE_LETTERS_MAX


@pytest.mark.parametrize(
    "error, where",
    [
        ("SecretName of a file", ""),
        ("x" * 65, ""),
        ("KeyError", "photo of Ann.jpg"),
        ("KeyError", "/home/ann/x.py:1"),
        ("KeyError", "a.py:1\n"),
    ],
)
def test_a_broken_handler_cannot_write_what_it_likes_to_the_log(error: str, where: str) -> None:
    assert is_plausible(Broken(error="KeyError", where="imaging/steps/pad.py:12"))
    assert not is_plausible(Broken(error=error, where=where))


def test_labels_are_bounded() -> None:
    assert label_of(Reply(outcome=DONE)) == ("done", "webp")
    assert label_of(Reply(outcome=Refused(code="limit_exceeded", message="anything"))) == ("limit_exceeded", "")
    assert label_of(Reply(outcome=Broken(error="E", where=""))) == ("handler_failed", "")
