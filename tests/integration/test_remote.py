"""Pictures from elsewhere, windows and tokens, by real processes and the unmodified SDK."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import cloudinary.api
import pytest
import pytest_asyncio

from tests.infra.elsewhere import Elsewhere, running_elsewhere
from tests.integration.node_process import Stack, color_of, picture, running_stack
from tests.integration.test_origin_wire import operate

RED, BLUE = (255, 0, 0), (0, 0, 255)
RESTRICTED = "Images of type fetch are restricted in this account"

pytestmark = [pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]


@pytest.fixture(scope="module")
def there() -> Iterator[Elsewhere]:
    with running_elsewhere() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack() -> AsyncIterator[Stack]:
    async with running_stack(
        workers=2, origin_environment={"DOMICILE_ORIGIN_REMOTE_PRIVATE_HOSTS": "127.0.0.1"}
    ) as running:
        yield running


def allow(stack: Stack, there: Elsewhere, delivery: str) -> None:
    file = stack.origin.data / "policies" / "demo.toml"
    file.write_text(
        'tenant = "demo"\n[zones]\ningress_fetch = ["eu-de"]\n'
        f'[remote]\nhosts = ["127.0.0.1:{there.port}"]\ndelivery = "{delivery}"\n'
    )
    assert operate(stack.origin, "POST", "/_admin/v1/policies") == (200, {"changed": ["demo"]})


def url(stack: Stack, source: str, **options: Any) -> str:
    """As the SDK builds it, without the host."""
    built, _ = stack.origin.sdk().utils.cloudinary_url(source, **options)
    return "/" + str(built).split("/", 3)[3]


async def statuses(stack: Stack, path: str) -> set[int]:
    return {reply.status for reply in await stack.everywhere(path)}


async def become(stack: Stack, path: str, status: int) -> None:
    """A new configuration takes effect at each worker when it has heard of it."""
    async with asyncio.timeout(10):
        while await statuses(stack, path) != {status}:
            await asyncio.sleep(0.02)


async def test_the_type_fetch_from_off_to_open_and_what_becomes_of_it(stack: Stack, there: Elsewhere) -> None:
    address = there.put("/a%20red.png?q=1", picture(RED))
    plain = url(stack, address, type="fetch", width=20, crop="scale", fetch_format="png")
    reply = await stack.get(plain)
    assert (reply.status, reply.headers["x-cld-error"]) == (401, RESTRICTED)
    allow(stack, there, "signed")
    assert await statuses(stack, plain) == {401}
    assert there.asked == []
    signed = url(stack, address, type="fetch", width=20, crop="scale", fetch_format="png", sign_url=True)
    await become(stack, signed, 200)
    assert await statuses(stack, plain) == {401}
    for reply in await stack.everywhere(signed):
        assert (reply.status, color_of(reply.body)) == (200, RED)
        assert reply.headers["cache-control"].startswith("public")
    allow(stack, there, "open")
    await become(stack, plain, 200)
    assert there.asked == ["/a%20red.png?q=1"]
    unlisted = await stack.get(url(stack, "https://unlisted.example/a.png", type="fetch"))
    assert (unlisted.status, unlisted.headers["x-cld-error"]) == (401, RESTRICTED)
    gone = await stack.get(url(stack, there.address("/gone.png"), type="fetch"))
    assert (gone.status, gone.headers["x-cld-error"]) == (
        404,
        f"Error in loading {there.address('/gone.png')} - 404 Not Found",
    )
    assert "no-store" in gone.headers["cache-control"]
    sdk = stack.origin.sdk()
    [listed] = (await asyncio.to_thread(cloudinary.api.resources, type="fetch"))["resources"]
    assert listed["public_id"] == address
    assert await statuses(stack, listed["url"][listed["url"].index("/demo") :]) == {200}
    assert (await asyncio.to_thread(sdk.uploader.destroy, address, type="fetch"))["result"] == "ok"
    there.put("/a%20red.png?q=1", picture(BLUE))
    assert {color_of(reply.body) for reply in await stack.everywhere(plain)} == {BLUE}
    there.put("/a%20red.png?q=1", b"<script>")
    again = await asyncio.to_thread(sdk.uploader.explicit, address, type="fetch", tags=["mine"])
    assert again["tags"] == ["mine"]


async def test_a_layer_from_elsewhere(stack: Stack, there: Elsewhere) -> None:
    if 'delivery = "open"' not in (stack.origin.data / "policies" / "demo.toml").read_text():
        allow(stack, there, "open")
    await stack.upload("base", picture(RED))
    address = there.put("/logo.png", picture(BLUE, (8, 8)))
    path = url(stack, "base", overlay={"url": address}, version=1, format="png")
    assert "l_fetch:" in path
    await become(stack, path, 200)
    for reply in await stack.everywhere(path):
        assert (reply.status, color_of(reply.body)) == (200, BLUE)


async def test_a_mapped_folder_is_delivered_from_where_its_pictures_lie(stack: Stack, there: Elsewhere) -> None:
    allow(stack, there, "off")
    template = there.address("/media/")
    await asyncio.to_thread(cloudinary.api.create_upload_mapping, "moved", template=template)
    there.put("/media/team/jane.JPG", picture(RED))
    await stack.upload("moved/here", picture(BLUE))
    path = url(stack, "moved/team/jane.JPG", width=20, crop="scale", fetch_format="png")
    assert path.endswith("/moved/team/jane.JPG")
    for reply in await stack.everywhere(path):
        assert (reply.status, color_of(reply.body)) == (200, RED)
    assert there.asked.count("/media/team/jane.JPG") == 1
    assert (await asyncio.to_thread(cloudinary.api.resource, "moved/team/jane"))["type"] == "upload"
    for reply in await stack.everywhere(url(stack, "moved/here.png", version=1)):
        assert color_of(reply.body) == BLUE
    gone = await stack.get(url(stack, "moved/nobody.jpg"))
    assert (gone.status, "127.0.0.1" in gone.headers["x-cld-error"]) == (404, False)
    await asyncio.to_thread(cloudinary.api.delete_upload_mapping, "moved")


async def test_what_is_made_of_many_is_delivered_until_one_of_them_goes(stack: Stack) -> None:
    for public_id, color in (("many-a", RED), ("many-b", BLUE)):
        await stack.upload(public_id, picture(color), tags=["many"])
    uploader = stack.origin.sdk().uploader
    film = await asyncio.to_thread(uploader.multi, tag="many")
    sheet = await asyncio.to_thread(uploader.generate_sprite, tag="many")
    places = {address: address[address.index("/demo") :] for address in (film["url"], sheet["url"], sheet["css_url"])}
    replies = [await stack.get(path) for path in places.values()]
    assert [reply.headers["content-type"].split(";")[0] for reply in replies] == ["image/gif", "image/png", "text/css"]
    assert color_of((await stack.get(f"/demo/image/multi/w_5,pg_2/v{film['version']}/many.png")).body) == BLUE
    await asyncio.to_thread(uploader.destroy, "many-b")
    for path in places.values():
        assert await statuses(stack, path) == {404}


async def test_windows_and_tokens_by_the_sdk(stack: Stack) -> None:
    sdk = stack.origin.sdk()
    status, made = operate(stack.origin, "POST", "/_admin/v1/token_keys", {"cloud": "demo"})
    assert status == 200
    key = {"key": made["key"], "duration": 300}
    past = datetime.fromtimestamp(time.time() - 60, UTC).isoformat()
    answer = await stack.upload("closed", picture(RED), access_control=[{"access_type": "token"}])
    assert answer["access_control"] == [{"access_type": "token"}]
    plain = url(stack, "closed", version=1, format="png", width=20, crop="scale")
    tokened = url(stack, "closed", version=1, format="png", width=20, crop="scale", sign_url=True, auth_token=key)
    assert "?__cld_token__=" in tokened
    assert await statuses(stack, plain) == {401}
    await become(stack, tokened, 200)
    for reply in await stack.everywhere(tokened):
        assert color_of(reply.body) == RED
        assert reply.headers["cache-control"] == "private, no-store"
    assert await statuses(stack, plain) == {401}
    cookie = sdk.utils.generate_auth_token(acl="/demo/image/upload/*", **key)
    assert (await stack.get(plain, Cookie=cookie)).status == 200
    await asyncio.to_thread(cloudinary.api.update, "closed", access_control=[])
    assert await statuses(stack, plain) == {200}
    await asyncio.to_thread(
        sdk.uploader.explicit, "closed", type="upload", access_control=[{"access_type": "anonymous", "end": past}]
    )
    for reply in await stack.everywhere(plain):
        assert (reply.status, reply.headers["x-cld-error"]) == (401, "deny or ACL failure")
    await stack.upload("secret", picture(BLUE), type="authenticated")
    plain = url(stack, "secret", type="authenticated", version=1, format="png")
    tokened = url(stack, "secret", type="authenticated", version=1, format="png", sign_url=True, auth_token=key)
    assert await statuses(stack, plain) == {401}
    assert await statuses(stack, tokened) == {200}
    status, _ = operate(stack.origin, "POST", "/_admin/v1/token_keys/retire", {"cloud": "demo", "id": made["id"]})
    assert status == 200
    await become(stack, tokened, 401)
    assert made["key"] not in stack.origin.log.read_text() + stack.node.log.read_text()
