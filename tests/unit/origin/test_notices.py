from __future__ import annotations

import json

import msgspec
import pytest

from domicile.media.errors import BadRequest
from origin.notices import NOBODY, Notice, told
from origin.params import Params
from origin.records import NOTICE
from tests.unit.origin.test_explicit import JANE


def test_whoever_is_to_be_told_gets_the_asset_and_what_happened() -> None:
    who = told(Params({"notification_url": "https://app.example/hook", "batch_id": "b1"}), request_id="r1", now=0.0)
    (task,) = who.of("upload", JANE, lambda record: {"public_id": record.name.public_id})
    notice = msgspec.msgpack.decode(task.detail, type=Notice)
    assert (task.kind, notice.url) == (NOTICE, "https://app.example/hook")
    assert json.loads(notice.body) == {
        "notification_type": "upload",
        "timestamp": "1970-01-01T00:00:00Z",
        "request_id": "r1",
        "batch_id": "b1",
        "public_id": "jane",
    }


def test_nobody_is_told_when_nobody_asked() -> None:
    assert NOBODY.of("upload", JANE, lambda _record: {}) == ()
    assert told(Params({}), request_id="r", now=0.0).url == ""


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.example/x",
        "https://",
        "//a.example",
        "https://u:p@a.example/",
        "https://a.example:x/",
        "https://a b.example/",
        "https://a.example/" + "x" * 2100,
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(BadRequest, match="notification_url"):
        told(Params({"notification_url": url}), request_id="r", now=0.0)
