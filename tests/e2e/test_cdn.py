"""Domicile behind a real Varnish: what is purged at both is gone, and nobody gets past the CDN."""

from __future__ import annotations

import io
import json
from pathlib import Path

from PIL import Image

from tests.e2e.canary import Canaries
from tests.e2e.stack import Reply, Stack, request_to
from tests.infra.cdn import SECRET, varnish

WORKERS = 1
ENVIRONMENT = {
    "DOMICILE_EDGE_CDN_KIND": "varnish",
    "DOMICILE_EDGE_CDN_SECRET": SECRET,
    "DOMICILE_EDGE_CDN_OTHERS": "refuse",
    "DOMICILE_ORIGIN_RECORDS_CDNS": "varnish",
}


def picture() -> io.BytesIO:
    body = io.BytesIO()
    Image.new("RGB", (64, 48), (200, 0, 0)).save(body, "PNG")
    body.seek(0)
    return body


def test_an_asset_is_gone_once_it_is_purged_here_and_at_the_cdn_by_the_tags_that_the_purge_told(
    stack: Stack, canaries: Canaries, tmp_path: Path
) -> None:
    public_id, tag = canaries.name("people"), canaries.name("tag")
    uploader = stack.sdk().uploader
    uploader.upload(picture(), public_id=public_id, tags=[tag])
    path, key = f"/demo/image/upload/w_20/{public_id}.png", tmp_path / "purge.pem"
    made = stack.run("key", "new", "--cloud", "demo", "--out", str(key))
    assert made.returncode == 0, made.stderr

    with varnish(stack.edge_port) as port:

        def ask(method: str = "GET", at: str = path, **fields: str) -> Reply:
            return request_to(port, method, at, fields, None)

        assert [ask().headers["x-cache"] for _ in range(2)] == ["MISS", "HIT"]
        assert stack.get(path).status == 403

        done = stack.run("purge", "--key", str(key), "--tag", tag, "--json")
        assert done.returncode == 0, done.stderr
        tags = json.loads(done.stdout)["cdn_tags"]["varnish"]
        assert uploader.destroy(public_id)["result"] == "ok"
        assert ask().headers["x-cache"] == "HIT"  # nobody has told the CDN
        assert ask("PURGE", "/", xkey=" ".join(tags)).status == 200
        for _ in range(2):
            assert ask().status == 404
