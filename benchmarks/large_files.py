"""Memory of both tiers while files come and go that are larger than it: raw files, in one call, in chunks, and back by an edge."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from benchmarks.measured import MeasuredStack as Stack
from benchmarks.memory import Peaks, processes, watched
from tests.infra.large_files import Blocks, get, post_form

MB = 1_000_000
POSTED_BYTES = 1000 * MB
CHUNKED_BYTES = 2000 * MB
CHUNK_BYTES = 20 * MB
RESIDENT_BYTES_MAX = 200 * MB
"""Of the largest process, which holds its interpreter, its libraries and some pieces."""
SECONDS_MAX = 600.0
UPLOAD = "/v1_1/demo/raw/upload"

Row = Callable[..., dict[str, Any]]


def measure(stack: Stack, row: Row, *, scale: float) -> list[dict[str, Any]]:
    """`row`: makes one, of what was measured and what is allowed."""
    posted, chunked = round(POSTED_BYTES * scale), round(CHUNKED_BYTES * scale)
    return [
        _watched(stack, row, f"{posted // MB} MB raw file in one call", lambda: _posted(stack, posted)),
        _watched(stack, row, f"{chunked // MB} MB raw file in chunks", lambda: _chunked(stack, chunked)),
        _watched(stack, row, f"{chunked // MB} MB raw file by an edge", lambda: _got(stack, chunked)),
    ]


def _watched(stack: Stack, row: Row, what: str, work: Callable[[], bool]) -> dict[str, Any]:
    started = time.monotonic()
    with watched(lambda: processes(stack)) as peaks:
        is_right = work()
    seconds = time.monotonic() - started
    return row(what, peaks.largest_bytes, RESIDENT_BYTES_MAX, honest=is_right, note=_note(peaks, seconds))


def _note(peaks: Peaks, seconds: float) -> str:
    roles = ", ".join(f"{role} {size / MB:.0f}" for role, size in sorted(peaks.by_role.items()))
    return f"{seconds:.0f} s; {roles}; all together {peaks.own_bytes / MB:.0f}"


def _posted(stack: Stack, size: int) -> bool:
    file = Blocks(size)
    status, body = post_form(stack.api_port, UPLOAD, stack.credentials, {"public_id": "posted.bin"}, file)
    return status == 200 and json.loads(body)["etag"] == file.md5


def _chunked(stack: Stack, size: int) -> bool:
    file = Blocks(size)
    made = stack.sdk().uploader.upload_large(
        file, resource_type="raw", public_id="chunked.bin", chunk_size=CHUNK_BYTES, timeout=SECONDS_MAX
    )
    return bool(made["etag"] == file.md5)


def _got(stack: Stack, size: int) -> bool:
    got = get(f"127.0.0.1:{stack.edge_port}", "/demo/raw/upload/v1/chunked.bin")
    return (got.status, got.body_bytes, got.headers["etag"]) == (200, size, f'"{got.md5}"')
