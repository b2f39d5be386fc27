"""Large files that nobody holds in memory, sent and measured: what they take at the other end, by the kernel's count."""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

BLOCK_BYTES = 1024 * 1024
BOUNDARY = "a-boundary-of-ours"
SECONDS_MAX = 600.0
_FORGET_PEAK = b"5"
"""Written to clear_refs, it makes the kernel count a process's peak anew."""


class Blocks(io.RawIOBase):
    """A file of so many bytes, no two MiB of which are equal; `md5` is of what was read. It cannot be read backwards twice
    over, so that `md5` is of the file.
    """

    def __init__(self, size: int, head: bytes = b"") -> None:
        super().__init__()
        self._size = size
        self._head = head
        self._at = 0
        self._far = 0
        self._md5 = hashlib.md5(usedforsecurity=False)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = base + offset
        return self._at

    def readinto(self, buffer) -> int:  # type: ignore[override]
        piece = self._piece(self._at, min(len(buffer), self._size - self._at))
        buffer[: len(piece)] = piece
        if self._at + len(piece) > self._far and self._at <= self._far:
            self._md5.update(piece[self._far - self._at :])
            self._far = self._at + len(piece)
        self._at += len(piece)
        return len(piece)

    def read(self, size: int = -1) -> bytes:
        """As much as is asked for: senders take a short answer for the end of a chunk."""
        pieces: list[bytes] = []
        left = self._size - self._at if size < 0 else size
        while left > 0 and (piece := super().read(min(left, BLOCK_BYTES))):
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces)

    def _piece(self, at: int, length: int) -> bytes:
        if length <= 0:
            return b""
        if at < len(self._head):
            return self._head[at : at + length]
        number, skip = divmod(at, BLOCK_BYTES)
        mark = number.to_bytes(8, "big")
        return (mark * (BLOCK_BYTES // 8))[skip : skip + length]

    @property
    def md5(self) -> str:
        assert self._far == self._size, "not all of it was read"
        return self._md5.hexdigest()


def form(fields: Mapping[str, str], file: Blocks, *, file_name: str = "large.bin") -> Iterator[bytes]:
    """multipart/form-data, with the file last."""
    for name, value in fields.items():
        yield f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    head = f'Content-Disposition: form-data; name="file"; filename="{file_name}"\r\n'
    yield f"--{BOUNDARY}\r\n{head}Content-Type: application/octet-stream\r\n\r\n".encode()
    while piece := file.read(BLOCK_BYTES):
        yield piece
    yield f"\r\n--{BOUNDARY}--\r\n".encode()


def form_headers(credentials: tuple[str, str]) -> dict[str, str]:
    basic = base64.b64encode(":".join(credentials).encode()).decode()
    return {"Authorization": f"Basic {basic}", "Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def post_form(
    port: int, path: str, credentials: tuple[str, str], fields: Mapping[str, str], file: Blocks
) -> tuple[int, bytes]:
    """One call, streamed. (status, body)."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS_MAX)
    try:
        connection.request(
            "POST", path, body=form(fields, file), headers=form_headers(credentials), encode_chunked=True
        )
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@dataclass(slots=True)
class Got:
    """What a download was, without keeping it."""

    status: int
    headers: Mapping[str, str]
    body_bytes: int
    md5: str


def get(host: str, path: str, headers: Mapping[str, str] | None = None) -> Got:
    connection = http.client.HTTPConnection(host, timeout=SECONDS_MAX)
    try:
        connection.request("GET", path, headers=dict(headers or {}))
        answer = connection.getresponse()
        digest, count = hashlib.md5(usedforsecurity=False), 0
        while piece := answer.read(BLOCK_BYTES):
            digest.update(piece)
            count += len(piece)
        told = {name.lower(): value for name, value in answer.getheaders()}
        return Got(status=answer.status, headers=told, body_bytes=count, md5=digest.hexdigest())
    finally:
        connection.close()


@dataclass(slots=True)
class Growth:
    """How much more a process held at its worst than before."""

    bytes: int = field(default=0)


@contextmanager
def growth(pid: int) -> Iterator[Growth]:
    """While the block runs. The peak is the kernel's own count: no sampling can miss it."""
    Path(f"/proc/{pid}/clear_refs").write_bytes(_FORGET_PEAK)
    before, seen = _kilobytes(pid, "VmRSS"), Growth()
    yield seen
    seen.bytes = (_kilobytes(pid, "VmHWM") - before) * 1024


def _kilobytes(pid: int, name: str) -> int:
    match = re.search(rf"^{name}:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text("utf-8"), re.MULTILINE)
    assert match is not None
    return int(match[1])
