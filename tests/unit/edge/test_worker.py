"""When a worker listens."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from cryptography import x509

from domicile.service.settings import BadSetting
from edge.cdn_settings import CdnSettings
from edge.entrance import Entrance
from edge.link import NodeLink
from edge.restart import look_words
from edge.settings import EdgeSettings, NodeSettings, OriginSettings, TlsSettings
from edge.tier_settings import TierSettings
from edge.worker import _caught_up, drained, read_files, refuse_unfit_certificates
from tests.infra.authority import Authority

HOUR_NS = 3600 * 10**9
ROOT = Path(__file__).parents[3]


@dataclass
class PlayedPage:
    lease_deadline_ns: int

    def now_ns(self) -> int:
        return HOUR_NS


@dataclass
class PlayedLink:
    """Has everything after it was asked so often."""

    page: PlayedPage
    behind: int
    asked: list[bool] = field(default_factory=list)

    def serving(self) -> bool:
        self.asked.append(len(self.asked) >= self.behind)
        return self.asked[-1]


async def caught_up(link: PlayedLink) -> list[bool]:
    await asyncio.wait_for(_caught_up(cast("NodeLink", link)), 5)
    return link.asked


async def test_a_worker_waits_until_it_has_caught_up_with_the_journal() -> None:
    leased = PlayedPage(2 * HOUR_NS)
    assert await caught_up(PlayedLink(leased, behind=3)) == [False, False, False, True]


async def test_without_a_lease_it_has_nothing_to_wait_for() -> None:
    assert await caught_up(PlayedLink(PlayedPage(HOUR_NS - 1), behind=3)) == [False]


@dataclass
class PlayedEntrance:
    """Its responses are over when `over` is set."""

    over: asyncio.Event = field(default_factory=asyncio.Event)
    given: list[float] = field(default_factory=list)

    async def drain(self, *, idle_seconds: float, seconds_max: float) -> None:
        self.given.append(seconds_max)
        await self.over.wait()


async def test_a_worker_that_leaves_gives_open_responses_longer_until_it_is_to_stop() -> None:
    node = NodeSettings(drain_seconds_max=0.01, recycle_drain_seconds_max=3600.0)
    played, stopping = PlayedEntrance(), asyncio.Event()
    leaving = asyncio.create_task(drained([cast("Entrance", played)], node, stopping))
    while not played.given:
        await asyncio.sleep(0)
    played.over.set()
    await asyncio.wait_for(leaving, 5)

    played = PlayedEntrance()
    leaving = asyncio.create_task(drained([cast("Entrance", played)], node, stopping))
    while not played.given:
        await asyncio.sleep(0)
    stopping.set()
    await asyncio.wait_for(leaving, 5)
    assert played.given == [3600.0]

    played = PlayedEntrance()
    played.over.set()
    await asyncio.wait_for(drained([cast("Entrance", played)], node, stopping), 5)
    assert played.given == [0.01]


FILES: dict[str, Any] = {"certificate_file": Path("missing.pem"), "ca_file": Path("missing.pem")}


@pytest.mark.parametrize(
    "group",
    [
        {"cdn": CdnSettings(kind="generic", listen="127.0.0.1:1", certificate_file=Path("missing.pem"))},
        {"tier": TierSettings(listen="127.0.0.1:1", **FILES)},
        {"tier": TierSettings(parent="https://parent", parent_region="eu-de", **FILES)},
        {"origin": OriginSettings(base="https://origin", **FILES)},
    ],
)
async def test_a_certificate_that_cannot_be_used_is_found_before_a_worker_ends_for_it(group: dict[str, Any]) -> None:
    (name,) = group
    with pytest.raises(BadSetting, match=rf"^edge\.{name}\."):
        await read_files(EdgeSettings(**group))


async def test_a_node_without_certificates_has_none_to_read(tmp_path: Path) -> None:
    await read_files(EdgeSettings(data_dir=tmp_path))


async def test_certificates_to_change_over_to_are_refused_where_they_do_not_fit(tmp_path: Path) -> None:
    authority = Authority.make(tmp_path, "authority")
    zone, key = authority.issue("zone", x509.UniformResourceIdentifier("domicile:zone:eu-de"))
    ended = authority.issue("ended", x509.UniformResourceIdentifier("domicile:zone:eu-de"), hours=-1)

    def https(certificate_file: Path, key_file: Path) -> OriginSettings:
        return OriginSettings(base="https://localhost", certificate_file=certificate_file, key_file=key_file)

    async def looked_at(**settings: Any) -> None:
        refuse_unfit_certificates(EdgeSettings(data_dir=tmp_path, **settings))
        await read_files(EdgeSettings(data_dir=tmp_path, **settings))

    await looked_at(origin=https(zone, key), tls=TlsSettings(certificate_file=zone, key_file=key))
    for files, region in (((zone, ended[1]), "eu-de"), (ended, "eu-de"), ((zone, key), "eu-fr")):
        with pytest.raises(BadSetting, match=r"edge\.origin\.certificate_file"):
            await looked_at(origin=https(*files), region=region)
    for files in ((zone, ended[1]), ended):
        with pytest.raises(BadSetting, match=r"edge\.tls\.certificate_file"):
            await looked_at(tls=TlsSettings(certificate_file=files[0], key_file=files[1]))
    await read_files(EdgeSettings(data_dir=tmp_path, origin=https(*ended)))  # a worker that starts takes what there is


def test_a_certificate_that_has_ended_keeps_nothing_erased_in_memory(tmp_path: Path) -> None:
    """Workers are replaced after an erasure although it has: nobody is there who could have brought another."""
    certificate, key = Authority.make(tmp_path, "authority").issue("ended", hours=-1)
    files = {"DOMICILE_EDGE_TLS_CERTIFICATE_FILE": str(certificate), "DOMICILE_EDGE_TLS_KEY_FILE": str(key)}
    words = [sys.executable, "-P", "-m", "edge", *look_words(is_asked=False)]
    looked = subprocess.run(words, env={**os.environ, **files}, cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert (looked.returncode, looked.stderr) == (0, b"")
    assert look_words(is_asked=True) == ("look",)
