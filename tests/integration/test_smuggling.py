"""The corpora of tests/data over raw sockets: both listeners read each request as one thing alone, also behind nginx."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.infra.assets import Cached, Seen, cached, response
from tests.infra.ports import free_port
from tests.unit.edge.rig import Rig

DATA = Path(__file__).parents[1] / "data"
REQUESTS: list[dict[str, str]] = tomllib.loads((DATA / "smuggling.toml").read_text("utf-8"))["requests"]
CLASSES: list[dict[str, Any]] = tomllib.loads((DATA / "canonical.toml").read_text("utf-8"))["classes"]
UP = "/demo/image/upload"
PATH = f"{UP}/w_10/dir/pic.png"
HONEST = "/honest"
SECONDS_MAX = 5.0
ANSWERS = {"refused": 1, "last": 1, "one": 2, "two": 3}
"""With that to the honest request, where it is read."""

pytestmark = pytest.mark.timeout(60)


async def say(port: int, said: bytes) -> tuple[list[int], bytes]:
    """The final statuses of all answers until the connection ends, and everything that came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    heard = bytearray()
    try:
        writer.write(said)
        async with asyncio.timeout(SECONDS_MAX):
            with contextlib.suppress(ConnectionError):
                while piece := await reader.read(65536):
                    heard += piece
    finally:
        writer.close()
    found = re.findall(rb"HTTP/1\.[01] (\d{3}) ", heard)
    return [int(status) for status in found if status >= b"200"], bytes(heard)


