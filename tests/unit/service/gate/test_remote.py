"""The way to pictures elsewhere, against a real server on loopback; only names are answered by the test."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from domicile.media.errors import LimitExceeded, Overloaded, RemoteFailed, RemoteGone
from domicile.media.policy import Activity, Permit, Place, decide
from domicile.media.policy_file import from_mapping
from domicile.media.remote import read_address
from domicile.service.gate.remote import RemoteClient, RemoteLimits, Unlisted, authorities
from tests.infra.elsewhere import running_elsewhere

PICTURE = b"\x89PNG" + bytes(1000)
HOSTS = ("pictures.test:{port}", "other.test:{port}", "127.0.0.1:{port}", "[::1]:{port}")
LOOPBACK: list[tuple[int, str]] = [(socket.AF_INET, "127.0.0.1")]


def permit(activity: Activity = Activity.INGRESS_FETCH) -> Permit:
    policy = from_mapping({"tenant": "acme", "zones": {str(activity): ["eu"]}}, home="eu-de")
    given = decide(policy, activity, Place(name="origin", region="eu-de"), at=0.0)
    assert isinstance(given, Permit)
    return given


@dataclass
class Elsewhere:
    """A server, what it was asked, and how often somebody connected."""

    port: int = 0
    asked: list[web.BaseRequest] = field(default_factory=list)
    connections: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def address(self, path: str, host: str = "pictures.test") -> str:
        return f"http://{host}:{self.port}{path}"

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.append(request)
        path, _, query = request.path_qs[1:].partition("?")
        match path:
            case "to":
                return web.Response(status=302, headers={"Location": query, "Set-Cookie": "a=b"})
            case "loop":
                return web.Response(status=302, headers={"Location": "/loop"})
            case "zipped":
                return web.Response(body=PICTURE, headers={"Content-Encoding": "gzip"})
            case "status":
                return web.Response(status=int(query), reason="<b>injected</b>")
            case "empty":
                return web.Response()
            case "slow":
                response = web.StreamResponse()
                await response.prepare(request)
                await response.write(b"x")
                await self.over.wait()
                return response
            case "mute":
                await self.over.wait()
                return web.Response()
            case "endless":
                response = web.StreamResponse()
                await response.prepare(request)
                with contextlib.suppress(ConnectionError):
                    while True:
                        await response.write(bytes(64 * 1024))
                return response
            case _:
                return web.Response(body=PICTURE)


@asynccontextmanager
async def elsewhere(host: str = "127.0.0.1") -> AsyncIterator[Elsewhere]:
    told = Elsewhere()
    server = web.Server(told.answer)

    def connected() -> asyncio.Protocol:
        told.connections += 1
        return server()

    listening = await asyncio.get_running_loop().create_server(connected, host, 0)
    told.port = listening.sockets[0].getsockname()[1]
    try:
        yield told
    finally:
        told.over.set()
        listening.close()
        await server.shutdown(1)


def client(
    *private: str, resolve: Callable[[str, int], list[tuple[int, str]]] = lambda host, port: LOOPBACK, **limits: float
) -> RemoteClient:
    async def resolved(host: str, port: int) -> list[tuple[int, str]]:
        return resolve(host, port)

    return RemoteClient(RemoteLimits(**limits), private_hosts=private, resolve=resolved)  # type: ignore[arg-type]


async def fetched(
    one: RemoteClient,
    address: str,
    port: int,
    *,
    bytes_max: int = 10_000,
    taken: Callable[[int], None] = lambda _: None,
) -> bytes:
    hosts = tuple(host.format(port=port) for host in HOSTS)
    came = bytearray()

    async def into(piece: bytes) -> None:
        taken(len(piece))
        came.extend(piece)

    await one.fetch(permit(), read_address(address), hosts=hosts, bytes_max=bytes_max, into=into)
    return bytes(came)


async def test_a_picture_comes_and_nothing_of_ours_goes_along(monkeypatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with elsewhere() as there:
        found = await fetched(client("pictures.test"), there.address("/a%20b.png?q=1#frag"), there.port)
        assert found == PICTURE
        [asked] = there.asked
        assert (asked.method, asked.path_qs, asked.host) == ("GET", "/a%20b.png?q=1", f"pictures.test:{there.port}")
        assert {name.title() for name in asked.headers} == {
            "Host",
            "Accept",
            "Accept-Encoding",
            "User-Agent",
            "Connection",
        }
        assert asked.headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(
    "answers",
    [
        LOOPBACK,
        [(socket.AF_INET, "0.0.0.0")],
        [(socket.AF_INET, "93.184.215.14"), *LOOPBACK],
        [*LOOPBACK, (socket.AF_INET, "93.184.215.14")],
        [(socket.AF_INET6, "::ffff:127.0.0.1")],
    ],
)
async def test_a_name_that_leads_to_an_address_that_is_not_public_is_not_connected_to(answers) -> None:
    async with elsewhere() as there:
        with pytest.raises(RemoteFailed, match="the address is not public"):
            await fetched(client(resolve=lambda host, port: answers), there.address("/x"), there.port)
        assert there.connections == 0


@pytest.mark.parametrize("listening, host", [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")])
async def test_an_address_that_stands_in_the_url_itself_is_judged_at_the_socket(listening: str, host: str) -> None:
    async with elsewhere(listening) as there:
        with pytest.raises(RemoteFailed, match="the address is not public"):
            await fetched(client(), there.address("/x", host), there.port)
        assert there.connections == 0
        assert await fetched(client(host.strip("[]")), there.address("/x", host), there.port) == PICTURE


async def test_a_name_is_looked_up_once_and_the_connection_goes_there() -> None:
    """A second answer, which leads elsewhere, is never asked for."""
    later: list[tuple[int, str]] = [(socket.AF_INET, "127.0.0.2")]
    answers = iter([LOOPBACK, later])
    async with elsewhere() as there:
        one = client("pictures.test", resolve=lambda host, port: next(answers))
        assert await fetched(one, there.address("/x"), there.port) == PICTURE
    assert next(answers) is later


async def test_each_redirect_is_judged_like_the_first_address() -> None:
    async with elsewhere() as there:
        one = client("pictures.test")  # other.test is listed, and not allowed to be private
        assert await fetched(one, there.address("/to?/x"), there.port) == PICTURE
        assert "Cookie" not in there.asked[-1].headers
        before = len(there.asked)
        for target, why in (
            (there.address("/x", "unlisted.test"), "not in this cloud's list"),
            (there.address("/x", "other.test"), "not public"),
            (there.address("/x", "127.0.0.1"), "not public"),
            ("http://169.254.169.254/latest/meta-data", "not in this cloud's list"),
            ("file:///etc/passwd", "a redirect that is not followed"),
        ):
            with pytest.raises(RemoteFailed, match=why):
                await fetched(one, there.address(f"/to?{target}"), there.port)
            before += 1
            assert len(there.asked) == before
        with pytest.raises(RemoteFailed, match="too many redirects"):
            await fetched(one, there.address("/loop"), there.port)
        assert len(there.asked) == before + RemoteLimits().redirects_max + 1


async def test_a_host_that_is_not_listed_is_not_even_looked_up() -> None:
    def never(host: str, port: int) -> list[tuple[int, str]]:
        raise AssertionError("looked up")

    with pytest.raises(RemoteFailed, match="not in this cloud's list"):
        await fetched(client(resolve=never), "http://unlisted.test/x", 80)


@pytest.mark.parametrize(
    "path, why",
    [
        ("/status?404", "404 Not Found"),
        ("/status?500", "500 Internal Server Error"),
        ("/status?206", "206 Partial Content"),
        ("/zipped", "the answer is compressed"),
        ("/empty", "the answer is empty"),
    ],
)
async def test_other_answers_fail_in_our_own_words(path: str, why: str) -> None:
    async with elsewhere() as there:
        with pytest.raises((RemoteFailed, RemoteGone)) as failure:
            await fetched(client("pictures.test"), there.address(path), there.port)
        assert isinstance(failure.value, RemoteGone) is ("404" in path)
        assert failure.value.message == f"Error in loading {there.address(path)} - {why}"


async def test_size_time_and_number_are_limited() -> None:
    async with elsewhere() as there:
        told: list[int] = []
        with pytest.raises(LimitExceeded):
            await fetched(client("pictures.test"), there.address("/x"), there.port, bytes_max=999, taken=told.append)
        assert told == []  # said so before
        with pytest.raises(LimitExceeded):
            await fetched(client("pictures.test"), there.address("/endless"), there.port, taken=told.append)
        assert sum(told) <= 10_000
        with pytest.raises(RemoteFailed, match="timed out"):
            await fetched(client("pictures.test", seconds_max=0.05), there.address("/slow"), there.port)
        with pytest.raises(RemoteFailed, match="timed out"):
            await fetched(client("pictures.test", read_seconds_max=0.05), there.address("/slow"), there.port)
        busy = client("pictures.test", fetches_max=1)
        first = asyncio.ensure_future(fetched(busy, there.address("/slow"), there.port))
        asked = len(there.asked)
        while len(there.asked) == asked:
            await asyncio.sleep(0.001)
        with pytest.raises(Overloaded):
            await fetched(busy, there.address("/x"), there.port)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert await fetched(busy, there.address("/x"), there.port) == PICTURE


def certificate(file: Path) -> ssl.SSLContext:
    """A server's, for 127.0.0.1, that no authority has signed; `file` has it in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "elsewhere")])
    today = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(made.public_bytes(Encoding.PEM) + secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


async def test_a_certificate_has_to_be_of_an_authority_that_is_believed_and_for_this_host(tmp_path: Path) -> None:
    context = certificate(tmp_path / "pem")
    believed = authorities(tmp_path / "pem")
    with running_elsewhere(context) as there:
        address = there.put("/x", PICTURE)
        named = address.replace("127.0.0.1", "pictures.test")

        async def resolve(host: str, port: int) -> list[tuple[int, str]]:
            return LOOPBACK

        private = ("127.0.0.1", "pictures.test")
        trusting = RemoteClient(RemoteLimits(), private_hosts=private, authorities=believed, resolve=resolve)
        assert await fetched(trusting, address, there.port) == PICTURE
        for one, target in ((client(*private), address), (trusting, named)):
            with pytest.raises(RemoteFailed, match="certificate"):
                await fetched(one, target, there.port)
        assert there.asked == ["/x"]


async def test_nobody_there_is_told_as_that() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(RemoteFailed, match="couldn't connect to server"):
            await fetched(client("pictures.test"), f"http://pictures.test:{port}/x", port)


async def sent(one: RemoteClient, address: str, port: int) -> int:
    return await one.post(
        permit(Activity.EGRESS_WEBHOOK),
        read_address(address),
        hosts=(f"pictures.test:{port}",),
        body=b"{}",
        headers={"X-Of-Ours": "1"},
    )


async def test_what_is_sent_is_judged_like_what_is_fetched() -> None:
    async with elsewhere() as there:
        one = client("pictures.test", "other.test", seconds_max=0.5)
        assert await sent(one, there.address("/hook?a=1"), there.port) == 200
        [asked] = there.asked
        assert (asked.method, asked.path_qs, asked.headers["X-Of-Ours"]) == ("POST", "/hook?a=1", "1")
        assert await sent(one, there.address(f"/to?{there.address('/x')}"), there.port) == 302
        assert await sent(one, there.address("/endless"), there.port) == 200  # what it says is not read
        assert len(there.asked) == 3
        connections = there.connections
        with pytest.raises(Unlisted):
            await sent(one, there.address("/hook", "other.test"), there.port)
        with pytest.raises(RemoteFailed, match="not public"):
            await sent(client(), there.address("/hook"), there.port)
        with pytest.raises(TypeError):
            await one.post(permit(), read_address(there.address("/hook")), hosts=(), body=b"", headers={})
        assert there.connections == connections


async def test_a_receiver_that_does_not_answer_has_not_answered() -> None:
    async with elsewhere() as there:
        with pytest.raises(RemoteFailed, match="timed out"):
            await sent(client("pictures.test", seconds_max=0.05), there.address("/mute"), there.port)
