"""Pictures with others laid over them: everything that voids one of these voids what was made with it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from domicile.media.coordinates import Coordinates
from domicile.media.errors import UndecodableMedia
from domicile.media.journal import Kind
from edge.delivery_settings import DeliverySettings
from tests.unit.edge.rig import Rig, grant, hash_of, policy

PATH = "/demo/image/upload/l_logo/w_10/v1/pic.png"
LOGO = hash_of("logo")
DISK_SECONDS_MAX = 20.0


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with Rig.open(tmp_path) as opened:
        opened.origin.upload("pic", b"base")
        opened.origin.upload("logo", b"mark")
        yield opened


def made(logo: bytes, *, base: bytes = b"base", redaction: bytes = b"") -> bytes:
    return b"|".join((base, b"l_logo/w_10", b"", b"over upload/logo " + logo + b" " + redaction))


async def replaced(rig: Rig) -> None:
    await rig.overwrite("logo", b"new")


async def renamed(rig: Rig) -> None:
    """Away, and another one to its name. No version is named: the names have changed."""
    rig.origin.assets["upload/old"] = rig.origin.assets["upload/logo"]
    rig.origin.upload("logo", b"new")
    await rig.entry(Kind.NAME, names=(LOGO, hash_of("old"), hash_of("other")))


async def deleted(rig: Rig) -> None:
    gone = rig.origin.assets.pop("upload/logo")
    await rig.entry(Kind.ASSET, aids=(gone.aid,), names=(LOGO,))


async def erased(rig: Rig) -> None:
    """An erase may name the version alone."""
    gone = rig.origin.assets.pop("upload/logo")
    await rig.entry(Kind.ERASE, aids=(gone.aid,))


async def purged(rig: Rig) -> None:
    await rig.entry(Kind.ASSET, aids=(rig.origin.assets["upload/logo"].aid,))


Happens = Callable[[Rig], Awaitable[None]]
HAPPENINGS: dict[str, Happens] = {
    "replaced": replaced,
    "renamed": renamed,
    "deleted": deleted,
    "erased": erased,
    "purged": purged,
}
GONE = {"deleted", "erased"}


def expected(what: str) -> bytes:
    return {"replaced": made(b"new"), "renamed": made(b"new"), "purged": made(b"mark")}.get(what, b"")


def bodies_in_memory(rig: Rig) -> list[object]:
    memory = rig.parts.tiers.lookup.memory
    return [stored.body for key in memory if (stored := memory.get(key)) is not None]


def files(rig: Rig) -> list[Path]:
    return [file for file in rig.settings.cache_path.glob("??/*") if file.is_file()]


async def written(rig: Rig, count: int = 1) -> list[Path]:
    """The files, once there are so many and none is being written: an answer does not wait for the disk."""
    async with asyncio.timeout(DISK_SECONDS_MAX):
        while len(found := files(rig)) != count or any(file.suffix == ".tmp" for file in found):
            await asyncio.sleep(0.002)
    return found


# --- what ends it -----------------------------------------------------------------------------------------------------


async def test_a_layer_is_fetched_and_laid_over_and_the_next_request_is_a_hit(rig: Rig) -> None:
    first, second = await rig.get(PATH), await rig.get(PATH)
    assert first.body == second.body == made(b"mark")
    assert second.cache == "hit"
    assert (rig.origin.resolves, rig.origin.blobs, rig.pool.renders) == (1, 2, 1)


@pytest.mark.parametrize("what", HAPPENINGS)
async def test_what_happens_to_a_layer_ends_what_was_made_with_it_in_memory_and_on_disk(rig: Rig, what: str) -> None:
    for _ in range(3):  # by then it is answered in one pass
        await rig.get(PATH)
    await written(rig)
    await HAPPENINGS[what](rig)
    assert bodies_in_memory(rig) == []
    assert files(rig) == []
    got = await rig.get(PATH)
    assert (got.status, got.body) == (404 if what in GONE else 200, expected(what))


@pytest.mark.parametrize("what", HAPPENINGS)
async def test_a_file_of_another_worker_is_no_answer_either(rig: Rig, what: str, tmp_path: Path) -> None:
    """That worker deletes it when it comes to it; this one reads its head, and the fence is asked."""
    await rig.get(PATH)
    (file,) = await written(rig)
    disk = rig.parts.tiers.lookup.disk
    assert disk is not None
    copy, records = file.read_bytes(), dict(rig.link.records)
    await HAPPENINGS[what](rig)
    file.write_bytes(copy)
    rig.link.records |= records
    rig.parts.tiers.lookup.memory.clear()
    got = await rig.get(PATH)
    assert (got.status, got.body) == (404 if what in GONE else 200, expected(what))


@pytest.mark.parametrize("gate", ["resolve", "head", "body", "render", "store"])
@pytest.mark.parametrize("what", HAPPENINGS)
async def test_it_is_never_outrun_by_a_fill_in_the_middle(rig: Rig, what: str, gate: str) -> None:
    held = {
        "resolve": rig.origin.resolve_gate,
        "head": rig.origin.head_gate,
        "body": rig.origin.body_gate,
        "render": rig.pool.gate,
        "store": rig.link.store_gate,
    }[gate]
    held.close()
    async with asyncio.TaskGroup() as group:
        early = group.create_task(rig.get(PATH))
        await asyncio.wait_for(held.reached.wait(), 2)
        await HAPPENINGS[what](rig)
        held.open()
        late = await rig.get(PATH)
    status = 404 if what in GONE else 200
    assert (late.status, late.body) == (status, expected(what))
    if gate != "store":  # there the old bytes had been handed over before it happened
        assert (early.result().status, early.result().body) == (status, expected(what))
    await asyncio.sleep(0.05)  # for what might still come
    await written(rig, 0 if what in GONE else 1)
    assert bodies_in_memory(rig) == ([] if what in GONE else [expected(what)])


async def test_the_tags_of_a_layer_are_none_of_its_business(rig: Rig) -> None:
    await rig.get(PATH)
    await rig.entry(Kind.NAME, names=(hash_of("logo", kind="labels"),))
    assert (await rig.get(PATH)).cache == "hit"


async def test_what_happens_to_the_base_ends_it_as_ever(rig: Rig) -> None:
    await rig.get(PATH)
    await rig.overwrite("pic", b"other")
    assert (await rig.get(PATH)).body == made(b"mark", base=b"other")


async def test_a_layer_in_a_branch_that_is_not_taken_counts_too_and_is_not_fetched(rig: Rig) -> None:
    path = "/demo/image/upload/if_w_{}_30/l_logo/if_end/w_10/v1/pic.png"
    assert b"over" not in (await rig.get(path.format("lt"))).body  # it is 40 wide
    assert rig.origin.blobs == 1
    assert (await rig.get(path.format("gt"))).body.endswith(b"over upload/logo mark ")
    assert rig.origin.blobs == 2  # the picture below is still at hand
    await replaced(rig)
    for branch in ("lt", "gt"):
        assert (await rig.get(path.format(branch))).cache != "hit"


async def test_a_layer_of_a_named_transformation_counts(rig: Rig) -> None:
    await rig.configure(policy(), revision=2, named={"marked": "l_logo/c_scale,w_20"})
    path = "/demo/image/upload/t_marked/v1/pic.png"
    assert b"over upload/logo mark " in (await rig.get(path)).body
    await replaced(rig)
    assert b"over upload/logo new " in (await rig.get(path)).body


async def test_a_refusal_that_a_layer_caused_goes_with_the_layer(rig: Rig) -> None:
    rig.pool.error = UndecodableMedia("Invalid image file")
    for _ in range(3):
        assert (await rig.get(PATH)).status == 400
    assert rig.pool.renders == 1
    rig.pool.error = None
    assert (await rig.get(PATH)).status == 400
    await replaced(rig)
    assert (await rig.get(PATH)).body == made(b"new")


async def test_a_picture_that_stands_in_bears_the_layers_and_ends_with_them(rig: Rig) -> None:
    rig.origin.upload("nobody", b"nobody")
    path = "/demo/image/upload/d_nobody.png/l_logo/w_10/v1/jane.png"
    first = await rig.get(path)
    assert (first.status, first.body.partition(b"|")[0]) == (200, b"nobody")
    assert first.body.endswith(b"over upload/logo mark ")
    assert (await rig.get(path)).cache == "hit"
    await renamed(rig)
    assert (await rig.get(path)).body.endswith(b"over upload/logo new ")
    del rig.origin.assets["upload/logo"]
    await rig.entry(Kind.NAME, names=(LOGO,))
    for _ in range(2):
        got = await rig.get(path)
        assert (got.status, got.headers["X-Cld-Error"]) == (404, "Resource not found - logo")


async def test_the_origin_is_told_what_a_rendition_shows(rig: Rig) -> None:
    await rig.get(PATH)
    await written(rig)
    (told,) = rig.link.reported
    assert (told.aid, told.layers) == (rig.origin.assets["upload/pic"].aid, (rig.origin.assets["upload/logo"].aid,))


# --- its key ----------------------------------------------------------------------------------------------------------


async def test_after_a_restart_the_origins_key_opens_what_is_on_disk(rig: Rig) -> None:
    first = await rig.get(PATH)
    await written(rig)
    rig.parts.tiers.lookup.memory.clear()
    rig.link.records.clear()  # the agent started again and knows no key
    assert (await rig.get(PATH)).body == first.body
    assert (rig.origin.resolves, rig.origin.blobs, rig.pool.renders) == (2, 2, 1)


async def test_a_file_does_not_open_with_another_key_of_one_of_its_pictures(rig: Rig) -> None:
    """The same versions as far as names and numbers go; only what opens the layer is gone."""
    await rig.get(PATH)
    await written(rig)
    rig.parts.tiers.lookup.memory.clear()
    rig.link.records.clear()
    logo = rig.origin.assets["upload/logo"]
    again = rig.origin.upload("logo", b"mark")
    again.aid = logo.aid
    again.sealed = logo.sealed
    rig.origin.transforms = False  # nothing can be made again
    assert (await rig.get(PATH)).status == 451


# --- what is forced, signed, bounded ----------------------------------------------------------------------------------


async def test_what_a_policy_hides_is_hidden_in_each_layer_by_its_own_name(rig: Rig) -> None:
    rig.origin.upload("team/jane", b"face")
    grant(rig.link, policy(redaction={"faces": "pixelate", "folders": ["team"]}))
    path = "/demo/image/upload/l_team:jane/l_logo/v1/pic.png"
    got = (await rig.get(path)).body.split(b"|")
    assert got[-2:] == [b"over upload/team/jane face pixelate_faces", b"over upload/logo mark "]
    assert b"pixelate_faces" not in got  # the base is shown as it is
    grant(rig.link, policy(redaction={"faces": "blur", "folders": ["team"]}))
    assert (await rig.get(path)).body.endswith(b"over upload/team/jane face blur_faces|over upload/logo mark ")


async def test_coordinates_of_a_layer_that_nothing_reads_stay_at_home_and_void_nothing(rig: Rig) -> None:
    rig.origin.assets["upload/logo"].coordinates = Coordinates(faces=((1, 2, 3, 4),))
    assert (await rig.get(PATH)).body == made(b"mark")
    await rig.entry(Kind.NAME, names=(hash_of("logo", kind="coordinates"),))
    assert (await rig.get(PATH)).cache == "hit"


async def test_what_was_made_for_a_signed_path_is_not_shown_to_others(rig: Rig) -> None:
    grant(rig.link, policy(redaction={"faces": "pixelate", "except_signed": True}))
    signed = PATH.replace("/upload/", "/upload/s--goodsign--/")
    assert (await rig.get(signed)).body == made(b"mark")
    assert (await rig.get(PATH)).body.endswith(b"over upload/logo mark pixelate_faces")
    assert (await rig.get(signed)).body == made(b"mark")


@pytest.mark.parametrize("kind", ["private", "authenticated"])
async def test_a_restricted_layer_is_shown_to_those_with_a_signature_alone(rig: Rig, kind: str) -> None:
    rig.origin.upload("logo", b"secret", delivery_type=kind)
    path = f"/demo/image/upload/{{}}l_{kind}:logo/w_10/v1/pic.png"
    for _ in range(2):
        assert (await rig.get(path.format(""))).status == 401
        got = await rig.get(path.format("s--goodsign--/"))
        assert (got.status, b"secret" in got.body) == (200, True)
        assert got.headers["Cache-Control"] == "private, no-store"
        assert (await rig.get(path.format("s--badsign1--/"))).status == 401


async def test_a_restricted_layer_over_what_stands_in_needs_the_signature_too(rig: Rig) -> None:
    rig.origin.upload("logo", b"secret", delivery_type="private")
    rig.origin.upload("nobody", b"nobody")
    path = "/demo/image/upload/{}d_nobody.png/l_private:logo/w_10/v1/jane.png"
    assert (await rig.get(path.format(""))).status == 401
    assert (await rig.get(path.format("s--goodsign--/"))).body.endswith(b"over private/logo secret ")
    assert (await rig.get(path.format(""))).status == 401


async def test_all_layers_together_have_a_limit_and_none_is_fetched_above_it(tmp_path: Path) -> None:
    async with Rig.open(tmp_path, delivery=DeliverySettings(layers_bytes_max=1000)) as rig:
        rig.origin.upload("pic", b"b" * 2000)
        for name in ("one", "two"):
            rig.origin.upload(name, name.encode() * 100)
        assert (await rig.get("/demo/image/upload/l_one/v1/pic.png")).status == 200
        blobs = rig.origin.blobs
        rig.origin.upload("two", b"two" * 300)
        got = await rig.get("/demo/image/upload/l_one/l_two/v1/pic.png")
        assert (got.status, got.headers["X-Cld-Error"]) == (400, "File size of all layers too large")
        assert rig.origin.blobs == blobs
        asked = rig.origin.resolves
        assert (await rig.get("/demo/image/upload/l_one/l_two/v1/pic.png")).status == 400
        assert rig.origin.resolves == asked  # remembered


async def test_a_layer_that_is_larger_than_was_said_is_refused(tmp_path: Path) -> None:
    async with Rig.open(tmp_path, delivery=DeliverySettings(layers_bytes_max=1000)) as rig:
        rig.origin.upload("pic", b"base")
        logo = rig.origin.upload("logo", b"x" * 2000)
        logo.body = b"x"  # what `resolve` says of it
        got = await rig.get(PATH)
        assert (got.status, got.headers["X-Cld-Error"]) == (400, "File size too large")


async def test_a_picture_over_itself_is_fetched_once(rig: Rig) -> None:
    got = await rig.get("/demo/image/upload/l_pic/w_10/v1/pic.png")
    assert got.body.endswith(b"over upload/pic base ")
    assert rig.origin.blobs == 1


def open_sources() -> int:
    """Originals in the clear that this process holds."""
    links = [Path(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")]
    return sum("memfd:source" in os.readlink(link) for link in links if link.is_symlink())


async def test_nothing_is_left_open_however_a_fill_ends(rig: Rig) -> None:
    await rig.get(PATH)
    await rig.get(PATH.replace("w_10", "w_9"))
    assert open_sources() == len(rig.parts.tiers.originals) == 2
    rig.origin.assets["upload/logo"].sealed = b"torn" * 100  # the base is open by then
    await purged(rig)
    assert (await rig.get(PATH)).status == 503
    rig.origin.upload("logo", b"mark")
    rig.pool.error = ZeroDivisionError("bug")
    await rig.entry(Kind.NAME, names=(LOGO,))
    assert (await rig.get(PATH)).status == 500
    assert open_sources() == len(rig.parts.tiers.originals) == 2
    await rig.entry(Kind.ALL)
    assert open_sources() == 0


@pytest.mark.parametrize("lagging", ["pic", "logo"])
async def test_the_smallest_sequence_of_all_answers_is_the_one_that_counts(rig: Rig, lagging: str) -> None:
    """One original is read from a place that has not heard of the last purge: nothing old is given out."""
    await rig.entry(Kind.NAME, names=(hash_of("pic"),))
    rig.origin.behind[rig.origin.assets[f"upload/{lagging}"].aid] = 1
    assert (await rig.get(PATH)).status == 503
    assert bodies_in_memory(rig) == []
    rig.origin.behind.clear()
    assert (await rig.get(PATH)).body == made(b"mark")
