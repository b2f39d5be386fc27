"""What the API costs: uploads a second on both databases beside a plain handler that writes and syncs, and how long listings
and a search take, and a start, with 10,000 assets and with a million.

Uploads are the same JPEG of about 200 KB under names of their own, over connections that stay open. Ours are checked, decoded,
sealed, named in the catalogue and mirrored before they are answered; the peer writes and syncs the file.

Listings are asked of an origin process whose catalogue was filled row by row as uploads fill it (keys, sealed records,
labels), without originals and without HTTP.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import http.client
import io
import json
import random
import statistics
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
from PIL import Image

from domicile.media.asset import Aid, AssetId, AssetName
from domicile.media.facts import SourceFacts
from origin.records import Records, RecordsSettings
from origin.records.types import AssetRecord
from tests.infra import filled, postgres
from tests.integration.origin_process import OriginProcess

CLOUD = "demo"
JPEG_BYTES = 200_000
UPLOAD_SECONDS = 4.0
ROUNDS = 3
CONNECTIONS = (1, 8)
SIZES = (10_000, 1_000_000)
ROWS_PER_STEP = 10_000
ASKED = 60
FOLDERS, TAGS = 1000, 500
START_SECONDS_MAX = 1800.0
INDEX_LOOK_SECONDS = 0.05
BOUNDARY = "bench-boundary"
JSON = {"Content-Type": "application/json"}
WHAT = {
    "list": "/resources/image/upload?max_results=100",
    "prefix": "/resources/image/upload?max_results=100&prefix=folder7/",
    "tag": "/resources/image/tags/tag7?max_results=100",
    "resource": "/resources/image/upload/folder7/asset-0000007",
    "search": "/resources/search",
}
SEARCH = json.dumps({"expression": "tags=tag7 AND format:jpg", "max_results": 100}).encode()


def measure(work: Path, *, scale: float = 1.0) -> dict[str, list[dict[str, Any]]]:
    sizes = [max(1000, int(size * scale)) for size in SIZES]
    with postgres.running(quick=False) as server:
        tables = {"api uploads": uploads(work, server, scale=scale), "api listings": []}
        for size in sizes:
            for kind in postgres.DATABASES:
                tables["api listings"] += listings(work, server, kind, size)
    return tables


# --- uploads --------------------------------------------------------------------------------------------------------


def jpeg() -> bytes:
    """A picture with noise, of about JPEG_BYTES."""
    image = Image.effect_noise((1024, 768), 40).convert("RGB").resize((1280, 960))
    bodies = []
    for quality in range(30, 96, 5):
        body = io.BytesIO()
        image.save(body, "JPEG", quality=quality)
        bodies.append(body.getvalue())
    return min(bodies, key=lambda body: abs(len(body) - JPEG_BYTES))


@contextlib.contextmanager
def peer(directory: Path) -> Iterator[int]:
    directory.mkdir()
    command = [sys.executable, "-m", "benchmarks.peer_upload", str(directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


@contextlib.contextmanager
def origin_on(work: Path, rows: postgres.Rows | None, name: str) -> Iterator[OriginProcess]:
    """`DOMICILE_ORIGIN_ADMIN_CALLS_MAX`: the hour's quota is not what is measured."""
    directory = work / name
    directory.mkdir(exist_ok=True)
    environment = {"DOMICILE_ORIGIN_ADMIN_CALLS_MAX": "1000000", **(rows.environment if rows else {})}
    origin = OriginProcess(directory, environment)
    origin.start(START_SECONDS_MAX)
    try:
        yield origin
    finally:
        origin.stop()


def authorization(origin: OriginProcess) -> dict[str, str]:
    key, secret = origin.credentials
    return {"Authorization": "Basic " + base64.b64encode(f"{key}:{secret}".encode()).decode()}


