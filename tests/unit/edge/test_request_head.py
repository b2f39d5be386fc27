"""What is remembered of heads changes nothing of how they are read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge.request_head import HEAD_BYTES_MAX, LINES_MAX, OWN_LINES_MAX, REMEMBERED_MAX, HeadReader

LINES = (
    b"Host: x\r\n", b"Host: y\r\n", b"Accept: a\r\n", b"Range: bytes=0-1\r\n", b'If-None-Match: "a"\r\n', b"X: a\r\n",
    b"Referer: https://a.example/1\r\n", b"Referer:  \r\n", b"referer: b\r\n", b"Cookie: c=1\r\n", b"X-Forwarded-For: 127.0.0.1\r\n",
    b"Referer: \x00\r\n", b"Referer: lone\nlf\r\n", b"Referer: \rcr\r\n", b"Referer: folded\r\n line\r\n", b"Cookie: \xff\r\n",
    b"X: a\nReferer: b\r\n", b"X: folded\r\n line\r\n", b"Connection: close\r\n", b"Proof: a\r\n",
)  # fmt: skip
READER, COMMON = HeadReader("Proof"), b"Host: x\r\nAccept: a\r\n"


START = b"GET /a HTTP/1.1\r\n"


@given(st.lists(st.sampled_from(LINES), max_size=6).map(b"".join))
def test_a_reader_that_remembers_reads_as_one_that_does_not(block: bytes) -> None:
    assert READER.read(block) == READER.read(block) == HeadReader("Proof")._read(block)


@given(st.lists(st.sampled_from(LINES), max_size=6).map(b"".join))
def test_a_head_without_the_viewer_s_own_fields_is_read_as_with_them(block: bytes) -> None:
    common = READER.without_own(START + block + b"\r\n")
    assert common.startswith(START)
    assert common.endswith(b"\r\n\r\n")
    assert READER.read(common[len(START) : -2]) == READER.read(block)


SCRAPS = (
    b"\r\n",
    b"\r",
    b"\n",
    b"Referer: a",
    b"Referer: ",
    b"Cookie: ",
    b"X: a",
    b"GET /a HTTP/1.1",
    b"Host: x\r\n",
    b"\r\n\r\n",
)


@given(st.lists(st.sampled_from(SCRAPS), max_size=9).map(b"".join))
def test_what_is_one_head_without_the_viewer_s_own_fields_is_one_with_them(data: bytes) -> None:
    common = READER.without_own(data)
    if data.endswith(b"\r\n\r\n") and common.find(b"\r\n\r\n") == len(common) - 4:
        assert data.find(b"\r\n\r\n") == len(data) - 4


def test_a_host_that_cannot_be_one_is_not_read() -> None:
    assert READER.read(b"Host: x:80\r\n") is not None
    assert READER.read(b"Host: x y\r\n") is None
    assert READER.read(b"Host: x/y\r\n") is None


def test_more_lines_than_the_library_takes_are_not_read() -> None:
    head = START + COMMON + b"Referer: a\r\n" * (LINES_MAX + OWN_LINES_MAX) + b"\r\n"
    assert len(head) < HEAD_BYTES_MAX
    assert READER.read(READER.without_own(head)[len(START) : -2]) is None


def test_a_viewer_s_own_fields_do_not_drive_out_what_all_send() -> None:
    plain = START + COMMON + b"\r\n"
    for number in range(9):
        own = b"Referer: https://a.example/%d\r\nX-Forwarded-For: 127.0.0.%d\r\n" % (number, number)
        assert READER.without_own(START + own + COMMON + b"\r\n") == plain
        assert READER.without_own(START + COMMON + own + b"\r\n") == plain


def test_blocks_that_are_remembered_are_bounded() -> None:
    reader = HeadReader()
    for number in range(REMEMBERED_MAX + 2):
        assert reader.read(COMMON + b"X: %d\r\n" % number) is not None
    assert len(reader._blocks) <= REMEMBERED_MAX


def test_the_field_that_a_cdn_shows_itself_by_is_never_left_out() -> None:
    head = START + COMMON + b"Cookie: secret\r\n\r\n"
    assert HeadReader("Cookie").without_own(head) == head
    asked = HeadReader("Cookie").read(COMMON + b"Cookie: secret\r\n")
    assert asked is not None
    assert asked.proofs == ("secret",)


def test_what_is_left_out_counts_for_the_length() -> None:
    long = START + COMMON + b"Referer: " + b"a" * HEAD_BYTES_MAX + b"\r\n\r\n"
    assert HeadReader().without_own(long) == long
    assert HeadReader().read(long[len(START) : -2]) is None
