"""What the serving side and its decoder processes say to each other, over an inherited pair of SOCK_SEQPACKET sockets.

    serving side                       zygote                       decoder process
        | -- b"fork" + socket end -----> | -- fork ------------------> |
        | <------------------------------------- Hello + its own pidfd |
        | -- Job + [source memfd, layer memfds, result memfd] -------> |
        | <------------------------------------------------------ Reply |

One message is one packet. Bodies travel in memfds: the source, the layers in the order of `RenderJob.layers`, the result. A message of the decoder process is never trusted: the
serving side checks its size, its types, the size of the body and the content type.
"""

from __future__ import annotations

import msgspec

from domicile.imaging.job import Done, Job, Refused, Wants
from domicile.media.layer import LAYERS_MAX

MESSAGE_BYTES_MAX = 64 * 1024
"""A job is a URL's worth of text, an outcome a screenful; both fit a socket's default buffer at once."""

BODIES_MAX = 2 + LAYERS_MAX
"""Descriptors that come with a job: the source, its layers, and where the result goes."""

FORK = b"fork"


class SandboxLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds that a decoder process puts on itself before it sees the first byte of anybody's media."""

    memory_bytes_max: int
    """Private writable memory on top of what the zygote preloaded (RLIMIT_DATA)."""
    cpu_seconds_max: int
    """Processor seconds of one job (RLIMIT_CPU, moved on before each)."""
    jobs_max: int
    result_bytes_max: int
    """Bytes that may be written to a file (RLIMIT_FSIZE), so to the result memfd."""
    niceness: int


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What a zygote is told when it starts, as JSON on its command line (nothing here is secret or personal)."""

    control: int
    """Number of the inherited socket."""
    handlers: str | None
    """Path of a Python file with `probe` and `render`, for tests; None for the real ones."""
    limits: SandboxLimits
    tells_features: bool = False


class Hello(msgspec.Struct, frozen=True, kw_only=True):
    """First message of a decoder process, sent when it has locked itself in."""

    pid: int
    layers: dict[str, bool]
    """Which layers of the sandbox hold: see `domicile.imaging.sandbox`."""
    features: dict[str, object] | None = None
    """What `domicile.imaging.features` says, where the zygote was told to: it has loaded all of it."""


class Broken(msgspec.Struct, frozen=True, kw_only=True, tag="broken"):
    """A handler raised: out of memory, or a bug that this input found. Holds no text of the error, it may quote data."""

    error: str
    """Class name of the exception."""
    where: str
    """file.py:line of the innermost frame of ours."""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one job."""

    outcome: Done | Refused | Wants | Broken
    body_bytes: int = 0
    resident_bytes: int = 0
    """Most memory that the process ever held, by its own account (ru_maxrss)."""


encode = msgspec.msgpack.Encoder().encode
decode_job = msgspec.msgpack.Decoder(Job).decode
decode_hello = msgspec.msgpack.Decoder(Hello).decode
decode_reply = msgspec.msgpack.Decoder(Reply).decode
