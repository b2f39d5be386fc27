"""The head of a request as bytes, read no further than a hit needs: everything unusual is left to the HTTP library.

    head = ("GET" / "HEAD") SP target SP "HTTP/1.1" CRLF *( field-name ":" OWS field-value OWS CRLF ) CRLF

What is read here is a subset of what the library reads, and it is read alike (tests/property/test_hot_path.py runs both).
A head with a field that changes how the message is framed, continued or answered in part is not read; neither is one that
the library might refuse: a folded line, a space before a colon, a lone CR or LF, a control character, two hosts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

HEAD_BYTES_MAX = 8 * 1024
"""Of a head that is read here; below what the library takes for one line."""

HEADS_MAX = 2048
"""Blocks of fields that are remembered: browsers and caches send the same ones again and again."""
REMEMBERED_BYTES_MAX = 1024
"""Of one block; a longer one is read anew each time."""

_FIELDS = re.compile(rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e]*\r\n)*", re.ASCII)
_UNUSUAL = re.compile(
    rb"(?:^|\n)(?:content-length|transfer-encoding|range|if-range|expect|upgrade|http2-settings|trailer|te|"
    rb"sec-websocket-[a-z-]*|content-encoding):",
)
_READ = re.compile(rb"(?:^|\n)(host|accept|if-none-match|connection):[\t ]*([^\r]*)", re.IGNORECASE)

_LINES_MAX = 64


@dataclass(frozen=True, slots=True)
class Asked:
    """What a hit is answered by, besides its target."""

    host: str
    accept: str
    """All Accept fields, joined by commas."""
    if_none_match: str | None


class HeadReader:
    """Reads blocks of fields, and remembers the short ones."""

    def __init__(self) -> None:
        self._known: dict[bytes, Asked | None] = {}

    def read(self, block: bytes) -> Asked | None:
        """The fields between the request line and the empty line, each with its CRLF. None: not for here."""
        try:
            return self._known[block]
        except KeyError:
            pass
        asked = read_fields(block)
        if len(block) <= REMEMBERED_BYTES_MAX:
            if len(self._known) >= HEADS_MAX:
                self._known.clear()
            self._known[block] = asked
        return asked

    def clear(self) -> None:
        self._known.clear()


def read_fields(block: bytes) -> Asked | None:
    """See `HeadReader.read`."""
    if len(block) > HEAD_BYTES_MAX or block.count(b"\n") > _LINES_MAX or _FIELDS.fullmatch(block) is None:
        return None
    if _UNUSUAL.search(block.lower()) is not None:
        return None
    host: str | None = None
    tags: str | None = None
    accept: list[str] = []
    for name, raw in _READ.findall(block):
        value = raw.strip(b" \t").decode("ascii")
        match name.lower():
            case b"host":
                if host is not None:
                    return None
                host = value
            case b"accept":
                accept.append(value)
            case b"if-none-match":
                if tags is not None:
                    return None
                tags = value
            case _:
                if value.lower() != "keep-alive":
                    return None
    return None if not host else Asked(host=host, accept=",".join(accept), if_none_match=tags)


def ends_at_a_boundary(data: bytes) -> bool:
    """Does the library certainly stand between two messages when it has read this? Then the next may be looked at here."""
    if not data.startswith((b"GET ", b"HEAD ")) or not data.endswith(b"\r\n\r\n"):
        return False
    line_end = data.find(b"\r\n")
    block = data[line_end + 2 : -2]
    return line_end > 0 and block.find(b"\r\n\r\n") < 0 and read_fields(block) is not None
