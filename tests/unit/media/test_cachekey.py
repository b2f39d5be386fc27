from __future__ import annotations

from typing import Any

from domicile.media.cachekey import RENDER_REVISION, cache_key

PARTS: dict[str, Any] = {
    "tenant": "demo",
    "resource_type": "image",
    "delivery_type": "upload",
    "public_id": "a/b",
    "transformation": "w_5",
    "extension": "jpg",
    "bucket": "",
}


def test_the_text_is_what_other_floors_expect():
    assert cache_key(**PARTS) == f"demo\0image/upload\0a/b\0w_5\0jpg\0\0{RENDER_REVISION}"
    assert cache_key(**PARTS | {"extension": None}) == f"demo\0image/upload\0a/b\0w_5\0\0\0{RENDER_REVISION}"


def test_every_part_makes_another_key():
    others = [cache_key(**PARTS | {name: "other"}) for name in PARTS]
    assert len({cache_key(**PARTS), *others}) == len(PARTS) + 1
