from __future__ import annotations

import pytest

from domicile.media import errors
from domicile.media.errors import MediaError
from edge.errors import (
    ERROR_TEXT_CHARACTERS_MAX,
    RETRY_AFTER_SECONDS,
    STATUS,
    header_text,
    retry_after_seconds,
    status_of,
)


def test_every_domain_error_has_a_status() -> None:
    assert set(STATUS) == set(MediaError.__subclasses__())


def test_no_status_is_one_that_the_sdks_do_not_expect_of_a_picture() -> None:
    assert not set(STATUS.values()) & {413, 415, 422}


def test_every_503_says_when_to_come_back_and_nothing_else_does() -> None:
    assert set(RETRY_AFTER_SECONDS) == {kind for kind, status in STATUS.items() if status == 503}
    assert retry_after_seconds(errors.Overloaded("full")) == 1
    assert retry_after_seconds(errors.BadUrl("no")) is None


def test_a_kind_without_a_row_of_its_own_takes_its_parents() -> None:
    class Odd(errors.AssetNotFound):
        pass

    assert status_of(Odd("x")) == 404
    assert status_of(MediaError("x")) == 500


@pytest.mark.parametrize(
    "evil", ["a\r\nSet-Cookie: x", "a\0b", "<script>", "\x7f", '"', "ü", "\ud800", "a\tb", "&amp;", "'"]
)
def test_no_text_of_a_caller_breaks_out_of_its_header(evil: str) -> None:
    said = header_text("Resource not found - " + evil)
    assert said.isprintable()
    assert said.isascii()
    assert not set(said) & set("\r\n<>\"'&")


def test_an_error_text_has_an_end() -> None:
    assert len(header_text("ü" * 100_000)) <= 3 * ERROR_TEXT_CHARACTERS_MAX


def test_an_ordinary_public_id_is_told_as_it_was_sent() -> None:
    assert header_text("Resource not found - folder/pic_1-a (2)") == "Resource not found - folder/pic_1-a (2)"
