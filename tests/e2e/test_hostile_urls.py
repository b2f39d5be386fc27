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
                allowed=frozenset(raw["expect_status"].split("|")),
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


def send(port: int, row: Row) -> str:
    """The status as text, or "close" when the server hung up without one."""
    hosts = () if any(line.lower().startswith(b"host:") for line in row.headers) else (b"Host: 127.0.0.1",)
    message = b"\r\n".join(
        [row.method.encode() + b" " + row.target + b" HTTP/1.1", *hosts, b"Connection: close", *row.headers, b"", b""]
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

    canaries.name()
    body = (require_corpus() / "media/photos/koala.png").read_bytes()
    uploader = stack.sdk(stack.create_cloud("democloud")).uploader
    uploader.upload(io.BytesIO(body), public_id="photos/koala")
    uploader.upload(io.BytesIO(body), public_id="secret", type="private")
    return "/democloud/image/upload/w_50/v1/photos/koala.png"


ROWS = list(rows())


@pytest.mark.skipif(CORPUS is None, reason="the corpus is not beside this checkout: set DOMICILE_CORPUS")
@pytest.mark.parametrize("row", ROWS, ids=[row.id for row in ROWS])
def test_a_hostile_url_gets_an_allowed_answer(stack: Stack, koala: str, row: Row) -> None:
    assert send(stack.edge_port, row) in row.allowed
    assert stack.get(koala).status == 200


def test_the_table_was_read_whole(corpus_media: Path) -> None:
    assert len(ROWS) == 111, len(ROWS)
    assert corpus_media.exists()
