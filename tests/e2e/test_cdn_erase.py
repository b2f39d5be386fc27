"""An erase behind a real Varnish that an operator's webhook purges: over when the CDN has forgotten, and not before."""

from __future__ import annotations

import base64
import io
import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from PIL import Image

from tests.e2e.canary import Canaries
from tests.e2e.stack import Reply, Stack, request_to
from tests.infra import cdn_hook
from tests.infra.cdn import SECRET, varnish
from tests.infra.cdn_hook import Hook, Way, running_hook, running_way

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

ENVIRONMENT = {
    "DOMICILE_EDGE_CDN_KIND": "generic",
    "DOMICILE_EDGE_CDN_SECRET": SECRET,
    "DOMICILE_EDGE_CDN_OTHERS": "refuse",
    "DOMICILE_ORIGIN_RECORDS_CDN_IN_FLIGHT_SECONDS": "0",
}
ANSWER_SECONDS, SHORT_SECONDS = 1, 2
"""T, and C of the cloud `short`."""
OVER_SECONDS_MAX = 60.0
ACCOUNT = f"""
[[cdn]]
name = "front"
kind = "generic"
base = "http://127.0.0.1:{{port}}"
zone = "{cdn_hook.PATH}"
secret = "{cdn_hook.SECRET}"
hosts = ["http://127.0.0.1:{{front}}"]
answer_seconds_max = {ANSWER_SECONDS}
"""
SHORT = f"""
tenant = "short"
[lifetimes]
browser_seconds_max = 1
shared_seconds_max = {SHORT_SECONDS}
"""


@dataclass(frozen=True)
class Scene:
    stack: Stack
    hook: Hook
    way: Way
    short_url: str

    def ask(self, path: str) -> Reply:
        """As a viewer."""
        return request_to(self.hook.varnish_port, "GET", path, {}, None)

    def uploaded(self, public_id: str, url: str | None = None) -> frozenset[str]:
        """Its tags, without that of all its cloud, once the purges of its upload are over."""
        body = io.BytesIO()
        Image.new("RGB", (64, 48), (200, 0, 0)).save(body, "PNG")
        body.seek(0)
        self.stack.sdk(url).uploader.upload(body, public_id=public_id)
        cloud = urlsplit(url or self.stack.cloudinary_url).hostname
        seen = self.stack.get(f"/{cloud}/image/upload/w_19/{public_id}.png", **{"Domicile-CDN-Secret": SECRET})
        tags = frozenset(seen.headers["surrogate-key"].split()[1:])
        wait_until(lambda: self.hook.about(tags) == 2)
        return tags

    def call(self, method: str, path: str, url: str, fields: dict[str, str] | None = None) -> dict[str, Any]:
        parts = urlsplit(url)
        who = base64.b64encode(f"{parts.username}:{parts.password}".encode()).decode()
        headers = {"Authorization": f"Basic {who}", "Content-Type": "application/x-www-form-urlencoded"}
        reply = self.stack.api(method, path, headers, urlencode(fields).encode() if fields else None)
        assert reply.status == 200, reply.body
        return reply.json()

    def erase(self, public_id: str, url: str) -> dict[str, Any]:
        fields = {"mode": "erase", "selector[public_id]": public_id}
        return self.call("POST", f"/v1_1/{urlsplit(url).hostname}/erasures", url, fields)

    def over(self, statement: dict[str, Any], url: str) -> dict[str, Any]:
        """The statement once it says that it is over."""
        told = [statement]

        def is_over() -> bool:
            told.append(self.call("GET", urlsplit(statement["status_url"]).path, url))
            return bool(told[-1]["outcome"] == "erased")

        wait_until(is_over)
        return told[-1]


def wait_until(condition: Any) -> None:
    until = time.monotonic() + OVER_SECONDS_MAX
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.1)


def place_of(statement: dict[str, Any]) -> dict[str, Any]:
    (place,) = [one for one in statement["places"] if one["place"] == "cdn front"]
    return dict(place)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, canaries: Canaries) -> Iterator[Scene]:
    running = Stack(tmp_path_factory.mktemp("domicile") / "data", workers=1, environment=ENVIRONMENT)
    with ExitStack() as held:
        hook = held.enter_context(running_hook())
        running.keys.mkdir(mode=0o700, parents=True)
        accounts = running.keys / "cdns.toml"
        accounts.touch(0o600)
        way = held.enter_context(running_way(running.edge_port))
        hook.varnish_port = held.enter_context(varnish(way.port, tag_field="Surrogate-Key"))
        accounts.write_text(ACCOUNT.format(port=hook.port, front=hook.varnish_port))
        running.start()
        held.enter_context(canaries.over(running))
        policies = running.data / "policies"
        (policies / "short.toml").write_text(SHORT)
        yield Scene(running, hook, way, running.create_cloud("short"))
        assert hook.strangers == 0


