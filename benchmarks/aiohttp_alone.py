"""A server of a few bodies from memory, with aiohttp and nothing else: a peer of `hits`, and the origin behind its caches.

    python -m benchmarks.aiohttp_alone PORT DIRECTORY

DIRECTORY has `bodies.json`, a list of {"path", "file", "fields"}. A query changes nothing about the answer, so that a cache
can be made to miss. `/-/count` tells how many bodies were asked for.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import uvloop
from aiohttp import web

LIST, COUNT = "bodies.json", "/-/count"
NOT_PASSED_ON = frozenset(
    {
        "age", "cache-control", "cache-status", "cdn-cache-control", "connection", "content-length", "date", "expires",
        "keep-alive", "server-timing", "surrogate-control", "transfer-encoding", "vary",
    }
)  # fmt: skip
"""What a server says for itself, and what keeps general caches from simply answering: they are given an hour."""
FRESH = "public, max-age=3600"


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    path: str
    fields: dict[str, str]
    file: str


def fields_for_peers(fields: dict[str, str]) -> dict[str, str]:
    """What peers say with the same body: our own fields, but for those in which a server speaks of itself."""
    return {name: value for name, value in fields.items() if name.lower() not in NOT_PASSED_ON} | {
        "cache-control": FRESH
    }


def write(directory: Path, bodies: dict[str, tuple[dict[str, str], bytes]]) -> None:
    """`bodies`: path -> fields and bytes."""
    directory.mkdir(parents=True)
    listed = []
    for number, (path, (fields, body)) in enumerate(bodies.items()):
        (directory / str(number)).write_bytes(body)
        listed.append(asdict(Body(path=path, fields=fields_for_peers(fields), file=str(number))))
    (directory / LIST).write_text(json.dumps(listed), "utf-8")


def application(directory: Path) -> web.Application:
    listed = [Body(**each) for each in json.loads((directory / LIST).read_text("utf-8"))]
    bodies = {each.path: (each.fields, (directory / each.file).read_bytes()) for each in listed}
    asked = 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        fields, body = bodies[request.path]
        return web.Response(body=body, headers=fields)

    async def count(request: web.Request) -> web.Response:
        return web.Response(text=str(asked))

    app = web.Application()
    app.router.add_get(COUNT, count)
    for path in bodies:
        app.router.add_get(path, answer)
    return app


async def serve(port: int, directory: Path) -> None:
    runner = web.AppRunner(application(directory), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, reuse_port=True).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
