"""What `f_auto` and `q_auto` say of themselves fits Server-Timing without quotes inside."""

from __future__ import annotations

import itertools

from domicile.media.negotiate import TYPES
from domicile.media.reasons import How, Kind, Reasons
from domicile.media.timing import DESC_CHARS_MAX, Span, build_server_timing
from tests.infra.server_timing import parse_server_timing


def test_every_reason_can_be_read_back() -> None:
    for name, kind, how in itertools.product(TYPES, [None, *Kind], [None, *How]):
        text = Reasons(format=name, kind=kind, number=100, how=how).text()
        assert len(text) < DESC_CHARS_MAX
        assert not set(text) & set('"\\;')
        if text:
            header = build_server_timing([Span("auto", desc=text)])
            assert parse_server_timing(header) == (Span("auto", None, text),)


def test_only_what_was_automatic_is_said() -> None:
    assert Reasons(format="jpg").text() == ""
    assert Reasons(format="jpg", number=77, how=How.SCORE).text() == "q=77:score"
    assert Reasons(format="webp", kind=Kind.GRAPHIC, how=How.LOSSLESS).text() == "f=webp:graphic,q=lossless"
