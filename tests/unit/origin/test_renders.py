from __future__ import annotations

import pytest

from domicile.imaging.job import MediaLimits
from domicile.media.errors import BadRequest, BadTransformation, LimitExceeded, MediaError
from origin.api.eager import EAGER_MAX, read_orders, read_wish
from origin.api.incoming import read_incoming
from origin.api.params import Params
from origin.records import Named
from origin.renders import read_order
from origin.settings import MediaSettings, UploadSettings

LIMITS: MediaLimits = MediaSettings().limits(UploadSettings())
NAMED = {"thumb": Named(name="thumb", text="c_fill,h_5,w_5", allowed_for_strict=False, created_at=0.0)}


@pytest.mark.parametrize(
    ("text", "shown", "means", "extension"),
    [
        ("c_scale,w_5", "c_scale,w_5", "c_scale,w_5", None),
        ("w_5,c_scale/e_blur/JPG", "w_5,c_scale/e_blur", "c_scale,w_5/e_blur", "jpg"),
        ("t_thumb/", "t_thumb", "c_fill,h_5,w_5", ""),
        ("webp", "", "", "webp"),
        ("w_auto:100:300", "w_auto:100:300", "w_300", None),
    ],
)
def test_an_order_is_written_as_in_a_url_and_means_what_is_put_in(
    text: str, shown: str, means: str, extension: str | None
) -> None:
    order = read_order(text, NAMED, LIMITS)
    assert (order.text, order.chain.text, order.extension) == (shown, means, extension)


@pytest.mark.parametrize(
    "text", ["c_explode", "t_other", "w_5 ", "w_5?x", "w_5\nh_5", "w_5/é", "w_auto:breakpoints", "w_5/" * 30]
)
def test_what_no_url_could_ask_for_is_refused(text: str) -> None:
    with pytest.raises(MediaError) as caught:
        read_order(text, NAMED, LIMITS)
    assert isinstance(caught.value, BadTransformation | LimitExceeded)


def test_eager_is_a_row_of_orders() -> None:
    assert [order.text for order in read_orders("w_5/jpg|t_thumb||w_6", NAMED, LIMITS)] == ["w_5", "t_thumb", "w_6"]
    with pytest.raises(BadRequest, match=f"at most {EAGER_MAX}"):
        read_orders("|".join(["w_5"] * (EAGER_MAX + 1)), NAMED, LIMITS)


def test_what_is_made_later_has_a_batch() -> None:
    later = read_wish(Params({"eager": "w_5", "eager_async": "1"}), NAMED, LIMITS, request_id="r", now=0.0)
    assert (len(later.orders), later.now, len(later.notice.batch_id)) == (1, (), 32)
    named = Params({"eager": "w_5", "eager_async": "1", "batch_id": "b"})
    assert read_wish(named, NAMED, LIMITS, request_id="r", now=0.0).notice.batch_id == "b"
    now = read_wish(Params({"eager": "w_5"}), NAMED, LIMITS, request_id="r", now=0.0)
    assert (now.now, now.notice.batch_id) == (now.orders, "")


def test_what_is_kept_can_be_made_first_but_not_of_other_pictures() -> None:
    assert read_incoming(Params({"tags": "a"}), NAMED, LIMITS) is None
    order = read_incoming(Params({"transformation": "w_5", "format": "jpeg"}), NAMED, LIMITS)
    assert order is not None
    assert (order.text, order.extension) == ("w_5", "jpg")
    with pytest.raises(BadTransformation, match="a layer cannot become part of an original"):
        read_incoming(Params({"transformation": "l_logo"}), NAMED, LIMITS)
    for wrong in ("svg", "pdf", "exe"):
        with pytest.raises(BadRequest, match="format"):
            read_incoming(Params({"format": wrong}), NAMED, LIMITS)