def test_an_erase_is_over_once_what_was_on_its_way_into_the_cdn_is_purged_too(scene: Scene, canaries: Canaries) -> None:
    """The CDN says that it has purged and has not, and stores a copy that it had received before the edge was fenced."""
    public_id, url = canaries.name("jane"), scene.stack.cloudinary_url
    tags = scene.uploaded(public_id)
    early, late = (f"/demo/image/upload/w_{width}/{public_id}.png" for width in (20, 21))
    assert [scene.ask(early).headers["x-cache"] for _ in range(2)] == ["MISS", "HIT"]
    scene.way.held = late
    viewer = threading.Thread(target=scene.ask, args=[late])
    viewer.start()
    assert scene.way.arrived.wait(OVER_SECONDS_MAX)
    kept: list[str] = []

    def store_late() -> None:
        scene.way.go.set()
        viewer.join()
        kept.extend(scene.ask(path).headers["x-cache"] for path in (early, late))

    scene.hook.lies = [store_late]
    statement = scene.erase(public_id, url)
    assert (statement["outcome"], place_of(statement)["state"]) == ("partial", "pending")
    over = place_of(scene.over(statement, url))
    assert kept == ["HIT", "HIT"]
    assert [scene.ask(path).status for path in (early, late)] == [404, 404]
    assert scene.hook.about(tags) == 4  # two at the upload, two at the erase
    assert (over["state"], over["confirmed"], over["evidence"]) == ("purged", 1, f"purge-{len(scene.hook.calls)}")
    assert over["ended_at"] >= over["fenced_at"] + ANSWER_SECONDS
    assert (over["probe"]["state"], over["probe"]["given"]) == ("verified", 0)


def test_a_cdn_that_says_it_has_purged_and_serves_on_is_found_out_and_never_verified_until_it_has(
    scene: Scene, canaries: Canaries
) -> None:
    public_id, url = canaries.name("joan"), scene.stack.cloudinary_url
    scene.uploaded(public_id)
    path = f"/demo/image/upload/{public_id}.png"
    assert [scene.ask(path).headers["x-cache"] for _ in range(2)] == ["MISS", "HIT"]
    scene.hook.lies = [lambda: None] * 999
    told = [scene.erase(public_id, url)]

    def is_found_out() -> bool:
        told.append(scene.call("GET", urlsplit(told[0]["status_url"]).path, url))
        assert told[-1]["outcome"] == "partial"
        return bool(place_of(told[-1]).get("probe", {}).get("given"))

    wait_until(is_found_out)
    assert (told[-1]["state"], told[-1]["times"]["t_verified"]) == ("partial", None)
    assert place_of(told[-1])["probe"]["why"] == "it still gave bytes of it away"
    assert scene.ask(path).status == 200
    scene.hook.lies = []
    over = scene.over(told[0], url)
    assert scene.ask(path).status == 404
    probes = {place["place"]: place["probe"] for place in over["places"]}
    assert {probe["state"] for probe in probes.values()} == {"verified"}
    assert (probes["edges"]["nodes"], probes["edges"]["versions"], probes["edges"]["given"]) == (1, 1, 0)
    assert over["times"]["t_verified"] >= over["times"]["t_fenced"] + 1000 * ANSWER_SECONDS


def test_a_cdn_that_refuses_is_named_until_its_copies_are_too_old(scene: Scene, canaries: Canaries) -> None:
    public_id, url = canaries.name("john"), scene.short_url
    scene.uploaded(public_id, url)
    path = f"/short/image/upload/w_20/{public_id}.png"
    scene.hook.refuses = True
    assert scene.ask(path).status == 200
    statement = scene.erase(public_id, url)
    assert (statement["outcome"], place_of(statement)["state"]) == ("partial", "pending")
    over = place_of(scene.over(statement, url))
    assert (over["state"], over["expired"], over["confirmed"]) == ("expired", 1, 0)
    assert over["evidence"] == "the CDN does not take the credentials"
    assert over["ended_at"] >= over["fenced_at"] + ANSWER_SECONDS + SHORT_SECONDS
    assert scene.ask(path).status == 404
    erasure = urlsplit(statement["status_url"]).path
    assert json.loads(json.dumps(scene.call("GET", f"{erasure}/receipt", url)))["statement"]["outcome"] == "erased"
