"""One viewer on one connection, who keeps every byte that came, also of an answer that breaks off."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from tests.chaos.book import Answer

HEAD_BYTES_MAX = 64 * 1024
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: (\d+)")
_ETAG = re.compile(rb"(?i)\r\netag: ([^\r]+)")
_HIT = re.compile(rb"(?i)\r\ncache-status: [^\r]*; hit")
_TIER = re.compile(rb"(?i)\r\ncache-status: [^\r]*detail=([a-z]+)")
_CLOSE = re.compile(rb"(?i)\r\nconnection: close")


@dataclass(slots=True)
class Viewer:
    seconds_max: float
    """For a head, and for a body."""
    reader: asyncio.StreamReader | None = None
    writer: asyncio.StreamWriter | None = None

    async def ask(self, port: int, path: str, fields: dict[str, str]) -> Answer:
        """Raises OSError, EOFError, TimeoutError when no head came."""
        async with asyncio.timeout(self.seconds_max):
            if self.reader is None or self.writer is None:
                self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port, limit=HEAD_BYTES_MAX)
            lines = [f"GET {path} HTTP/1.1", "Host: chaos", *(f"{name}: {value}" for name, value in fields.items())]
            self.writer.write("\r\n".join([*lines, "", ""]).encode())
            head = await self.reader.readuntil(b"\r\n\r\n")
        status, length, etag = int(head[9:12]), _LENGTH.search(head), _ETAG.search(head)
        wanted = 0 if status in {204, 304} or length is None else int(length[1])
        body = await self._body(wanted)
        if len(body) < wanted or _CLOSE.search(head):
            self.close()
        return Answer(
            status=status,
            etag=etag[1].decode() if etag else "",
            body=body,
            is_whole=len(body) == wanted,
            is_hit=_HIT.search(head) is not None,
            tier=tier[1].decode() if (tier := _TIER.search(head)) else "",
        )

    async def _body(self, wanted: int) -> bytes:
        """What comes of it."""
        assert self.reader is not None
        got = bytearray()
        try:
            async with asyncio.timeout(self.seconds_max):
                while len(got) < wanted and (piece := await self.reader.read(wanted - len(got))):
                    got += piece
        except (OSError, TimeoutError):
            pass
        return bytes(got)

    def close(self) -> None:
        if self.writer is not None:
            self.writer.transport.abort()
        self.reader = self.writer = None
