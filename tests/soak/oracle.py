"""What an edge may answer while it is killed, overwritten and purged: a pure judge, and the pictures it can read.

Every upload is a picture that says which asset and which version it is: its left half has one colour, (asset, version high
byte, version low byte), and its right half is noise, so that a body is some kilobytes of PNG whose checksums must hold. An
answer is wrong when it is torn, of another asset, older than the last version whose purge was acknowledged before the
question was asked, or newer than anything that was ever sent. A refusal (503) or a connection that breaks is not wrong:
nothing was said.
"""

from __future__ import annotations

import io
import random
import threading
from collections import Counter
from dataclasses import dataclass, field

from PIL import Image

ASSETS_MAX = 250
SIDE_PIXELS = 160
HEIGHT_PIXELS = 100
LOOK_AT = (8, 8)
"""Far enough from the edge of the colour for any resampling."""


class Wrong(AssertionError):
    """An answer that must never be given."""


def drawn(asset: int, version: int) -> bytes:
    """The PNG of this version of this asset."""
    if not 0 <= asset < ASSETS_MAX or not 0 <= version < 2**16:
        raise ValueError("cannot be told by a colour")
    half = SIDE_PIXELS // 2
    image = Image.new("RGB", (SIDE_PIXELS, HEIGHT_PIXELS), (asset, version >> 8, version & 255))
    noise = random.Random(f"{asset}/{version}").randbytes(half * HEIGHT_PIXELS * 3)
    image.paste(Image.frombytes("RGB", (half, HEIGHT_PIXELS), noise), (half, 0))
    body = io.BytesIO()
    image.save(body, "PNG", compress_level=1)
    return body.getvalue()


def read(body: bytes) -> tuple[int, int]:
    """(asset, version) of a rendition. Raises Wrong when it is not a whole picture."""
    try:
        image = Image.open(io.BytesIO(body))
        image.load()
        found = image.convert("RGB").getpixel(LOOK_AT)
    except (OSError, SyntaxError, ValueError) as torn:
        raise Wrong(f"torn: {len(body)} bytes that are no picture ({torn})") from torn
    assert isinstance(found, tuple)
    return int(found[0]), int(found[1]) * 256 + int(found[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What a question about one asset may be answered with."""

    asset: int
    oldest: int
    """The newest version that was acknowledged before the question was asked."""
    newest: int
    """The newest that was sent by the time the answer was there."""


def judge(window: Window, status: int, body: bytes) -> str:
    """What kind of answer it was: "refused", or "current" or "older" than the newest. Raises Wrong."""
    if status == 503:
        if body:
            raise Wrong(f"a refusal with {len(body)} bytes")
        return "refused"
    if status != 200:
        raise Wrong(f"status {status}")
    asset, version = read(body)
    if asset != window.asset:
        raise Wrong(f"asset {asset} in the place of {window.asset}")
    if version < window.oldest:
        raise Wrong(f"version {version} of asset {asset} after {window.oldest} was acknowledged")
    if version > window.newest:
        raise Wrong(f"version {version} of asset {asset}, and {window.newest} is the newest that was sent")
    return "current" if version == window.newest else "older"


@dataclass(slots=True)
class Oracle:
    """What is known of every asset, for many threads."""

    assets: int
    outcomes: Counter[str] = field(default_factory=Counter)
    _sent: dict[int, int] = field(default_factory=dict)
    _acknowledged: dict[int, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def sending(self, asset: int) -> int:
        """The next version, which may be seen from now on."""
        with self._lock:
            self._sent[asset] = self._sent.get(asset, -1) + 1
            return self._sent[asset]

    def acknowledged(self, asset: int, version: int) -> None:
        with self._lock:
            self._acknowledged[asset] = max(version, self._acknowledged.get(asset, 0))

    def oldest(self, asset: int) -> int:
        """To be asked before the question."""
        with self._lock:
            return self._acknowledged.get(asset, 0)

    def check(self, asset: int, oldest: int, status: int, body: bytes) -> str:
        """To be asked after the answer. Raises Wrong."""
        with self._lock:
            newest = self._sent[asset]
        outcome = judge(Window(asset=asset, oldest=oldest, newest=newest), status, body)
        self.note(outcome)
        return outcome

    def note(self, outcome: str) -> None:
        with self._lock:
            self.outcomes[outcome] += 1
