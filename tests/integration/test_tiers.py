"""An origin and two edges of real processes, one the other's parent, each with a hand on its wire to the origin."""

from __future__ import annotations

import asyncio
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from tests.infra.authority import Authority
from tests.infra.ports import free_port
from tests.integration.node_process import Node, Stack, color_of, picture, running_stack
from tests.integration.wire_proxy import WireProxy

RED, BLUE = (255, 0, 0), (0, 0, 255)

pytestmark = pytest.mark.timeout(120)


@dataclass
class Tiers:
    child: Stack
    parent: Node
    parents_wire: WireProxy

    def asked(self, result: str) -> float:
        return self.child.node.count("parent_requests", result=result)


@asynccontextmanager
async def running_tiers() -> AsyncIterator[Tiers]:
    with tempfile.TemporaryDirectory(prefix="dom-") as made:
        directory = Path(made)
        authority, port = Authority.make(directory, "nodes"), free_port()
        certificate, key = authority.issue(
            "node", x509.DNSName("localhost"), x509.UniformResourceIdentifier("domicile:zone:eu-de")
        )
        files: dict[str, Any] = {
            "DOMICILE_EDGE_TIER_CA_FILE": str(directory / "nodes.pem"),
            "DOMICILE_EDGE_TIER_CERTIFICATE_FILE": str(certificate),
            "DOMICILE_EDGE_TIER_KEY_FILE": str(key),
        }
        asks: dict[str, Any] = {
            "DOMICILE_EDGE_TIER_PARENT": f"https://localhost:{port}",
            "DOMICILE_EDGE_TIER_PARENT_REGION": "eu-de",
        }
        async with running_stack(workers=1, **files, **asks) as child:
            parents_wire = WireProxy(child.origin.socket)
            parent = Node(directory, 1, {**files, "DOMICILE_EDGE_TIER_LISTEN": f"127.0.0.1:{port}"})
            await parents_wire.start(directory / "wire.sock")
            try:
                await parent.start()
                yield Tiers(child, parent, parents_wire)
            finally:
                await parent.stop()
                await parents_wire.stop()


async def test_no_order_in_which_purges_reach_the_tiers_brings_old_bytes_back() -> None:
    async with running_tiers() as tiers:
        child, path = tiers.child, "/demo/image/upload/c_scale,w_32/pic.png"
        await child.upload("pic", picture(RED))
        assert color_of((await child.get(path)).body) == RED
        assert (tiers.asked("taken"), child.proxy.counts["blobs"], tiers.parents_wire.counts["blobs"]) == (1, 0, 1)

        tiers.parents_wire.cut = True  # the parent hears of nothing any more, and still has its lease
        await child.upload("pic", picture(BLUE))
        assert color_of((await child.get(path)).body) == BLUE
        assert (tiers.asked("declined"), tiers.asked("taken"), child.proxy.counts["blobs"]) == (1, 1, 1)
        tiers.parents_wire.cut = False

        await tiers.parent.stop(signal.SIGKILL)
        assert color_of((await child.get(path.replace("w_32", "w_33"))).body) == BLUE
        assert tiers.asked("failed") == 1

        await asyncio.to_thread(child.origin.sdk().uploader.destroy, "pic", invalidate=True)
        for width in ("w_32", "w_33", "w_34"):
            assert (await child.get(path.replace("w_32", width))).status == 404
        for node in (child.node, tiers.parent):
            assert not any(word in node.log.read_text() for word in ("Traceback", "/pic"))
