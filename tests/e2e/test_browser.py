"""Server-Timing as a page sees it: `PerformanceServerTiming` in real Chromium."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image

from tests.e2e.canary import Canaries
from tests.e2e.stack import Stack

CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

pytestmark = [
    pytest.mark.skipif(
        CHROMIUM is None and os.environ.get("CI") != "true",
        reason="Chromium is not installed: apt-get install chromium",
    ),
    pytest.mark.timeout(180),  # an installation and a browser are started
]


@pytest.fixture(scope="module")
def page() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser.new_page()
        browser.close()


@pytest.fixture(scope="module")
def picture(stack: Stack, canaries: Canaries) -> str:
    body = io.BytesIO()
    Image.new("RGB", (640, 480), (200, 30, 30)).save(body, "JPEG")
    answer = stack.sdk().uploader.upload(io.BytesIO(body.getvalue()), public_id=canaries.name("browser"))
    return f"/demo/image/upload/c_scale,w_320/{answer['public_id']}.jpg"


READ = """async (url) => {
  performance.clearResourceTimings();
  const image = new Image();
  const loaded = new Promise((yes, no) => { image.onload = yes; image.onerror = no; });
  image.src = url;
  await loaded;
  await new Promise((later) => setTimeout(later, 50));
  const entry = performance.getEntriesByType('resource').filter((e) => e.name.endsWith(url)).pop();
  return JSON.stringify({
    width: image.naturalWidth, height: image.naturalHeight,
    timing: entry.serverTiming.map((m) => ({name: m.name, duration: m.duration, description: m.description})),
  });
}"""


def read(page: Any, url: str) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    seen = json.loads(page.evaluate(READ, url))
    return seen, {metric["name"]: metric for metric in seen["timing"]}


def test_a_page_reads_where_its_picture_came_from_and_what_it_cost(stack: Stack, page: Any, picture: str) -> None:
    page.goto(f"http://127.0.0.1:{stack.edge_port}{picture.replace('w_320', 'w_16')}")  # same origin as the pictures
    seen, miss = read(page, picture + "?first")
    assert (seen["width"], seen["height"]) == (320, 240)
    assert "miss" in miss["cache"]["description"].lower()
    for name in ("origin", "decode", "transform", "encode"):
        assert miss[name]["duration"] > 0, name
    parts = sum(miss[name]["duration"] for name in ("decode", "transform", "encode"))
    assert parts <= miss["edge"]["duration"] + 1
    assert "width=320,height=240" in miss["content-info"]["description"]
    assert "owidth=640,oheight=480" in miss["content-info"]["description"]

    _, hit = read(page, picture + "?second")  # another URL for the browser's cache, the same object for ours
    assert "hit" in hit["cache"]["description"].lower()
    assert "decode" not in hit
    assert "width=320,height=240" in hit["content-info"]["description"]


def test_nothing_personal_is_in_what_the_page_reads(stack: Stack, page: Any, picture: str) -> None:
    _, metrics = read(page, picture + "?third")
    text = json.dumps(metrics)
    assert "demo" not in text
    assert picture.rsplit("/", 1)[1].split(".", maxsplit=1)[0] not in text
    assert stack.region in text
