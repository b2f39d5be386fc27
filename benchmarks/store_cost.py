"""What 100,000 objects cost a node in memory, and what a start on as many files costs in time.

    python -m benchmarks.store_cost memory WHAT COUNT     # prints the growth of this process in bytes
    python -m benchmarks.store_cost start DIRECTORY COUNT # prints a row as JSON

Memory is measured in a process of its own for each structure, filled as a worker or the agent fills it: with strings of its
own for every object, and through the same functions. The start has real files, a real `node.db` and register in the same
process, and the keeper that a worker runs; the loop is watched meanwhile, since a worker that stands still serves nobody.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any, cast

from domicile.media.asset import Aid, NameHash
from edge.keyring import Keyring
from edge.messages import KeyRecord, StoredObject
from edge.nodedb import NodeDb
from edge.register import Register
from edge.store.disk import DiskStore
from edge.store.index import Index
from edge.store.keeper import Keeper
from edge.store.memory import MemoryStore
from edge.store.port import Stored, StoredHead
from edge.store.room import Marks, Room
from edge.store.written import kept_of, record_of

COUNT = 100_000
BODY_BYTES = 200
WATCH_SECONDS = 0.001


def head(number: int) -> StoredHead:
    """As a worker stores it: nothing shared with another one."""
    return StoredHead(
        tenant="demo", contributors=(Aid(f"{number:032x}"),), names=(NameHash(f"{number + 10**12:032x}"),), epoch=1,
        sequence=number + 1000, config_revision=1, stored_at=number + 0.5, ttl_seconds=86400.0,
        content_type="image/jpeg", etag=f'"{number:032x}"', body_bytes=BODY_BYTES, format="jpg",
        content_info=f"width={number},height=200,bytes={number},format=jpg,owidth=3024,oheight=4032,oformat=jpg",
    )  # fmt: skip


def name_of(number: int) -> str:
    return f"{number * 2654435761 % 2**160:040x}"[::-1]


# --- memory ---------------------------------------------------------------------------------------------------------


def index(count: int) -> object:
    """What a worker knows of its files."""
    made = Index(10**15)
    for number in range(count):
        made.enlist(name_of(number), kept_of(head(number)), BODY_BYTES)
    return made


def keyring(count: int) -> object:
    """What the agent knows of the files of all workers while it runs."""
    made = Keyring(10**9)
    for number in range(count):
        record = record_of(name_of(number), head(number), number.to_bytes(32, "big"))
        made.put(record.file_name, record.key_record())
    return made


def ram(count: int) -> object:
    """The RAM tier, bodies of BODY_BYTES included."""
    made = MemoryStore(bytes_max=10**15, object_bytes_max=10**6, count=lambda _: None)
    for number in range(count):
        key = (
            f"demo\0image/upload\0folder/of/pictures/picture-{number}\0c_fill,g_north,h_200,w_300\0jpg\0\0001\0stripped"
        )
        made.put(key, Stored(head=head(number), body=os.urandom(BODY_BYTES)))
    return made


def ghosts(count: int) -> object:
    """Names that a full tier remembers; GHOSTS_MAX of them at most."""
    made: Index = Index(10**15)
    for number in range(count):
        made.remember(name_of(number), BODY_BYTES)
    return made


STRUCTURES = {
    "disk tier: index, in its worker": index,
    "disk tier: keys, in the agent": keyring,
    f"RAM tier, bodies of {BODY_BYTES} bytes included": ram,
    "names of strangers (50,000 at most)": ghosts,
}


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def grown(what: str, count: int) -> int:
    STRUCTURES[what](100)
    gc.collect()
    before = resident()
    held = STRUCTURES[what](count)
    gc.collect()
    after = resident()
    assert held is not None
    return after - before


# --- start ----------------------------------------------------------------------------------------------------------


class OwnRegister:
    """The agent's register, without its socket."""

    def __init__(self, register: Register) -> None:
        self._register = register

    async def keyring_get(self, file_name: str, *, is_use: bool = True) -> KeyRecord | None:
        return self._register.key_of(file_name, is_use=is_use)

    async def stored(self, record: StoredObject) -> bool:
        return self._register.store(record)

    async def forget(self, file_names: Iterable[str]) -> None:
        self._register.forget(tuple(file_names))

    async def object_pages(self, slot: int) -> AsyncIterator[tuple[StoredObject, ...]]:
        after = ""
        while True:
            part = await self._register.page(slot, after)
            yield part.objects
            if not part.after:
                return
            after = part.after


class PlayedNode:
    """One worker, and nothing fenced."""

    class page:  # noqa: N801 - an attribute of the node
        workers = 1

    @staticmethod
    def fresh(_: object) -> bool:
        return True


async def start(directory: Path, count: int) -> dict[str, Any]:
    """Write files and rows, then take stock as a worker that has just started."""
    names = [name_of(number) for number in range(count)]
    for prefix in range(256):
        (directory / f"{prefix:02x}").mkdir()
    for name in names:
        (directory / name[:2] / name).write_bytes(bytes(BODY_BYTES))
    db = NodeDb(directory / "node.db", give_room=lambda: False)
    await db.open()
    heads = ((name, head(number)) for number, name in enumerate(names))
    await db.change_objects([record_of(name, its, b"") for name, its in heads], ())
    register = Register(cast("Any", PlayedNode()), db, Keyring(10), objects_max=10**9)
    await register.start()
    began = time.perf_counter()
    disk = DiskStore(
        directory, region="eu-de", slot=0, workers=1, marks=Marks.of(10**15), register=OwnRegister(register),
        room=Room(directory, free_bytes_min=0), count=lambda _: None,
    )  # fmt: skip
    keeper = Keeper(disk, may_stay=lambda _: True, scrub_bytes_per_second=0)
    ready = time.perf_counter() - began
    stalls: list[float] = []

    async def watch() -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            now = time.perf_counter()
            stalls.append(now - last - WATCH_SECONDS)
            last = now

    watching = asyncio.get_running_loop().create_task(watch())
    complete = await keeper.take_stock()
    stock = time.perf_counter() - began
    watching.cancel()
    await db.close()
    return {
        "objects": count,
        "serves_after_s": ready,
        "stock_taken_after_s": stock,
        "longest_stall_s": max(stalls),
        "within": complete and len(disk) == count,
    }


# --- both -----------------------------------------------------------------------------------------------------------


def _run(*arguments: str) -> str:
    command = [sys.executable, "-m", "benchmarks.store_cost", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=600).stdout


def memory(*, scale: float = 1.0) -> list[dict[str, Any]]:
    """A row for each structure: MB for COUNT objects, and bytes for one."""
    count = round(COUNT * scale)
    rows = []
    for what in STRUCTURES:
        size = int(_run("memory", what, str(count)))
        rows.append({"what": what, "objects": count, "MB": size / 1e6, "bytes_each": size / count})
    return rows


def starting(work: Path, *, scale: float = 1.0) -> list[dict[str, Any]]:
    directory = work / "cache"
    directory.mkdir()
    row = json.loads(_run("start", str(directory), str(round(COUNT * scale))))
    return [row]


if __name__ == "__main__":
    if sys.argv[1] == "memory":
        print(grown(sys.argv[2], int(sys.argv[3])))
    else:
        print(json.dumps(asyncio.run(start(Path(sys.argv[2]), int(sys.argv[3])))))
