"""Nothing personal reaches a log line, whoever writes it and however."""

from __future__ import annotations

import io
import json
import logging as stdlib
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from aiohttp.http_exceptions import BadStatusLine

from domicile.service import logging
from domicile.service.logging import FORBIDDEN_FIELDS, ForbiddenField, Personal

CANARY = "jane-doe-canary-41f7"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    output = io.StringIO()
    logging.configure("edge", stream=output)
    yield output
    structlog.reset_defaults()
    root = stdlib.getLogger()
    for handler in [one for one in root.handlers if isinstance(one, logging.LibraryHandler)]:
        root.removeHandler(handler)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object_with_event_tier_level_and_time(stream: io.StringIO) -> None:
    logging.get().info("lease_renewed", tenants=3)
    [line] = lines(stream)
    assert next(iter(line)) == "event"
    assert line | {"timestamp": ""} == {
        "event": "lease_renewed", "tier": "edge", "tenants": 3, "level": "info", "timestamp": "",
    }  # fmt: skip
    assert line["timestamp"].endswith("Z")


@pytest.mark.parametrize("name", sorted(FORBIDDEN_FIELDS))
def test_a_forbidden_field_is_withheld_and_named(stream: io.StringIO, name: str) -> None:
    logging.get().warning("fill_refused", **{name: CANARY})
    [line] = lines(stream)
    assert line["withheld"] == [name]
    assert CANARY not in stream.getvalue()


@pytest.mark.parametrize(
    "value",
    [Personal(CANARY), [Personal(CANARY)], {"deep": [{"path": CANARY}]}, {"Public_ID": CANARY}, (1, {"ip": CANARY})],
)
def test_a_personal_value_is_withheld_however_deep(stream: io.StringIO, value: Any) -> None:
    logging.get().warning("fill_refused", detail=value)
    assert lines(stream)[0]["withheld"] == ["detail"]
    assert CANARY not in stream.getvalue()


def test_an_event_that_text_was_formatted_into_is_withheld(stream: io.StringIO) -> None:
    logging.get().info(f"uploaded /{CANARY}.jpg")
    assert CANARY not in stream.getvalue()
    assert lines(stream)[0]["event"] == "event_withheld"


def test_an_exception_is_logged_without_its_message(stream: io.StringIO) -> None:
    try:
        try:
            dict[str, str]()[CANARY]
        except KeyError as cause:
            raise OSError(2, "no such file", f"/{CANARY}") from cause
    except OSError:
        logging.get().exception("store_broken")
    [line] = lines(stream)
    assert [shape["type"] for shape in line["exception"]] == ["FileNotFoundError", "KeyError"]
    assert line["exception"][0]["errno"] == 2
    assert "test_logging.py" in line["exception"][0]["at"][0]
    assert CANARY not in stream.getvalue()


def test_strict_mode_raises_so_that_tests_find_the_call() -> None:
    logging.configure("edge", stream=io.StringIO(), strict=True)
    try:
        with pytest.raises(ForbiddenField, match="public_id"):
            logging.get().info("uploaded", public_id=CANARY)
    finally:
        structlog.reset_defaults()


def test_a_library_line_keeps_its_template_and_not_its_values(stream: io.StringIO) -> None:
    stdlib.getLogger("some.library").error("cannot open %s", f"/{CANARY}")
    stdlib.getLogger("some.library").error(f"cannot open /{CANARY}")
    first, second = lines(stream)
    assert first["template"] == "cannot open %s"
    assert "template" not in second
    assert second["logger"] == "some.library"
    assert CANARY not in stream.getvalue()


def test_requests_that_cannot_be_parsed_leave_no_line(stream: io.StringIO) -> None:
    try:
        raise BadStatusLine(f"GET /{CANARY} HTTP/9")
    except BadStatusLine:
        stdlib.getLogger("aiohttp.server").exception("Error handling request from %s", "203.0.113.7")
    stdlib.getLogger("aiohttp.access").error("203.0.113.7 GET /%s", CANARY)
    assert stream.getvalue() == ""


def test_a_long_text_is_cut_and_an_odd_value_is_named_by_its_type(stream: io.StringIO) -> None:
    logging.get().info("odd_values", text="x" * 10_000, odd=object())
    [line] = lines(stream)
    assert len(line["text"]) == logging.TEXT_CHARACTERS_MAX + 1
    assert line["odd"] == "[object]"


def test_a_personal_value_shows_itself_only_on_purpose() -> None:
    value = Personal(CANARY)
    assert {str(value), repr(value), f"{value}", f"{value!r:>40}".strip()} == {"[personal]"}
    assert value.reveal() == CANARY
    assert value == Personal(CANARY)
    with pytest.raises(TypeError):
        value.__reduce__()


def test_a_flood_of_one_event_is_counted_and_others_are_written(stream: io.StringIO) -> None:
    flood = logging.configure("edge", stream=stream, lines_per_second_max=3)
    now = [10.0]
    flood._clock = lambda: now[0]
    log = logging.get()
    for _ in range(100):
        log.error("request_failed")
    log.info("lease_renewed")
    now[0] = 11.0
    log.error("request_failed")
    written = [(line["event"], line.get("withheld_lines")) for line in lines(stream)]
    assert written == [("request_failed", None)] * 3 + [("lease_renewed", None), ("request_failed", 97)]
    assert (flood.take_withheld(), flood.take_withheld()) == (97, 0)


def test_a_flood_of_a_librarys_lines_is_counted_by_its_place(stream: io.StringIO) -> None:
    logging.configure("edge", stream=stream, lines_per_second_max=2)
    for _ in range(10):
        stdlib.getLogger("some.library").warning("again %s", "x")
    assert len(lines(stream)) == 2
