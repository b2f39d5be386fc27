"""Nothing of what was erased is in the memory of any process: no name, no pixel, no byte of a body, no key (decisions E.5).

Before the erase the same sweep finds all of it. What a process may take to forget has names: workers are replaced
`edge.node.recycle_seconds` after it, decoders end with their job, the search index is written anew, and the origin and the
agent overwrite what they free.
"""

from __future__ import annotations

import io
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from domicile.media.asset import Aid
from domicile.media.keys import content_key, subkey
from origin.keyring import aid_id
from origin.keytree import KeyTree
from tests.e2e.canary import Canaries
from tests.e2e.stack import Stack
from tests.infra.memory import Found, sweep

ENVIRONMENT = {"DOMICILE_EDGE_NODE_RECYCLE_SECONDS": "0.5"}
SIDE = 96
FORGOTTEN_SECONDS_MAX = 90.0
"""On a machine that does other things; README and docs say what it is on one that does not."""
ROW_BYTES = 48

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def picture(word: str, pixels: bytes) -> bytes:
    """Noise, which no codec makes smaller, with a word in its metadata."""
    said, file = PngInfo(), io.BytesIO()
    said.add_text("Comment", f"{word}-metadata")
    Image.frombytes("RGB", (SIDE, SIDE), pixels).save(file, "PNG", pnginfo=said)
    return file.getvalue()


def middle(body: bytes) -> bytes:
    return body[len(body) // 2 :][:ROW_BYTES]


def keys_of(stack: Stack, aid: Aid, directory: Path) -> Mapping[str, bytes]:
    """What opens a version, and the sealed page that the first of them lies in."""
    copy = directory / f"keys-{aid}"
    shutil.copytree(stack.keys, copy)
    data_key = KeyTree.open(copy).get(aid_id(aid))
    assert data_key is not None
    rendition = subkey(data_key, "rendition")
    return {
        "data key": data_key,
        "key of the original": subkey(data_key, "original"),
        "key of the record": subkey(data_key, "meta"),
        "key of renditions": rendition,
        "content key": content_key({aid: rendition}),
    }


@pytest.fixture(scope="module")
def needles(stack: Stack, canaries: Canaries, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """An asset of which everything has been done: uploaded twice with a backup, named, tagged, found, delivered in two forms."""
    sdk, word = stack.sdk(), canaries.name()
    pixels = os.urandom(3 * SIDE * SIDE)
    body = picture(word, pixels)
    params = sdk.utils.build_upload_params(
        public_id=f"{word}-folder/{word}-name", tags=[f"{word}-tag"], context={"alt": f"{word}-context"}, backup=True
    )
    versions = []
    for _ in range(2):
        file = ("file", (f"{word}-file.png", body))
        told = sdk.uploader.call_api("upload", params | {"subject_ids": f"{word}-subject"}, file=file[1])
        versions.append(told["version_id"])
    assert versions[0] != versions[1]
    path = f"/demo/image/upload/c_scale,w_64/{word}-folder/{word}-name.webp"
    for _ in range(8):
        rendition = stack.get(path)
        assert rendition.status == 200, rendition
        original = stack.get(f"/demo/image/upload/{word}-folder/{word}-name.png")
        assert original.status == 200
    import cloudinary.search

    found = cloudinary.search.Search().expression(f"tags={word}-tag").with_field("context").execute()
    assert found["total_count"] == 1, found
    assert sdk.api.resource(f"{word}-folder/{word}-name", versions=True)["versions"]
    scratch = tmp_path_factory.mktemp("keys")
    needles = {
        "word": word.encode(),
        "pixels": pixels[3 * SIDE * 40 :][:ROW_BYTES],
        "body": middle(body),
        "rendition": middle(rendition.body),
        "original as delivered": middle(original.body),
    }
    for number, version in enumerate(versions):
        (sealed,) = (file for file in stack.data.rglob(version) if file.is_file())
        needles[f"sealed original {number}"] = middle(sealed.read_bytes())
        needles |= {f"{name} {number}": key for name, key in keys_of(stack, Aid(version), scratch).items()}
    return needles


def processes(stack: Stack) -> list[int]:
    assert stack.process is not None
    return [stack.process.pid, *stack.processes()]


def told(found: list[Found]) -> str:
    return "\n".join(f"{one.role}: {one.needle} in {one.where}" for one in found)


def test_nothing_of_what_was_erased_is_in_the_memory_of_any_process(stack: Stack, needles: dict[str, bytes]) -> None:
    before = list(sweep(processes(stack), needles))
    print(told(before))
    seen = {(one.role, one.needle) for one in before}
    for wanted in (("origin", "word"), ("origin", "data key 1"), ("worker", "rendition"), ("agent", "content key 1")):
        assert wanted in seen, f"the sweep does not find {wanted}, so it proves nothing:\n{told(before)}"

    done = stack.run("erase", "--tag", f"{needles['word'].decode()}-tag", "--yes", "--wait", "60")
    assert done.returncode == 0, done.stderr
    deadline, began = time.monotonic() + FORGOTTEN_SECONDS_MAX, time.monotonic()
    while next(sweep(processes(stack), needles), None) is not None:  # the last sweep finds nothing in any of them
        assert time.monotonic() < deadline, told(list(sweep(processes(stack), needles)))
        time.sleep(0.5)
    print(f"forgotten {time.monotonic() - began:.1f} s after the erase; {len(before)} places before")
    assert stack.get("/readyz").status == 200
