"""Requests of every kind that a stack answers, in a fixed random order, each answer checked."""

from __future__ import annotations

import io
import json
import random
import secrets
from collections import Counter
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from PIL import Image

from benchmarks.measured import MeasuredStack as Stack
from tests.e2e.signer import PATH, PurgeCall

NAMES = 20
WIDTHS = 20
ACCEPTS = ("image/avif,image/webp,*/*;q=0.8", "image/webp,*/*;q=0.8", "*/*")
"""The three buckets of f_auto."""
SHARES = {
    "get": 50,
    "range": 10,
    "not_modified": 10,
    "head": 10,
    "disk": 5,
    "error": 8,
    "service": 4,
    "upload": 2,
    "purge": 1,
}
"""Kind -> percent."""


class Mix:
    """Ask `ask(count)`; `asked` counts what was asked of each kind."""

    def __init__(self, stack: Stack, *, seed: int = 1) -> None:
        self._stack = stack
        self._chance = random.Random(seed)
        self._uploader = stack.sdk().uploader
        self._keyid, self._key = self._new_key()
        self.asked: Counter[str] = Counter()
        for number in range(NAMES):
            self._put(number)

    def ask(self, count: int) -> None:
        kinds = self._chance.choices(list(SHARES), list(SHARES.values()), k=count)
        for kind in kinds:
            question: Callable[[], None] = getattr(self, f"_{kind}")
            question()
            self.asked[kind] += 1

    def _new_key(self) -> tuple[str, Ed25519PrivateKey]:
        file = self._stack.data.with_name("purge.pem")
        made = self._stack.run("key", "new", "--cloud", "demo", "--out", str(file), "--json")
        assert made.returncode == 0, made.stderr
        key = load_pem_private_key(file.read_bytes(), None)
        assert isinstance(key, Ed25519PrivateKey)
        return str(json.loads(made.stdout)["keyid"]), key

    def _put(self, number: int) -> None:
        body = io.BytesIO()
        color = tuple(self._chance.randrange(256) for _ in range(3))
        Image.new("RGB", (320, 200), color).save(body, "PNG")
        self._uploader.upload(io.BytesIO(body.getvalue()), public_id=f"mixed{number}", tags=[f"tag{number}"])

    def _path(self) -> tuple[str, dict[str, str]]:
        name, width = self._chance.randrange(NAMES), 100 + self._chance.randrange(WIDTHS)
        return f"/demo/image/upload/c_scale,w_{width},f_auto/v1/mixed{name}", {"Accept": self._chance.choice(ACCEPTS)}

    def _get(self) -> None:
        path, headers = self._path()
        reply = self._stack.get(path, **headers)
        assert reply.status == 200, (path, reply.headers)
        assert len(reply.body) == int(reply.headers["content-length"])

    def _range(self) -> None:
        path, headers = self._path()
        reply = self._stack.get(path, Range="bytes=10-19", **headers)
        assert (reply.status, len(reply.body)) == (206, 10), (path, reply.headers)

    def _not_modified(self) -> None:
        path, headers = self._path()
        etag = self._stack.get(path, **headers).headers["etag"]
        reply = self._stack.get(path, **headers, **{"If-None-Match": etag})
        assert (reply.status, reply.body) == (304, b""), (path, reply.headers)

    def _head(self) -> None:
        path, headers = self._path()
        reply = self._stack.request("HEAD", path, headers)
        assert (reply.status, reply.body) == (200, b""), (path, reply.headers)

    def _disk(self) -> None:
        """An original of its own size, which is another object than the renditions."""
        assert self._stack.get(f"/demo/image/upload/v1/mixed{self._chance.randrange(NAMES)}.png").status == 200

    def _error(self) -> None:
        path, status = self._chance.choice(
            [
                ("/demo/image/upload/w_x/v1/mixed1.png", 400),
                (f"/demo/image/upload/v1/nothing{self._chance.randrange(50)}", 404),
                ("/nowhere/image/upload/v1/mixed1.png", 404),
            ]
        )
        assert self._stack.get(path).status == status, path

    def _service(self) -> None:
        tier = self._chance.choice([self._stack.get, lambda path: self._stack.api("GET", path)])
        assert tier(self._chance.choice(["/healthz", "/readyz", "/metrics"])).status == 200

    def _upload(self) -> None:
        """Over an asset that is there: a version ends, its key goes, its copies go."""
        self._put(self._chance.randrange(NAMES))

    def _purge(self) -> None:
        number = self._chance.randrange(NAMES)
        target = self._chance.choice([{"public_id": f"mixed{number}"}, {"tag": f"tag{number}"}, {"everything": True}])
        call = PurgeCall(
            [target],
            authority=f"127.0.0.1:{self._stack.edge_port}",
            keyid=self._keyid,
            key=self._key,
            purge_id=secrets.token_hex(13),
        )
        headers, body = call.signed()
        reply = self._stack.request("POST", PATH, headers, body)
        assert reply.status == 200, reply.body
