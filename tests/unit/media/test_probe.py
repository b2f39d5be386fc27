"""What an answer means to whoever asks after what was erased."""

from __future__ import annotations

import msgspec
import pytest

from domicile.media.negotiate import AVIF, LEGACY, WEBP, bucket_of
from domicile.media.probe import ACCEPTS, Answered, Ask, KnownUrl, Seen, Tally, Way, asks, seen

MD5 = "0" * 32
ORIGINAL = KnownUrl(target="/c/image/upload/jane.jpg", md5=MD5, etags=(f'"{MD5}"', f'"{MD5}-s2"'))
MADE = KnownUrl(target="/c/image/upload/w_10/jane.jpg")
TAKEN, MADE_TAKEN = (
    KnownUrl(target=one.target, md5=one.md5, etags=one.etags, is_taken=True) for one in (ORIGINAL, MADE)
)


def of(url: KnownUrl, status: int, *, etag: str = "", md5: str = "") -> Seen:
    return seen(Ask(url, Way.WHOLE), Answered(status=status, etag=etag, md5=md5))


@pytest.mark.parametrize("url", [ORIGINAL, MADE, TAKEN, MADE_TAKEN])
def test_only_an_answer_that_it_is_not_there_says_so(url: KnownUrl) -> None:
    assert {status: of(url, status) for status in (404, 410)} == dict.fromkeys((404, 410), Seen.ABSENT)
    refused = (301, 302, 403, 500, 503)
    assert {status: of(url, status) for status in refused} == dict.fromkeys(refused, Seen.REFUSED)
    assert {of(url, status) for status in (400, 401, 451)} == {Seen.UNJUDGED}
    assert of(url, 429) is Seen.LIMITED
    assert seen(Ask(url, Way.WHOLE), None) is Seen.UNREACHABLE


@pytest.mark.parametrize("status", [401, 451])
def test_an_original_that_is_hidden_from_who_asks_may_be_shown_to_others(status: int) -> None:
    exact = msgspec.structs.replace(ORIGINAL, is_exact=True)
    assert of(exact, status) is Seen.REFUSED
    assert of(msgspec.structs.replace(exact, is_taken=True), status) is Seen.UNJUDGED


@pytest.mark.parametrize("status", [200, 203, 206, 304, 416])
@pytest.mark.parametrize("url", [ORIGINAL, MADE])
def test_whoever_has_a_part_of_it_or_vouches_for_it_has_it(url: KnownUrl, status: int) -> None:
    assert of(url, status) is Seen.BYTES


def test_a_name_that_is_taken_again_may_show_another_picture_and_not_the_old_one() -> None:
    assert of(TAKEN, 200, etag='"1234"', md5="1" * 32) is Seen.ABSENT
    assert of(TAKEN, 200, etag=f'"{MD5}-s2-2611"') is Seen.BYTES
    assert of(TAKEN, 304, etag=f'W/"{MD5}"') is Seen.BYTES
    assert of(MADE_TAKEN, 200, etag='"1234"') is Seen.UNJUDGED
    assert of(TAKEN, 200, md5="1" * 32) is Seen.UNJUDGED  # without its metadata it has another digest, too
    assert of(TAKEN, 404, md5=MD5) is Seen.BYTES  # whatever the status says


def test_each_address_is_asked_whole_in_part_and_by_what_a_viewer_would_have_kept() -> None:
    usual = {"Accept": ACCEPTS[0]}
    assert [ask.headers for ask in asks([ORIGINAL])] == [
        usual,
        usual | {"Range": "bytes=0-1023"},
        usual | {"If-None-Match": f'"{MD5}", "{MD5}-s2"'},
    ]
    assert [ask.headers for ask in asks([MADE])][2] == usual | {"If-None-Match": "*"}


def test_where_the_format_is_of_accept_each_kind_of_browser_asks() -> None:
    """A cache keeps a copy for each."""
    asked = [ask.headers for ask in asks([msgspec.structs.replace(MADE, is_negotiated=True)])]
    assert [one["Accept"] for one in asked if len(one) == 1] == list(ACCEPTS)
    assert {bucket_of(accept) for accept in ACCEPTS} == {AVIF, WEBP, LEGACY}
    assert len(asked) == len(Way) + len(ACCEPTS) - 1


def test_the_worst_answer_is_the_verdict_and_an_answer_that_says_nothing_is_none() -> None:
    def verdict(*what: Seen) -> Seen:
        tally = Tally()
        for one in what:
            tally = tally.plus(one)
        assert tally == Tally().with_all_of(tally)
        return tally.verdict

    assert verdict() is Seen.ABSENT
    assert verdict(Seen.ABSENT, Seen.UNJUDGED) is Seen.ABSENT
    assert verdict(Seen.UNJUDGED) is Seen.UNJUDGED
    assert verdict(Seen.ABSENT, Seen.LIMITED) is Seen.LIMITED
    assert verdict(Seen.LIMITED, Seen.REFUSED) is Seen.REFUSED
    assert verdict(Seen.REFUSED, Seen.UNREACHABLE) is Seen.UNREACHABLE
    assert verdict(Seen.UNREACHABLE, Seen.REFUSED, Seen.BYTES) is Seen.BYTES
