"""The plainest upload there is: a handler on aiohttp that writes the file, syncs it and its directory, and answers.

    python -m benchmarks.peer_upload DIRECTORY      # prints its port

It checks nothing, decodes nothing, seals nothing and has no catalogue.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from pathlib import Path

import uvloop
from aiohttp import web

BODY_BYTES_MAX = 8 * 1024 * 1024


def write(directory: Path, body: bytes) -> None:
    made, final = directory / f".{secrets.token_hex(8)}", directory / secrets.token_hex(16)
    handle = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, body)
        os.fsync(handle)
    finally:
        os.close(handle)
    made.rename(final)
    place = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)


async def serve(directory: Path) -> None:
    async def upload(request: web.Request) -> web.Response:
        async for part in await request.multipart():
            if part.name == "file":
                body = bytes(await part.read())
                await asyncio.to_thread(write, directory, body)
                return web.json_response({"bytes": len(body)})
        return web.Response(status=400)

    app = web.Application(client_max_size=BODY_BYTES_MAX)
    app.router.add_post("/upload", upload)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(Path(sys.argv[1])))
