"""Files of any size come and go through an origin that never holds them: by one call, in chunks, and back."""

from __future__ import annotations

import http.client
import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.infra.large_files import Blocks, form, form_headers, get, growth, post_form
from tests.integration.origin_process import OriginProcess, running, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

MB = 1_000_000
LARGE_BYTES = 200 * MB
GROWTH_BYTES_MAX = 40 * MB
"""A fifth of the file, and more than the allocator takes."""
RAW = "/v1_1/demo/raw/upload"


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OriginProcess]:
    anew = OriginProcess(tmp_path_factory.mktemp("large"), {}, anew=True)  # its memory is the subject
    with running(anew) as origin:
        post_form(origin.port, RAW, origin.credentials, {"public_id": "warm.bin"}, Blocks(8 * MB))
        yield origin


def pid_of(origin: OriginProcess) -> int:
    assert origin.process is not None
    return origin.process.pid


def open_without_name(origin: OriginProcess) -> list[str]:
    """Files of the origin that are open and have no name any more."""
    found = []
    for link in Path(f"/proc/{pid_of(origin)}/fd").iterdir():
        try:
            target = str(link.readlink())
        except OSError:  # closed meanwhile
            continue
        if ".spool" in target:
            found.append(target)
    return found


def originals(origin: OriginProcess) -> set[Path]:
    return {path for path in (origin.data / "originals").rglob("*") if path.is_file()}


def test_one_call_brings_a_large_file_and_memory_stays_as_it_was(origin: OriginProcess) -> None:
    file = Blocks(LARGE_BYTES)
    with growth(pid_of(origin)) as seen:
        status, body = post_form(origin.port, RAW, origin.credentials, {"public_id": "one.bin"}, file)
    answer = json.loads(body)
    assert (status, answer["bytes"], answer["etag"]) == (200, LARGE_BYTES, file.md5), answer
    assert seen.bytes < GROWTH_BYTES_MAX
    assert open_without_name(origin) == []
    assert not list((origin.data / "spool").iterdir())


def test_chunks_are_put_together_without_holding_them_and_the_file_comes_back(origin: OriginProcess) -> None:
    sdk, file = origin.sdk(), Blocks(LARGE_BYTES)
    with growth(pid_of(origin)) as seen:
        made = sdk.uploader.upload_large(file, resource_type="raw", public_id="chunks.bin", chunk_size=20 * MB)
    assert (made["bytes"], made["etag"], made["done"]) == (LARGE_BYTES, file.md5, True)
    assert seen.bytes < GROWTH_BYTES_MAX + 20 * MB
    url = sdk.utils.private_download_url("chunks.bin", "", resource_type="raw", attachment=True)
    _, _, path = url.partition("/v1_1/")
    with growth(pid_of(origin)) as seen:
        got = get(f"127.0.0.1:{origin.port}", f"/v1_1/{path}")
    assert (got.status, got.body_bytes, got.md5) == (200, LARGE_BYTES, file.md5)
    assert got.headers["content-length"] == str(LARGE_BYTES)
    assert seen.bytes < GROWTH_BYTES_MAX
    archive = sdk.utils.download_zip_url(public_ids=["chunks.bin"], resource_type="raw")
    with growth(pid_of(origin)) as seen:
        got = get(f"127.0.0.1:{origin.port}", "/v1_1/" + archive.partition("/v1_1/")[2])
    assert got.status == 200
    assert LARGE_BYTES < got.body_bytes < LARGE_BYTES + 1000
    assert seen.bytes < GROWTH_BYTES_MAX


def test_whoever_hangs_up_in_the_middle_leaves_nothing(origin: OriginProcess) -> None:
    before = originals(origin)
    connection = http.client.HTTPConnection("127.0.0.1", origin.port, timeout=20)
    connection.putrequest("POST", RAW)
    for name, value in form_headers(origin.credentials).items():
        connection.putheader(name, value)
    connection.putheader("Content-Length", str(100 * MB))
    connection.endheaders()
    for piece in itertools.islice(form({"public_id": "torn.bin"}, Blocks(100 * MB)), 40):
        connection.send(piece)
    wait_until(lambda: open_without_name(origin))
    connection.close()
    wait_until(lambda: not open_without_name(origin))
    assert originals(origin) == before
    assert origin.sdk().api.usage()["storage"]["usage"] >= 0  # it goes on
