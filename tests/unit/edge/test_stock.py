"""An edge tells the origin of which versions there are files on its disk: those, and no others; whole lists, or none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from domicile.media.errors import UpstreamUnavailable
from domicile.media.policy import Activity, Permit, Place
from domicile.media.wire import CopyListing
from domicile.service.gate.wire import WireClient
from edge import stock as module
from edge.stock import Stock
from edge.store.files import Files
from tests.unit.edge.nodes import HEAD, HOME, AgentSide, agent_side, lease, stored

NODE = "1" * 32


class Wire:
    """What the origin heard."""

    def __init__(self) -> None:
        self.heard: list[CopyListing] = []
        self.fails_after = 1000

    async def copies(self, permit: Permit, listing: CopyListing) -> None:
        permit.require(Activity.METADATA, listing.tenant)
        if len(self.heard) >= self.fails_after:
            raise UpstreamUnavailable("away")
        self.heard.append(listing)

    @property
    def aids(self) -> list[str]:
        return sorted(aid for listing in self.heard for aid in listing.aids)


@pytest.fixture
async def side(tmp_path: Path) -> AsyncIterator[AgentSide]:
    async with agent_side(tmp_path) as opened:
        opened.node.adopt("demo", HEAD)
        opened.node.grant(lease(), home=HOME)
        await opened.register.start()
        yield opened


def stock_of(side: AgentSide, directory: Path, wire: Wire) -> Stock:
    return Stock(
        side.node,
        side.db,
        cast(WireClient, wire),
        Files(directory, slot=0, workers=1),
        node_id=NODE,
        place=Place(name="edge", region=HOME),
        seconds=60.0,
        flush=side.register.flush,
    )


def keep(side: AgentSide, directory: Path, number: int, **of: Any) -> Path:
    """A row, and its file."""
    file_name = f"{number:040x}"
    assert side.register.store(stored(file_name, **of))
    file = directory / file_name[:2] / file_name
    file.parent.mkdir(exist_ok=True)
    file.touch()
    return file


async def test_versions_whose_files_are_there_are_listed_in_a_list_that_opens_and_closes(
    side: AgentSide, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROWS_PER_PAGE", 2)
    monkeypatch.setattr(module, "PAGE_PAUSE_SECONDS", 0.0)
    wire = Wire()
    for number, aid in enumerate("abca"):
        keep(side, tmp_path, number, aid=aid)
    keep(side, tmp_path, 9, aid="d").unlink()
    await stock_of(side, tmp_path, wire).take()
    assert sorted(set(wire.aids)) == [digit * 32 for digit in "abc"]
    assert [(one.opens, one.closes) for one in wire.heard] == [(True, False), *[(False, False)] * 2, (False, True)]
    assert {(one.node, one.tenant) for one in wire.heard} == {(NODE, "demo")}


async def test_a_node_without_files_says_so(side: AgentSide, tmp_path: Path) -> None:
    wire = Wire()
    await stock_of(side, tmp_path, wire).take()
    assert [(one.opens, one.aids, one.closes) for one in wire.heard] == [(True, (), False), (False, (), True)]


async def test_without_a_lease_nothing_is_told(side: AgentSide, tmp_path: Path) -> None:
    wire = Wire()
    keep(side, tmp_path, 1)
    side.node.lock()
    await stock_of(side, tmp_path, wire).take()
    assert wire.heard == []


async def test_a_list_that_the_origin_did_not_hear_all_of_is_not_closed(side: AgentSide, tmp_path: Path) -> None:
    wire = Wire()
    wire.fails_after = 1
    keep(side, tmp_path, 1)
    with pytest.raises(UpstreamUnavailable):
        await stock_of(side, tmp_path, wire).take()
    assert [one.closes for one in wire.heard] == [False]
