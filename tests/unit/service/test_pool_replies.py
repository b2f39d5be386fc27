from __future__ import annotations

import math

import msgspec
import pytest

from domicile.imaging.channel import Broken, Reply
from domicile.imaging.job import Done, Refused, Timings
from domicile.media.analysis import COLORS_MAX, FACES_MAX, METADATA_ENTRIES_MAX, METADATA_VALUE_CHARS_MAX, Analysis
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
    assert is_plausible(
        Done(
            source=FACTS,
            analysis=Analysis(
                faces=((0, 1, 2, 2),),
                colors=(("#0A0B0C", 99.5),),
                names={"google": (("black", 100.0),)},
                phash="00ff00ff00ff00ff",
                metadata={"By-line": "Änne"},
                blurhash="LEHV6nWB2yk8pyo0adR*.7kCMdnj",
                thumbhash="1QcSHQRnh493V4dIh4eXh1h4kJUI",
            ),
        )
    )
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
        {"analysis": Analysis(faces=((0, 0, 1, -1),))},
        {"analysis": Analysis(faces=((0, 0, 1, 2**40),))},
        {"analysis": Analysis(faces=((0, 0, 1, 1),) * (FACES_MAX + 1))},
        {"analysis": Analysis(colors=(("#0a0b0c", 1.0),))},
        {"analysis": Analysis(colors=(("#0A0B0C", math.nan),))},
        {"analysis": Analysis(colors=(("#0A0B0C", 1.0),) * (COLORS_MAX + 1))},
        {"analysis": Analysis(names={"google": (("<b>", 1.0),)})},
        {"analysis": Analysis(names=dict.fromkeys(("a", "b", "c"), ()))},
        {"analysis": Analysis(phash="00FF00FF00FF00FF")},
        {"analysis": Analysis(blurhash='L"<script>')},
        {"analysis": Analysis(thumbhash="=====")},
        {"analysis": Analysis(metadata={"a b": "x"})},
        {"analysis": Analysis(metadata={"Make": "x\ny"})},
        {"analysis": Analysis(metadata={"Make": "x" * (METADATA_VALUE_CHARS_MAX + 1)})},
        {"analysis": Analysis(metadata={f"k{n}": "" for n in range(METADATA_ENTRIES_MAX + 1)})},
        {"analysis": Analysis(metadata={f"k{n}": "x" * 1000 for n in range(10)})},
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