def rate(port: int, path: str, headers: dict[str, str], body: bytes, *, connections: int, seconds: float) -> float:
    """Uploads a second that were answered 200; another answer is an error."""
    until, done, failed = time.monotonic() + seconds, [0] * connections, list[str]()

    def run(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while time.monotonic() < until:
            connection.request("POST", path, body, headers)
            response = connection.getresponse()
            said = response.read()
            if response.status != 200:
                failed.append(f"{response.status} {said[:200]!r}")
                return
            done[number] += 1

    threads = [threading.Thread(target=run, args=(number,)) for number in range(connections)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise RuntimeError(failed[0])
    return sum(done) / (time.monotonic() - began)


def uploads(work: Path, server: postgres.Server, *, scale: float = 1.0) -> list[dict[str, Any]]:
    picture = jpeg()
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'.encode()
    body = head + picture + f"\r\n--{BOUNDARY}--\r\n".encode()
    kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    seconds = max(0.5, UPLOAD_SECONDS * scale)
    rows = []
    with contextlib.ExitStack() as stack:
        plain = stack.enter_context(peer(work / "peer"))
        at = postgres.Rows(server=server, url=server.database())
        ours = {
            "SQLite": stack.enter_context(origin_on(work, None, "sqlite")),
            "PostgreSQL": stack.enter_context(origin_on(work, at, "postgres")),
        }
        for connections in CONNECTIONS:
            runs: dict[str, list[float]] = {"peer": [], **{name: [] for name in ours}}
            for turn in range(ROUNDS + 1):  # the first does not count
                found = {"peer": rate(plain, "/upload", kind, body, connections=connections, seconds=seconds)}
                for name, origin in ours.items():
                    headers = kind | authorization(origin)
                    path = f"/v1_1/{CLOUD}/image/upload"
                    found[name] = rate(origin.port, path, headers, body, connections=connections, seconds=seconds)
                for name, value in found.items() if turn else ():
                    runs[name].append(value)
            for name in ours:
                ratios = [mine / theirs for mine, theirs in zip(runs[name], runs["peer"], strict=True)]
                rows.append(
                    {
                        "what": f"{name}, {connections} at once",
                        "picture_bytes": len(picture),
                        "uploads_per_second": statistics.median(runs[name]),
                        "peer": "aiohttp alone: write, fsync, rename, fsync",
                        "peer_per_second": statistics.median(runs["peer"]),
                        "ratio": statistics.median(ratios),
                        "ratio_min": min(ratios),
                        "ratio_max": max(ratios),
                    }
                )
    return rows


# --- listings -------------------------------------------------------------------------------------------------------


def record_of(number: int, chance: random.Random) -> AssetRecord:
    facts = SourceFacts(
        format="jpg", width=1280, height=960, frames=1, has_alpha=False, orientation=1, body_bytes=JPEG_BYTES,
        md5=f"{chance.getrandbits(128):032x}",
    )  # fmt: skip
    public_id = f"folder{number % FOLDERS}/asset-{number:07d}"
    return AssetRecord(
        asset_id=AssetId(f"{chance.getrandbits(128):032x}"),
        aid=Aid(f"{chance.getrandbits(128):032x}"),
        name=AssetName(cloud=CLOUD, resource_type="image", delivery_type="upload", public_id=public_id),
        version=1_700_000_000 + number,
        facts=facts,
        tags=(f"tag{number % TAGS}",),
        context={"alt": "a picture"},
        folder="",
        original_filename="a",
        created_at=1_700_000_000.0 + number,
    )


async def fill(settings: RecordsSettings, count: int) -> None:
    """Keys, names, versions and labels of `count` assets, as uploads write them."""
    chance = random.Random(count)
    async with Records.open(settings) as records:
        for start in range(0, count, ROWS_PER_STEP):
            step = [record_of(number, chance) for number in range(start, min(start + ROWS_PER_STEP, count))]
            await filled.fill(records, step, chance)
        await filled.settle(records)


def index_seconds(origin: OriginProcess, began: float) -> float:
    """How long until the search index has everything."""
    while origin.request("GET", "/readyz").json()["checks"]["search"] != "ok":
        if time.monotonic() - began > START_SECONDS_MAX:
            raise RuntimeError("the search index is not built")
        time.sleep(INDEX_LOOK_SECONDS)
    return time.monotonic() - began


def listings(work: Path, server: postgres.Server, kind: str, count: int) -> list[dict[str, Any]]:
    rows = postgres.Rows(server=server, url=server.database()) if kind == "postgres" else None
    name = f"{kind}-{count}"
    with origin_on(work, rows, name):
        pass  # makes the cloud
    settings = RecordsSettings(data=work / name / "data", database_url=rows.url if rows else "")
    asyncio.run(fill(settings, count))
    began = time.monotonic()
    with origin_on(work, rows, name) as origin:
        started = time.monotonic() - began
        assert origin.process is not None
        indexed = index_seconds(origin, began)
        resident = psutil.Process(origin.process.pid).memory_info().rss / 1e6
        told = {
            "what": f"{kind}, {count} assets", "start_seconds": started, "index_seconds": indexed, "resident_mb": resident,
        }  # fmt: skip
        connection = http.client.HTTPConnection("127.0.0.1", origin.port, timeout=600)
        headers = authorization(origin)
        for what, path in WHAT.items():
            times, shown = [], 0
            method, asked, kind_of = ("POST", SEARCH, JSON) if what == "search" else ("GET", None, {})
            for _ in range(ASKED):
                before = time.perf_counter()
                target = f"/v1_1/{CLOUD}" + urllib.parse.quote(path, safe="/?&=")
                connection.request(method, target, asked, headers | kind_of)
                response = connection.getresponse()
                body = response.read()
                times.append((time.perf_counter() - before) * 1e3)
                if response.status != 200:
                    raise RuntimeError(f"{what}: {response.status} {body[:200]!r}")
                shown = len(body)
            told |= {f"{what}_p50_ms": statistics.median(times), f"{what}_p99_ms": sorted(times)[int(ASKED * 0.99)]}
            assert shown > 100, what
        connection.close()
    return [told]
