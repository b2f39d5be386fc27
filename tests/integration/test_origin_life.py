"""The life of an origin process: first start, restart, crash, drain, bad settings, and the wire over mutual TLS."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import http.client
import io
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from PIL import Image

from domicile.media import errors
from domicile.media.wire import LeaseRequest
from domicile.service.gate.wire import ClientCertificate, WireClient, WireLimits
from tests.infra.authority import Authority
from tests.infra.ports import free_port
from tests.integration.origin_process import OriginProcess, running, running_origin, wait_until

ROOT = Path(__file__).parents[2]


def picture(side: int = 8) -> io.BytesIO:
    body = io.BytesIO()
    Image.effect_noise((side, side), 50).save(body, "PNG")
    body.seek(0)
    return body


def test_a_restart_keeps_everything_and_a_deleted_sample_stays_deleted(tmp_path: Path) -> None:
    with running(OriginProcess(tmp_path, {}, anew=True)) as origin:
        before = origin.cloudinary_url
        kept = origin.sdk().uploader.upload(picture(), public_id="kept")
        assert origin.sdk().uploader.destroy("sample")["result"] == "ok"
        assert origin.stop() == 0
        assert not origin.socket.exists()
        assert not origin.admin_socket.exists()
        origin.start()
        after = origin.cloudinary_url
        assert after.split("?")[0] == before.split("?")[0]
        assert f"upload_prefix=http://127.0.0.1:{origin.port}" in after
        sdk = origin.sdk()
        assert sdk.api.resource("kept")["version_id"] == kept["version_id"]
        assert [row["public_id"] for row in sdk.api.resources()["resources"]] == ["kept"]


CHUNKED = bytes(range(256)) * 600


def part(origin: OriginProcess, public_id: str, start: int, end: int) -> dict:
    """One chunk of CHUNKED, as the SDK sends it."""
    says = {"X-Unique-Upload-Id": public_id, "Content-Range": f"bytes {start}-{end - 1}/{len(CHUNKED)}"}
    answer: dict = origin.sdk().uploader.upload_large_part(
        ("a.bin", CHUNKED[start:end]), resource_type="raw", public_id=public_id, http_headers=says
    )
    return answer


def test_a_killed_origin_starts_again_with_what_it_had_answered(tmp_path: Path) -> None:
    third = len(CHUNKED) // 3
    with running(OriginProcess(tmp_path, {}, anew=True)) as origin:
        later = {"eager": [{"width": 4, "crop": "scale"}], "eager_async": True}
        assert part(origin, "begun", 0, third)["done"] is False
        done: list[str] = []

        def hammer() -> None:
            sdk = origin.sdk()
            for number in range(200):
                try:
                    part(origin, f"c{number}", 0, 2 * third)
                    part(origin, f"c{number}", 2 * third, len(CHUNKED))
                    sdk.uploader.upload(picture(64), public_id=f"n{number}", **later)
                except Exception:
                    return
                done.append(f"n{number}")

        thread = threading.Thread(target=hammer)
        thread.start()
        wait_until(lambda: len(done) >= 3 or not thread.is_alive())
        assert origin.stop(signal.SIGKILL) == -signal.SIGKILL
        thread.join(20)
        origin.start()
        api = origin.sdk().api
        rows = api.resources(max_results=500)["resources"]
        assert set(done) <= {row["public_id"] for row in rows}
        files = api.resources(resource_type="raw", max_results=500)["resources"]
        assert {name.replace("n", "c") for name in done} <= {row["public_id"] for row in files}
        assert {row["bytes"] for row in files} == {len(CHUNKED)}, "half a file is none"
        assert part(origin, "begun", third, 2 * third)["done"] is False
        whole = part(origin, "begun", 2 * third, len(CHUNKED))
        assert (whole["done"], whole["etag"]) == (True, hashlib.md5(CHUNKED).hexdigest())
        wait_until(lambda: all([row["width"] for row in api.resource(name)["derived"]] == [4] for name in done), 30)


def test_what_runs_may_end_before_the_process_does(tmp_path: Path) -> None:
    with running(OriginProcess(tmp_path, {}, anew=True)) as origin:
        key, secret = origin.credentials
        basic = base64.b64encode(f"{key}:{secret}".encode()).decode()
        edge = b"--x\r\nContent-Disposition: form-data; name="
        body = edge + b'"public_id"\r\n\r\nlate\r\n' + edge + b'"file"; filename="a.png"\r\n\r\n'
        body += picture(200).getvalue() + b"\r\n--x--\r\n"
        head = (
            f"POST /v1_1/demo/image/upload HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {basic}\r\n"
            f"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", origin.port), timeout=15) as connection:
            connection.sendall(head.encode() + body[:1000])
            time.sleep(0.3)
            stopping = threading.Thread(target=origin.stop)
            stopping.start()
            wait_until(lambda: "origin_draining" in origin.log.read_text())
            connection.sendall(body[1000:])
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
            stopping.join(20)
        origin.start()
        assert origin.sdk().api.resource("late")["width"] == 200


def start_badly(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "origin"],
        env={**os.environ, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def test_a_bad_setting_is_named_and_the_exit_code_is_2(tmp_path: Path) -> None:
    ended = start_badly(DOMICILE_ORIGIN_RECORDS_DATA=str(tmp_path / "data"), DOMICILE_ORIGIN_LISTEN="nowhere")
    assert (ended.returncode, ended.stderr) == (2, "origin: origin.listen: 'nowhere' is not HOST:PORT\n")
    assert not (tmp_path / "data").exists()


def test_two_processes_cannot_share_a_directory_or_a_port(tmp_path: Path) -> None:
    with running(OriginProcess(tmp_path, {}, anew=True)) as origin:
        shared = start_badly(DOMICILE_ORIGIN_RECORDS_DATA=str(origin.data), DOMICILE_ORIGIN_LISTEN="127.0.0.1:0")
        assert shared.returncode == 2, shared.stderr
        taken = start_badly(
            DOMICILE_ORIGIN_RECORDS_DATA=str(tmp_path / "other"), DOMICILE_ORIGIN_LISTEN=f"127.0.0.1:{origin.port}"
        )
        assert taken.returncode == 2
        assert "origin.listen" in taken.stderr
        assert origin.request("GET", "/healthz").status == 200


@pytest.mark.parametrize(
    "nonsense", ["zones = 5", 'version = "x"', 'declared_non_personal = "false"', "erased_status = []"]
)
def test_a_hangup_with_a_file_that_is_no_policy_ends_nothing_and_the_next_good_one_counts(
    tmp_path: Path, nonsense: str
) -> None:
    with running_origin(tmp_path) as origin:
        assert origin.process is not None
        file = origin.data / "policies" / "demo.toml"
        good = file.read_text()
        file.write_text(f'tenant = "demo"\n{nonsense}\n')
        origin.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "policies_not_reread" in origin.log.read_text())
        assert origin.sdk().uploader.upload(picture(), public_id="afterwards")["bytes"] > 0
        file.write_text(good.replace("version = 1", "version = 2"))
        origin.process.send_signal(signal.SIGHUP)
        wait_until(lambda: '"policies_reread"' in origin.log.read_text())
        assert origin.process.poll() is None
        assert origin.stop() == 0


# --- the wire over mutual TLS ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("pki"), "authority")


@pytest.fixture(scope="module")
def tls_origin(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[tuple[OriginProcess, str]]:
    file, key = authority.issue("server", x509.DNSName("localhost"))
    port = free_port()
    with running_origin(
        tmp_path_factory.mktemp("origin"),
        DOMICILE_ORIGIN_WIRE_LISTEN=f"127.0.0.1:{port}",
        DOMICILE_ORIGIN_WIRE_CERTIFICATE=str(file),
        DOMICILE_ORIGIN_WIRE_KEY=str(key),
        DOMICILE_ORIGIN_WIRE_AUTHORITY=str(authority.directory / "authority.pem"),
    ) as origin:
        yield origin, f"https://localhost:{port}"


async def lease(base: str, authority: Authority, files: tuple[Path, Path] | None, *, region: str = "eu-de"):
    certificate = ClientCertificate(
        ca_file=authority.directory / "authority.pem",
        certificate_file=files[0] if files else None,
        key_file=files[1] if files else None,
    )
    request = LeaseRequest(node="a" * 32, boot="b" * 32, region=region, authorities=(), heads={})
    async with WireClient.open(base, region=region, certificate=certificate) as client:
        return await client.lease(request)


async def test_a_zone_certificate_opens_the_wire_for_its_own_region(
    tls_origin: tuple[OriginProcess, str], authority: Authority
) -> None:
    _, base = tls_origin
    files = authority.issue("edge-de", x509.UniformResourceIdentifier("domicile:zone:eu-de"))
    assert (await lease(base, authority, files)).region == "eu-de"
    with pytest.raises(errors.OutsideRegion):
        await lease(base, authority, files, region="eu-fr")


async def test_a_client_that_is_renewed_shows_its_new_certificate_and_ends_its_calls_under_the_old(
    tls_origin: tuple[OriginProcess, str], authority: Authority
) -> None:
    _, base = tls_origin
    ours, other = (client_certificate(authority, zone) for zone in ("eu-de", "eu-fr"))
    request = LeaseRequest(node="a" * 32, boot="b" * 32, region="eu-de", authorities=(), heads={})
    async with WireClient.open(base, region="eu-de", certificate=ours) as client:
        after = {one.tenant: one.head for one in (await client.lease(request)).tenants}
        waiting = asyncio.create_task(client.journal(after, wait_seconds=1.0))
        await client.lease(request)
        await client.renew(base, region="eu-de", limits=WireLimits(), certificate=other)
        with pytest.raises(errors.OutsideRegion):
            await client.lease(request)
        await client.renew(base, region="eu-de", limits=WireLimits(), certificate=ours)
        assert (await client.lease(request)).region == "eu-de"
        assert not (await waiting).entries


def client_certificate(authority: Authority, zone: str) -> ClientCertificate:
    file, key = authority.issue(f"renewed-{zone}", x509.UniformResourceIdentifier(f"domicile:zone:{zone}"))
    return ClientCertificate(ca_file=authority.directory / "authority.pem", certificate_file=file, key_file=key)


async def test_certificates_without_one_zone_are_refused(
    tls_origin: tuple[OriginProcess, str], authority: Authority
) -> None:
    _, base = tls_origin
    zones = [x509.UniformResourceIdentifier(f"domicile:zone:{zone}") for zone in ("eu-de", "eu-fr")]
    for files in (
        authority.issue("none", x509.DNSName("edge")),
        authority.issue("two", *zones),
        authority.issue("bare"),
    ):
        with pytest.raises(errors.OutsideRegion):
            await lease(base, authority, files)


async def test_strangers_do_not_get_past_the_handshake(
    tls_origin: tuple[OriginProcess, str], authority: Authority, tmp_path: Path
) -> None:
    origin, base = tls_origin
    foreign = Authority.make(tmp_path, "foreign")
    zone = x509.UniformResourceIdentifier("domicile:zone:eu-de")
    for files in (None, foreign.issue("edge", zone)):
        with pytest.raises(errors.UpstreamUnavailable):
            await lease(base, authority, files)
    context = ssl.create_default_context(cafile=str(authority.directory / "authority.pem"))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    host, port = base.removeprefix("https://").split(":")
    with pytest.raises((ssl.SSLError, ConnectionError)), socket.create_connection((host, int(port)), 5) as plain:
        context.wrap_socket(plain, server_hostname=host)
    assert "Traceback" not in origin.log.read_text()


def test_the_api_speaks_tls_and_takes_a_new_certificate_on_sighup(tmp_path: Path) -> None:
    authority = Authority.make(tmp_path, "authority")
    certificate, key = authority.issue("origin", x509.DNSName("localhost"))
    trusting = ssl.create_default_context(cafile=tmp_path / "authority.pem")

    def answer(port: int) -> tuple[bytes, str]:
        """The status line, and which certificate it came under."""
        plain = socket.create_connection(("127.0.0.1", port), 10)
        with plain, trusting.wrap_socket(plain, server_hostname="localhost") as tls:
            tls.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            shown = tls.getpeercert()
            assert shown is not None
            return tls.recv(15), str(shown["serialNumber"])

    environment = {
        "DOMICILE_ORIGIN_TLS_CERTIFICATE_FILE": str(certificate),
        "DOMICILE_ORIGIN_TLS_KEY_FILE": str(key),
        "DOMICILE_ORIGIN_TLS_HANDSHAKES_MAX": "1",
        "DOMICILE_ORIGIN_TLS_HANDSHAKE_SECONDS_MAX": "1",
    }
    with running_origin(tmp_path, **environment) as origin:
        assert f"upload_prefix=https://127.0.0.1:{origin.port}" in origin.cloudinary_url
        assert origin.process is not None
        said, before = answer(origin.port)
        assert said == b"HTTP/1.1 200 OK"
        kept = http.client.HTTPSConnection("localhost", origin.port, timeout=10, context=trusting)

        def goes_on() -> bool:
            """Over a connection from before."""
            kept.request("GET", "/healthz")
            answered = kept.getresponse()
            return answered.status == 200 and bool(answered.read())

        assert goes_on()
        begun = kept.sock
        fresh = authority.issue("another", x509.DNSName("localhost"))
        key.write_bytes(fresh[1].read_bytes())
        origin.process.send_signal(signal.SIGHUP)  # a key that is not the certificate's changes nothing
        wait_until(lambda: "certificate_not_reread" in origin.log.read_text())
        assert answer(origin.port)[1] == before
        assert "origin.tls.certificate_file" in origin.log.read_text()
        ended = authority.issue("ended", x509.DNSName("localhost"), hours=-1)
        certificate.write_bytes(ended[0].read_bytes())
        key.write_bytes(ended[1].read_bytes())
        origin.process.send_signal(signal.SIGHUP)  # nor does one that nobody would believe
        wait_until(lambda: "it ended" in origin.log.read_text())
        assert answer(origin.port)[1] == before
        certificate.write_bytes(fresh[0].read_bytes())
        key.write_bytes(fresh[1].read_bytes())
        origin.process.send_signal(signal.SIGHUP)
        wait_until(lambda: answer(origin.port)[1] != before)
        assert goes_on()
        assert kept.sock is begun is not None
        kept.close()

        def is_refused() -> bool:
            try:
                return answer(origin.port)[0] != b"HTTP/1.1 200 OK"
            except OSError:
                return True

        with socket.create_connection(("127.0.0.1", origin.port), 10) as silent:
            wait_until(is_refused)  # the silent one has the only place, as soon as it is accepted
            assert silent.recv(1) == b""  # its second is over
        wait_until(lambda: not is_refused())
        assert origin.stop() == 0
