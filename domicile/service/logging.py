"""Logs: one JSON object a line on stderr, with nothing personal in it.

Rules of the file, held by the last processors and not by discipline alone:
- a field whose name is on FORBIDDEN_FIELDS, or a value wrapped in Personal, never reaches a line: the field is dropped
  and its name listed under "withheld" (in strict mode, which tests use, it raises ForbiddenField instead);
- an exception is logged as its types and places, never with its message: messages quote paths, names and rows;
- lines of libraries keep their logger's name and constant template, never the text they were filled with;
- of one event only so many lines a second are written, the others are counted (domicile.service.log_flood);
- aiohttp's access log is off, and what it says about requests that it cannot parse (it quotes them) is dropped.

Event names are constant snake_case nouns: log.info("lease_renewed", tenants=3). To name an asset, log its aid or a keyed
hash (domicile.media.keys.name_hash).
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
import traceback
from collections.abc import Mapping, MutableMapping
from types import TracebackType
from typing import Any, Final, TextIO

from domicile.service.loading import without
from domicile.service.log_flood import LINES_PER_SECOND_MAX, Flood

with without("rich"):  # for tracebacks in colour, which nobody sees: a tenth of what a process loads
    import structlog

EVENT: Final = re.compile(r"[a-z][a-z0-9_]{1,63}")
"""What an event may look like: a constant noun, so that nothing can be formatted into it."""

TEXT_CHARACTERS_MAX = 500
"""A longer value is cut."""

FRAMES_MAX = 12
CAUSES_MAX = 5

FORBIDDEN_FIELDS: Final = frozenset(
    """
    public_id public_ids path raw_path url urls uri href query query_string referer referrer user_agent headers header
    cookie cookies authorization body ip ips address remote remote_addr peer peername client client_ip forwarded
    x_forwarded_for filename file file_name original_filename display_name folder prefix prefixes tag tags context
    metadata caption alt email user username name names secret api_secret password token signature key private_key
    """.split()
)

QUIET_LOGGERS: Final = ("aiohttp.access", "aiohttp.web", "PIL", "asyncio.slow")
UNREADABLE_REQUESTS: Final = re.compile(
    r"BadStatusLine|BadHttpMessage|BadHttpMethod|LineTooLong|InvalidHeader|TransferEncodingError|ContentLengthError"
    r"|ContentEncodingError|PayloadEncodingError|InvalidURLError|ConnectionResetError|BrokenPipeError"
)
"""Types of what a hostile or vanished client causes: an outcome counted by metrics, not an error of ours."""

Event = MutableMapping[str, Any]


class ForbiddenField(ValueError):
    """Strict mode: a log call carries a field that may hold personal data. The text names the field."""


class Personal:
    """A value that must not be shown. Its text is a placeholder; `reveal()` is how code gets at it on purpose."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __str__(self) -> str:
        return "[personal]"

    __repr__ = __str__

    def __format__(self, spec: str) -> str:
        return str(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Personal) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a Personal value does not leave the process")


def _holds_personal(value: object) -> bool:
    match value:
        case Personal():
            return True
        case Mapping():
            return any(str(key).lower() in FORBIDDEN_FIELDS or _holds_personal(item) for key, item in value.items())
        case list() | tuple() | set() | frozenset():
            return any(_holds_personal(item) for item in value)
        case _:
            return False


def withhold(*, strict: bool) -> structlog.typing.Processor:
    """The processor that keeps forbidden fields out; see the rules of the file."""

    def processor(_logger: Any, _method: str, event: Event) -> Event:
        held = [name for name, value in event.items() if name.lower() in FORBIDDEN_FIELDS or _holds_personal(value)]
        if not EVENT.fullmatch(str(event.get("event", ""))):
            held.append("event")
        if held and strict:
            raise ForbiddenField(f"a log line may not carry {', '.join(sorted(held))}")
        for name in held:
            del event[name]
        if held:
            event["withheld"] = sorted(held)
            event.setdefault("event", "event_withheld")
        return event

    return processor


