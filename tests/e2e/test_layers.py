"""Pictures laid over others: whatever happens to one ends every picture that shows it, in every worker, in RAM and on disk."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import select
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from PIL import Image

from tests.e2e.canary import Canaries
from tests.e2e.stack import Reply, Stack, frozen
from tests.e2e.test_purge import CONNECTIONS, ask, everywhere, picture, status_of, warm

RED, GREEN, BLUE = (200, 0, 0), (0, 160, 0), (0, 0, 200)

pytestmark = pytest.mark.timeout(180)


@dataclass(frozen=True, slots=True)
class Laid:
    """One picture over another."""

    base: str
    logo: str
    tag: str
    folder: str
    answer: dict[str, Any]

    def path(self, transformation: str = "c_scale,w_40") -> str:
        return f"/demo/image/upload/{transformation}/l_{self.logo.replace('/', ':')}/v1/{self.base}.png"


def send(stack: Stack, public_id: str, color: tuple[int, int, int], **options: Any) -> dict[str, Any]:
    answer: dict[str, Any] = stack.sdk().uploader.upload(io.BytesIO(picture(color)), public_id=public_id, **options)
    return answer


@pytest.fixture
def laid(stack: Stack, canaries: Canaries) -> Laid:
    folder, tag, base = canaries.name("folder"), canaries.name("tag"), canaries.name("base")
    logo = f"{folder}/{canaries.name('logo')}"
    send(stack, base, RED)
    return Laid(base, logo, tag, folder, send(stack, logo, BLUE, tags=[tag]))


def shows(reply: Reply, color: tuple[int, int, int]) -> bool:
    """Is that what lies in the middle?"""
    image = Image.open(io.BytesIO(reply.body)).convert("RGB")
    seen = image.getpixel((image.width // 2, image.height // 2))
    assert isinstance(seen, tuple)
    return max(abs(one - other) for one, other in zip(seen, color, strict=True)) < 12


def statuses(stack: Stack, path: str) -> set[int]:
    return {reply.status for reply in everywhere(stack, path)}


@pytest.fixture(scope="module")
def purge(stack: Stack) -> Callable[..., None]:
    """The signed call, by the command."""
    file = stack.data.with_name("layers-key.pem")
    made = stack.run("key", "new", "--cloud", "demo", "--out", str(file), "--json")
    assert made.returncode == 0, made.stderr
    keyid = json.loads(made.stdout)["keyid"]

    def call(*selector: str) -> None:
        command = [sys.executable, "-m", "domicile.cli.main", "purge", "--edge", f"http://127.0.0.1:{stack.edge_port}"]
        command += ["--key", str(file), "--keyid", keyid, "--region", stack.region, *selector]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    return call


SELECTORS: dict[str, Callable[[Laid], tuple[str, str]]] = {
    "public_id": lambda it: ("--public-id", it.logo),
    "tag": lambda it: ("--tag", it.tag),
    "prefix": lambda it: ("--prefix", f"/demo/image/upload/{it.folder}/"),
}


@pytest.mark.parametrize("selector", list(SELECTORS))
def test_after_a_purge_of_the_layer_no_worker_serves_from_before(
    stack: Stack, laid: Laid, purge: Callable[..., None], selector: str
) -> None:
    warm(stack, laid.path())
    assert shows(stack.get(laid.path()), BLUE)
    purge(*SELECTORS[selector](laid))
    with frozen(stack.processes("origin")):  # nobody can read them again: whoever answers now has kept them
        waiting = [ask(stack, laid.path()) for _ in range(CONNECTIONS)]
        answered, _, _ = select.select(waiting, [], [], 1.0)
        assert answered == []
    assert {status_of(connection) for connection in waiting} == {200}


def test_another_version_of_the_layer_is_seen_everywhere_at_once(stack: Stack, laid: Laid) -> None:
    warm(stack, laid.path())
    send(stack, laid.logo, GREEN, overwrite=True)
    assert all(shows(reply, GREEN) for reply in everywhere(stack, laid.path()))


def test_pictures_that_are_being_made_are_not_outrun(stack: Stack, laid: Laid) -> None:
    """Fills are under way all the time, in both workers; what is asked for after an answer shows what it brought."""
    ended, sizes = threading.Event(), range(20, 64)

    def hammer() -> None:
        while not ended.is_set():
            for size in sizes:
                with contextlib.suppress(OSError, http.client.HTTPException):  # cut off by what happens to the layer
                    stack.get(laid.path(f"c_scale,w_{size}"))

    threads = [threading.Thread(target=hammer) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for color in (GREEN, BLUE, GREEN, BLUE):
            send(stack, laid.logo, color, overwrite=True)
            late = [stack.get(laid.path(f"c_scale,w_{size}")) for size in (*sizes, *sizes)]
            assert {reply.status for reply in late} == {200}
            assert all(shows(reply, color) for reply in late)
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def test_a_layer_that_is_destroyed_is_missed_and_shown_again_when_it_comes(stack: Stack, laid: Laid) -> None:
    warm(stack, laid.path())
    stack.sdk().uploader.destroy(laid.logo)
    assert statuses(stack, laid.path()) == {404}
    send(stack, laid.logo, GREEN)
    assert all(shows(reply, GREEN) for reply in everywhere(stack, laid.path()))


def test_a_layer_that_is_renamed_takes_its_pictures_along(stack: Stack, laid: Laid, canaries: Canaries) -> None:
    warm(stack, laid.path())
    new = canaries.name("renamed")
    stack.sdk().uploader.rename(laid.logo, new)
    assert statuses(stack, laid.path()) == {404}
    assert statuses(stack, laid.path().replace(laid.logo.replace("/", ":"), new)) == {200}


def test_a_change_of_its_tags_changes_nothing(stack: Stack, laid: Laid, canaries: Canaries) -> None:
    warm(stack, laid.path())
    stack.sdk().uploader.add_tag(canaries.name("tag"), [laid.logo])
    assert all(reply.cache == "hit" for reply in everywhere(stack, laid.path()))


def test_a_restricted_layer_is_shown_in_signed_urls_alone(stack: Stack, laid: Laid, canaries: Canaries) -> None:
    hidden = canaries.name("hidden")
    send(stack, hidden, GREEN, type="private")
    cloudinary = stack.sdk()
    url, _ = cloudinary.utils.cloudinary_url(
        laid.base, raw_transformation=f"l_private:{hidden}", format="png", version=1, sign_url=True
    )
    signed = stack.path_of(url) if url.startswith(f"http://127.0.0.1:{stack.edge_port}") else url.split(".com", 1)[1]
    plain = f"/demo/image/upload/l_private:{hidden}/v1/{laid.base}.png"
    for _ in range(2):
        assert statuses(stack, plain) == {401}
        replies = everywhere(stack, signed)
        assert all(shows(reply, GREEN) for reply in replies)
        assert all("no-store" in reply.headers["cache-control"] for reply in replies)


def test_a_layer_that_is_erased_is_gone_from_every_place(stack: Stack, laid: Laid) -> None:
    """Answers, the list of renditions, and the files: one that is put back opens for nobody."""
    warm(stack, laid.path())
    _until_listed(stack, laid)
    cache, kept = stack.data / "edge-cache", stack.data.with_name("stolen")
    shutil.copytree(cache, kept)
    erased = stack.run("erase", "--public-id", laid.logo, "--yes", "--wait", "30")
    assert erased.returncode == 0, erased.stderr
    assert statuses(stack, laid.path()) == {404}
    detail = stack.sdk().api.resource(laid.base)
    assert [row for row in detail["derived"] if "l_" in row["transformation"]] == []
    shutil.copytree(kept, cache, dirs_exist_ok=True)
    assert statuses(stack, laid.path()) == {404}
    send(stack, laid.logo, GREEN)
    assert all(shows(reply, GREEN) for reply in everywhere(stack, laid.path()))
    stack.check_alive()


def _until_listed(stack: Stack, laid: Laid) -> None:
    """Edges tell the origin what they made now and then."""
    for _ in range(100):
        detail = stack.sdk().api.resource(laid.base)
        if any("l_" in row["transformation"] for row in detail["derived"]):
            return
        threading.Event().wait(0.1)
    raise AssertionError("nobody told the origin of it")
