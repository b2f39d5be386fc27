"""Every row of the corpus' hostile URLs: an allowed status, no 5xx, no hang, and the server still serves afterwards."""

from __future__ import annotations

import contextlib
import csv
import io
import re
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.corpus import CORPUS
from tests.e2e.canary import Canaries
from tests.e2e.stack import Stack

ANSWER_SECONDS_MAX = 10.0
csv.field_size_limit(sys.maxsize)


@dataclass(frozen=True, slots=True)
class Row:
    id: str
    method: str
    target: bytes
    headers: tuple[bytes, ...]
    allowed: frozenset[str]
    """What the table allows, without server errors: rows of fetch URLs allow a gateway's 502 and 504, and TRACE a 501,
    but nothing is fetched here and TRACE is known, so that any 5xx would be our own mistake."""


def rows() -> Iterator[Row]:
    if CORPUS is None:
        return
    with (CORPUS / "bad_urls.tsv").open(encoding="utf-8", newline="") as file:
        for raw in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            yield Row(
                id=raw["id"],
                method=raw["method"],
                target=unescape(raw["target"]),
                headers=tuple(headers(raw["extra_headers"] or "")),
                allowed=frozenset(status for status in raw["expect_status"].split("|") if not status.startswith("5")),
            )


def unescape(text: str) -> bytes:
    r"""The table writes bytes that are no text as \xNN."""
    parts = re.split(r"\\x([0-9a-fA-F]{2})", text)
    return b"".join(bytes.fromhex(part) if n % 2 else part.encode("utf-8") for n, part in enumerate(parts))


def headers(text: str) -> Iterator[bytes]:
    """`@2000xNAME: value` repeats a header; a literal \\r\\n separates two."""
    if match := re.fullmatch(r"@(\d+)x(.*)", text):
        for n in range(int(match[1])):
            name, _, value = match[2].partition(":")
            yield f"{name}-{n}:{value}".encode()
    elif text:
        yield from (part.encode() for part in text.split("\\r\\n"))


def send(port: int, row: Row, *extra: bytes) -> str:
    """The status as text, or "close" when the server hung up without one."""
    hosts = () if any(line.lower().startswith(b"host:") for line in row.headers) else (b"Host: 127.0.0.1",)
    message = b"\r\n".join(
        [
            row.method.encode() + b" " + row.target + b" HTTP/1.1",
            *hosts,
            b"Connection: close",
            *row.headers,
            *extra,
            b"",
            b"",
        ]
    )
    with socket.create_connection(("127.0.0.1", port), ANSWER_SECONDS_MAX) as connection:
        received = b""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # an early answer is still readable
            connection.sendall(message)
        with contextlib.suppress(ConnectionResetError):
            while piece := connection.recv(65536):
                received += piece
    match = re.match(rb"HTTP/1\.[01] (\d{3}) ", received)
    if match is None:
        assert received == b""
        return "close"
    assert b"<script>" not in received.lower() or b"text/html" not in received.lower()
    assert b"\nset-cookie:" not in received.lower()
    return match[1].decode()


@pytest.fixture(scope="module")
def koala(stack: Stack, canaries: Canaries) -> str:
    from tests.corpus import require_corpus

    body = (require_corpus() / "media/photos/koala.png").read_bytes()
    uploader = stack.sdk(stack.create_cloud("democloud")).uploader
    personal = {"tags": [canaries.name("tag")], "context": {"caption": canaries.name("caption")}}
    uploader.upload(io.BytesIO(body), public_id="photos/koala", **personal)  # the table knows these two names
    uploader.upload(io.BytesIO(body), public_id="secret", type="private", **personal)
    uploader.upload(io.BytesIO(body), public_id=(name := canaries.name("koala")), **personal)
    return f"/democloud/image/upload/w_50/v1/{name}.png"


@pytest.fixture(scope="module")
def viewer(canaries: Canaries) -> list[bytes]:
    """What browsers say about people; it must not turn up in a log because the request was odd."""
    lines = {"User-Agent": "agent", "Cookie": "session", "Referer": "page", "X-Forwarded-For": "address"}
    return [f"{name}: {canaries.name(token)}".encode() for name, token in lines.items()]


ROWS = list(rows())


@pytest.mark.skipif(CORPUS is None, reason="the corpus is not beside this checkout: set DOMICILE_CORPUS")
@pytest.mark.parametrize("row", ROWS, ids=[row.id for row in ROWS])
def test_a_hostile_url_gets_an_allowed_answer(stack: Stack, koala: str, viewer: list[bytes], row: Row) -> None:
    extra = [] if row.headers else viewer  # a row with headers is about exactly these
    assert send(stack.edge_port, row, *extra) in row.allowed
    assert stack.get(koala).status == 200


def test_the_table_was_read_whole(corpus_media: Path) -> None:
    assert len(ROWS) == 111, len(ROWS)
    assert all(row.allowed for row in ROWS)
    assert corpus_media.exists()