def honest(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()


def said_of(row: dict[str, str], path: str) -> bytes:
    return row["text"].replace("{path}", path).encode("latin-1")


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with Rig.open(tmp_path / "node") as opened:
        opened.origin.upload("dir/pic", b"one")
        for _ in range(3):  # and now it is hot
            assert (await opened.get(PATH)).status == 200
        yield opened


@pytest.fixture
async def assets(tmp_path: Path) -> AsyncIterator[Cached]:
    async with cached(tmp_path / "assets") as opened:
        opened.origin.script = tell_target
        yield opened


async def tell_target(seen: Seen, writer: asyncio.StreamWriter) -> None:
    body = b"" if seen.method == "HEAD" else seen.target.encode("latin-1")
    writer.write(response(body, cache_control="max-age=60"))


def test_the_corpora_hold_every_outcome() -> None:
    assert {row["outcome"] for row in REQUESTS} == set(ANSWERS)
    assert len({row["name"] for row in REQUESTS}) == len(REQUESTS) > 70
    assert {each["media"] for each in CLASSES} == {"refused", "absent", "same"}
    assert sum(len(each["targets"]) for each in CLASSES) > 50


async def test_the_media_listener_reads_each_request_as_it_is(rig: Rig) -> None:
    wrong, resolves = {}, rig.origin.resolves
    for row in REQUESTS:
        statuses, heard = await say(rig.port, said_of(row, PATH) + honest(PATH))
        is_right = len(statuses) == ANSWERS[row["outcome"]] and b"smuggled" not in heard
        if row["outcome"] == "refused":
            is_right = is_right and statuses == [400] and b"Content-Length: 0\r\n" in heard
        elif row["outcome"] != "last":
            is_right = is_right and statuses[-1] == 200
        if not is_right:
            wrong[row["name"]] = statuses
    assert wrong == {}
    assert rig.origin.resolves == resolves


async def test_the_passthrough_sends_on_what_it_reads_and_nothing_else(assets: Cached) -> None:
    wrong = {}
    for number, row in enumerate(REQUESTS):
        assets.origin.seen.clear()
        path = f"/{number}"
        statuses, _ = await say(assets.port, said_of(row, path) + honest(HONEST))
        seen = [one.target for one in assets.origin.seen if one.target != HONEST]
        meant = [] if row["outcome"] == "refused" else [path]  # the second of two is answered from the store
        if len(statuses) != ANSWERS[row["outcome"]] or seen != meant or (not meant and statuses != [400]):
            wrong[row["name"]] = (statuses, seen)
    assert wrong == {}


async def test_a_path_of_the_media_listener_means_one_thing(rig: Rig) -> None:
    wrong: dict[str, object] = {}
    made = rig.pool.renders
    for each in CLASSES:
        for target in each["targets"]:
            statuses, heard = await say(rig.port, honest_to(target))
            is_known = (
                (each["media"] == "refused" and statuses == [400])
                or (each["media"] == "absent" and statuses == [404])
                or (
                    each["media"] == "same"
                    and statuses == [200]
                    and b"; hit;" in heard
                    and heard.endswith(b"one|w_10|")
                )
            )
            if not is_known or (statuses == [200] and b"Content-Type: image/png\r\n" not in heard):
                wrong[target] = statuses
            if statuses != [200] and not (b"no-store" in heard and b"nosniff" in heard):
                wrong[target] = "may be kept"
    assert wrong == {}
    assert rig.pool.renders == made


async def test_a_path_of_the_passthrough_is_handed_on_and_kept_byte_for_byte(assets: Cached) -> None:
    wrong = {}
    for each in CLASSES:
        for target in each["targets"]:
            assets.origin.seen.clear()
            told = [await say(assets.port, honest_to(target)) for _ in range(2)]
            raw = target.replace("{up}", UP).encode("latin-1")
            seen = [one.target.encode("latin-1") for one in assets.origin.seen]
            is_right = (
                (
                    each["passthrough"] == "refused"
                    and seen == []
                    and [statuses for statuses, _ in told] == [[400], [400]]
                )
                if each["passthrough"] == "refused"
                else seen == [raw] and all(heard.endswith(b"\r\n\r\n" + raw) for _, heard in told)
            )
            if not is_right:
                wrong[target] = seen
    assert wrong == {}


def honest_to(target: str) -> bytes:
    return b"GET %b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % target.replace("{up}", UP).encode("latin-1")


# --- behind nginx ----------------------------------------------------------------------------------------------------

NGINX = """
daemon off; master_process off; worker_processes 1; error_log stderr crit; pid {directory}/pid;
events {{ worker_connections 64; }}
http {{
    access_log off; client_body_temp_path {directory}/b; proxy_temp_path {directory}/p; fastcgi_temp_path {directory}/f;
    uwsgi_temp_path {directory}/u; scgi_temp_path {directory}/s;
    upstream edge {{ server 127.0.0.1:{edge}; keepalive 1; }}
    server {{
        listen 127.0.0.1:{port};
        underscores_in_headers on; ignore_invalid_headers off; merge_slashes off;
        location / {{
            proxy_pass http://edge; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host x;
            proxy_request_buffering off; proxy_next_upstream off;
        }}
    }}
}}
"""


@asynccontextmanager
async def behind_nginx(directory: Path, edge_port: int) -> AsyncIterator[int]:
    """The port of an nginx that forgives what it can, and has one connection to the edge for all of its viewers."""
    binary = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if binary is None:
        pytest.skip("nginx is not installed: apt-get install nginx-light")
    port = free_port()
    config = directory / "nginx.conf"
    config.write_text(NGINX.format(directory=directory, edge=edge_port, port=port), "utf-8")
    process = await asyncio.create_subprocess_exec(binary, "-c", str(config), "-p", str(directory), "-e", "stderr")
    try:
        async with asyncio.timeout(SECONDS_MAX):
            while True:
                with contextlib.suppress(ConnectionRefusedError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                await asyncio.sleep(0.02)
        yield port
    finally:
        process.terminate()
        await process.wait()


async def test_behind_nginx_nobody_gets_the_answer_to_what_another_has_smuggled(assets: Cached, tmp_path: Path) -> None:
    async with behind_nginx(tmp_path, assets.port) as port:
        wrong = {}
        for number, row in enumerate(REQUESTS):
            assets.origin.seen.clear()
            path, victim = f"/{number}", f"/victim/{number}"
            with contextlib.suppress(TimeoutError):  # nginx waits for the rest of a body that does not come
                await say(port, said_of(row, path) + honest(HONEST))
            statuses, heard = await say(port, honest(victim))
            seen = {one.target for one in assets.origin.seen}
            if (
                statuses != [200]
                or not heard.endswith(b"\r\n\r\n" + victim.encode())
                or not seen <= {path, victim, HONEST}
            ):
                wrong[row["name"]] = (statuses, seen)
        assert wrong == {}


async def test_behind_nginx_a_picture_is_a_picture(rig: Rig, tmp_path: Path) -> None:
    async with behind_nginx(tmp_path, rig.port) as port:
        wrong = {}
        for row in REQUESTS:
            with contextlib.suppress(TimeoutError):
                await say(port, said_of(row, PATH) + honest(HONEST))
            statuses, heard = await say(port, honest(PATH))
            if statuses != [200] or not heard.endswith(b"one|w_10|"):
                wrong[row["name"]] = statuses
        assert wrong == {}
