"""What a cloud may be called."""

from __future__ import annotations

import pytest

from domicile.media.errors import BadRequest
from domicile.media.url import parse
from origin.records import Records


@pytest.mark.parametrize(
    "cloud",
    ["image", "video", "raw", "images", "files", "videos", "iu", "res", "healthz", "readyz", "metrics", "search"],
)
async def test_a_cloud_is_not_called_like_something_else_in_a_url(records: Records, cloud: str) -> None:
    with pytest.raises(BadRequest, match="in URLs it means something else"):
        await records.create_tenant(cloud)
    assert records.tenant(cloud) is None


@pytest.mark.parametrize("cloud", ["v1_1", "_edge", "Demo", "a.b", "", "a" * 64])
async def test_a_cloud_has_a_plain_name(records: Records, cloud: str) -> None:
    with pytest.raises(BadRequest, match="1 to 63"):
        await records.create_tenant(cloud)


async def test_a_name_that_only_begins_like_one_is_free(records: Records) -> None:
    await records.create_tenant("images-2")
    assert parse("/images-2/image/upload/a.jpg").cloud == "images-2"
