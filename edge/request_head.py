"""The head of a request as bytes, read no further than a hit needs: everything unusual is left to the HTTP library.

    head = ("GET" / "HEAD") SP target SP "HTTP/1.1" CRLF *( field-name ":" OWS field-value OWS CRLF ) CRLF

What is read here is a subset of what the library reads, and it is read alike (tests/unit/edge/test_hot.py has both answer).
A head with a field that changes how the message is framed, continued or answered in part is not read; neither is one that
the library might refuse: a folded line, a space before a colon, a lone CR or LF, a control character, two hosts.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple

from edge.cache.forward import HOPS_MAX, PSEUDONYM
from edge.faulty import is_host
from edge.own_probe import FIELD

HEAD_BYTES_MAX = 8 * 1024
"""Of the fields that are read here; below what the library takes for one line."""
LINES_MAX = 64
"""Below what the library takes."""

REMEMBERED_MAX = 2048
"""Blocks of fields, and lines of them: browsers and caches send the same ones again and again."""
BLOCK_BYTES_MAX, LINE_BYTES_MAX = 1024, 256
"""Of one that is remembered; longer ones are read anew each time."""

_OWN = (b"Referer", b"Cookie", b"X-Forwarded-For", FIELD.encode())
"""Fields that differ from viewer to viewer, as browsers and proxies write them, and that of our own probes; none of them concerns a hit."""
OWN_LINES_MAX = 3
"""That are left out; with LINES_MAX still below what the library takes."""
_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]++):[\t ]*([\t\x20-\x7e]*)")
_NOTED = frozenset({b"host", b"accept", b"if-none-match", b"cdn-loop"})
_UNUSUAL = frozenset(
    {
        b"content-length", b"transfer-encoding", b"content-encoding", b"trailer", b"te", b"expect", b"upgrade",
        b"http2-settings", b"proxy-connection", b"range", b"if-range", b"sec-websocket-key", b"sec-websocket-version",
    }
)  # fmt: skip


class Asked(NamedTuple):
    """What a hit is answered by, besides its target."""

    host: str
    accept: str
    """All Accept fields, joined by commas."""
    if_none_match: str | None
    proofs: tuple[str, ...] = ()
    """What was said in the field by which a CDN shows that it is one."""


_UNREAD = Asked("", "", None)


class _Of(Enum):
    """What a line that is not noted is."""

    NO_CONCERN = 0
    NOT_FOR_HERE = 1


_Line = _Of | tuple[bytes, str]
"""A noted line: its name in lower case, and its value."""


class HeadReader:
    """Reads blocks of fields, and remembers the short ones and their lines."""

    def __init__(self, proof_field: str = "") -> None:
        """`proof_field`: of the CDN's secret."""
        self._proof = proof_field.lower().encode("ascii")
        own = b"|".join(name for name in _OWN if name.lower() != self._proof)
        self._own = re.compile(rb"\r\n(?:" + own + rb"): [\t\x20-\x7e]*+(?=\r\n)")
        self._blocks: dict[bytes, Asked | None] = {}
        self._lines: dict[bytes, _Line] = {}

    def read(self, block: bytes) -> Asked | None:
        """The fields between the request line and the empty line, each with its CRLF. None: not for here."""
        asked = self._blocks.get(block, _UNREAD)
        if asked is _UNREAD:
            asked = self._remembered(block, self._read(block))
        return asked

    def without_own(self, head: bytes) -> bytes:
        """One whole head, from its request line to the empty line, without a viewer's own fields: what others send, too.

        What is told apart by those alone drives nothing out. A line that may not be valid stays, and is judged with the
        others; what is left out counts for the length. What ends in an empty line and without these fields is a head with
        no empty line before, is one with them, too.
        """
        return head if len(head) > HEAD_BYTES_MAX else self._own.sub(b"", head, OWN_LINES_MAX)

    def _remembered(self, block: bytes, asked: Asked | None) -> Asked | None:
        if len(block) <= BLOCK_BYTES_MAX:
            if len(self._blocks) >= REMEMBERED_MAX:
                self._blocks.clear()
            self._blocks[block] = asked
        return asked

    def clear(self) -> None:
        self._blocks.clear()
        self._lines.clear()

    def _read(self, block: bytes) -> Asked | None:
        lines = block.split(b"\r\n")
        if len(block) > HEAD_BYTES_MAX or len(lines) > LINES_MAX or lines.pop():
            return None
        host = tags = loop = None
        accept, proofs = "", []
        for line in lines:
            try:
                found = self._lines[line]
            except KeyError:
                found = self._learn(line)
            if found is _Of.NO_CONCERN:
                continue
            if isinstance(found, _Of):
                return None
            name, value = found
            if name == self._proof:
                proofs.append(value)
            elif name == b"accept":
                accept = f"{accept},{value}" if accept else value
            elif name == b"host" and host is None:
                host = value
            elif name == b"if-none-match" and tags is None:
                tags = value
            elif name == b"cdn-loop" and loop is None:
                loop = value
            else:
                return None
        return Asked(host, accept, tags, tuple(proofs)) if host else None

    def _learn(self, line: bytes) -> _Line:
        found = _read_line(line, self._proof)
        if len(line) <= LINE_BYTES_MAX:
            if len(self._lines) >= REMEMBERED_MAX:
                self._lines.clear()
            self._lines[line] = found
        return found


def _read_line(line: bytes, proof: bytes) -> _Line:
    match = _LINE.fullmatch(line)
    if match is None:
        return _Of.NOT_FOR_HERE
    name, value = match[1].lower(), match[2].rstrip(b" \t").decode("ascii")
    if name == b"connection":
        return _Of.NO_CONCERN if value.lower() == "keep-alive" else _Of.NOT_FOR_HERE
    if name == b"host" and not is_host(match[2].rstrip(b" \t")):
        return _Of.NOT_FOR_HERE
    if name == b"cdn-loop" and (PSEUDONYM in value.lower() or value.count(",") >= HOPS_MAX):
        return _Of.NOT_FOR_HERE
    if name in _NOTED or name == proof:
        return name, value
    return _Of.NOT_FOR_HERE if name in _UNUSUAL else _Of.NO_CONCERN


def ends_at_a_boundary(data: bytes) -> bool:
    """Does the library certainly stand between two messages when it has read this? Then the next may be looked at here."""
    if not data.startswith((b"GET ", b"HEAD ")) or not data.endswith(b"\r\n\r\n"):
        return False
    line_end = data.find(b"\r\n")
    block = data[line_end + 2 : -2]
    return block.find(b"\r\n\r\n") < 0 and HeadReader().read(block) is not None