def shape_of(error: BaseException) -> list[dict[str, Any]]:
    """An exception and its causes as types and places: [{"type": "KeyError", "at": ["lookup.py:41 find"]}]."""
    shapes: list[dict[str, Any]] = []
    current: BaseException | None = error
    while current is not None and len(shapes) < CAUSES_MAX:
        frames = traceback.extract_tb(current.__traceback__)[-FRAMES_MAX:]
        places = [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in frames]
        shape: dict[str, Any] = {"type": type(current).__name__, "at": places}
        if isinstance(current, OSError) and current.errno is not None:
            shape["errno"] = current.errno
        if isinstance(current, BaseExceptionGroup):
            shape["of"] = [type(inner).__name__ for inner in current.exceptions[:CAUSES_MAX]]
        shapes.append(shape)
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return shapes


def _error_of(given: Any) -> BaseException | None:
    match given:
        case BaseException():
            return given
        case (_, BaseException() as error, TracebackType() | None):
            return error
        case None | False | (None, None, None):
            return None
        case _:
            return sys.exc_info()[1]


def render_exception(_logger: Any, _method: str, event: Event) -> Event:
    """Replace exc_info by types and places."""
    error = _error_of(event.pop("exc_info", None))
    event.pop("stack_info", None)
    if error is not None:
        event["exception"] = shape_of(error)
    return event


def hold_back(flood: Flood) -> structlog.typing.Processor:
    """The processor that drops what is too much of one event."""

    def processor(_logger: Any, _method: str, event: Event) -> Event:
        withheld = flood.admit(str(event["event"]))
        if withheld is None:
            raise structlog.DropEvent
        if withheld:
            event["withheld_lines"] = withheld
        return event

    return processor


def _shorten(_logger: Any, _method: str, event: Event) -> Event:
    for name, value in event.items():
        if isinstance(value, str) and len(value) > TEXT_CHARACTERS_MAX:
            event[name] = value[:TEXT_CHARACTERS_MAX] + "…"
    return event


def render_json(_logger: Any, _method: str, event: Event) -> str:
    """One line; a value that JSON does not know is named by its type, never by its repr."""
    return json.dumps(event, default=lambda value: f"[{type(value).__name__}]", ensure_ascii=False)


class LibraryHandler(logging.Handler):
    """Lines of libraries (stdlib logging): logger, constant template and the shape of the exception. Nothing else."""

    def __init__(self, stream: TextIO, tier: str, flood: Flood) -> None:
        super().__init__(logging.WARNING)
        self._stream = stream
        self._flood = flood
        self._tier = tier

    def emit(self, record: logging.LogRecord) -> None:
        error = _error_of(record.exc_info)
        if error is not None and UNREADABLE_REQUESTS.search(type(error).__name__):
            return
        at = f"{record.module}:{record.lineno}"
        withheld = self._flood.admit(at)
        if withheld is None:
            return
        line: dict[str, Any] = {"event": "library_log", "tier": self._tier, "level": record.levelname.lower()}
        line["logger"] = record.name
        line["at"] = at
        if withheld:
            line["withheld_lines"] = withheld
        if record.args and isinstance(record.msg, str):  # the template is a constant of the library; its values are not
            line["template"] = record.msg[:TEXT_CHARACTERS_MAX]
        if error is not None:
            line["exception"] = shape_of(error)
        stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
        self._stream.write(render_json(None, "", stamp(None, "", line)) + "\n")
        self._stream.flush()


def configure(
    tier: str,
    *,
    level: str = "info",
    stream: TextIO | None = None,
    strict: bool = False,
    lines_per_second_max: int = LINES_PER_SECOND_MAX,
) -> Flood:
    """Set up logging of this process; call once, first thing. Returns what counts the lines that are too many.

    `tier` names the process ("edge", "edge-agent", "origin"). `strict` raises on forbidden fields: for tests.
    """
    output = stream if stream is not None else sys.stderr
    flood = Flood(lines_per_second_max=lines_per_second_max, clock=time.monotonic)

    def name_tier(_logger: Any, _method: str, event: Event) -> Event:
        return {"event": event.pop("event"), "tier": tier, **event}

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            render_exception,
            withhold(strict=strict),
            hold_back(flood),
            _shorten,
            name_tier,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            render_json,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=output),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    for handler in list(root.handlers):
        if isinstance(handler, LibraryHandler):
            root.removeHandler(handler)
    root.addHandler(LibraryHandler(output, tier, flood))
    root.setLevel(logging.WARNING)
    for quiet in QUIET_LOGGERS:
        logging.getLogger(quiet).setLevel(logging.CRITICAL + 1)
    return flood


def get() -> structlog.typing.FilteringBoundLogger:
    """A logger; modules call this once: `log = logging.get()`. Lazy: it follows a later `configure`."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return logger
