"""What goes out to whom: the CDN gets what it can forget again, everybody else a copy for himself."""

from __future__ import annotations

import dataclasses
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography import x509

from domicile.media.cdn import CDNS
from domicile.media.outward_tags import TAGGED_SECONDS_MAX, month_of, tag, tag_key
from domicile.service.settings import BadSetting, Secret
from edge.cache.forward import HOPS_MAX
from edge.cdn_listener import cdn_entrances, tls_context
from edge.cdn_settings import CdnSettings
from edge.downstream import Downstream
from tests.infra.authority import Authority
from tests.infra.ports import free_port
from tests.unit.edge.rig import NAME_KEY, Got, Rig, hash_of, policy

PATH = "/demo/image/upload/w_10/people/pic.png"
SECRET = "s" * 16
PROOF = {"Domicile_CDN_Secret": SECRET}
SHARED = ("CDN-Cache-Control", "Surrogate-Control", "Cloudflare-CDN-Cache-Control")
TAGGED = sorted({cdn.tag_field for cdn in CDNS.values() if cdn.tag_field is not None})


@asynccontextmanager
async def behind(directory: Path, kind: str, **fields: Any) -> AsyncIterator[Rig]:
    async with Rig.open(directory, cdn=CdnSettings(kind=kind, secret=Secret(SECRET), **fields)) as rig:
        rig.origin.upload("people/pic", b"one")
        yield rig


def now_tag(rig: Rig, kind: str, text: str, cdn: str) -> str:
    at = rig.parts.app.wording.wall_clock()
    return tag(tag_key(NAME_KEY, cdn=cdn, month=month_of(at)), kind, text)


def outward_fields(got: Got) -> dict[str, str]:
    return {name: got.headers[name] for name in (*SHARED, *TAGGED) if name in got.headers}


@pytest.mark.parametrize(
    ("kind", "lifetimes"),
    [
        ("generic", {"CDN-Cache-Control": "max-age=300, must-revalidate", "Surrogate-Control": "max-age=300"}),
        ("fastly", {"Surrogate-Control": "max-age=300"}),
        ("cloudflare", {"Cloudflare-CDN-Cache-Control": "max-age=300, must-revalidate"}),
        ("cloudfront", {}),
        ("akamai", {}),
        ("bunny", {}),
        ("varnish", {}),
        ("nginx", {}),
    ],
)
async def test_a_cdn_is_told_in_its_own_fields_and_can_purge_by_what_the_fence_judges_by(
    tmp_path: Path, kind: str, lifetimes: dict[str, str]
) -> None:
    async with behind(tmp_path, kind) as rig:
        got = await rig.get(PATH, **PROOF)
        asset, cdn = rig.origin.assets["upload/people/pic"], CDNS[kind]
        said = outward_fields(got)
        told = said.pop(cdn.tag_field, None) if cdn.tag_field else None
        assert said == lifetimes
        assert "s-maxage=300" in got.headers["Cache-Control"]
        if cdn.tag_field is None:
            assert told is None
        else:
            wanted = [("cloud", ""), ("aid", asset.aid), ("mark", hash_of("people/pic")), ("folder", "people/")]
            assert told == cdn.separator.join(now_tag(rig, one, text, kind) for one, text in wanted)


async def test_who_is_not_the_cdn_gets_a_copy_for_himself_and_no_tag(tmp_path: Path) -> None:
    async with behind(tmp_path, "generic") as rig:
        for _ in range(4):  # from a fill, from RAM, and hot
            for proof in ({}, {"Domicile_CDN_Secret": "t" * 16}):
                got = await rig.get(PATH, **proof)
                assert (got.status, outward_fields(got)) == (200, {})
                assert got.headers["Cache-Control"] == "private, no-transform, max-age=60, must-revalidate"
        assert rig.parts.app.hot.answers > 0


async def test_hot_hits_say_to_each_what_the_ordinary_path_says_to_him(tmp_path: Path) -> None:
    async with behind(tmp_path, "fastly") as rig:
        for _ in range(3):
            await rig.get(PATH, **PROOF)
        said = {}
        for name, proof in [("cdn", PROOF), ("other", {})]:
            before = rig.parts.app.hot.answers
            hot = await rig.get(PATH, **proof)
            assert rig.parts.app.hot.answers == before + 1
            cold = await rig.get(PATH + "?", **proof)
            for field in ("Cache-Control", "ETag", "Surrogate-Control", "Surrogate-Key"):
                assert re.sub(r"\d+", "n", hot.headers.get(field, "")) == re.sub(
                    r"\d+", "n", cold.headers.get(field, "")
                )
            same = await rig.get(PATH, If_None_Match=hot.headers["ETag"], **proof)
            assert same.status == 304
            assert same.headers.get("Surrogate-Key") == hot.headers.get("Surrogate-Key")
            said[name] = hot.headers["ETag"]
        assert said["cdn"] != said["other"]
        crossed = await rig.get(PATH, If_None_Match=said["other"], **PROOF)
        assert crossed.status == 200  # of another month, or of none: it is fetched anew, with the tags of now


async def test_others_are_refused_hot_or_not_where_that_is_set_and_health_is_for_everybody(tmp_path: Path) -> None:
    async with behind(tmp_path, "fastly", others="refuse") as rig:
        for _ in range(4):
            assert (await rig.get(PATH, **PROOF)).status == 200
            refused = await rig.get(PATH)
            assert (refused.status, refused.body) == (403, b"")
            assert "no-store" in refused.headers["Cache-Control"]
        assert rig.origin.resolves == 1
        assert (await rig.get("/healthz")).status == 200


async def test_what_varies_is_kept_by_no_cdn_that_would_hand_one_variant_to_everybody(tmp_path: Path) -> None:
    path = "/demo/image/upload/f_auto/people/pic.png"
    async with behind(tmp_path / "a", "cloudflare") as rig:
        got = await rig.get(path, **PROOF)
        assert got.headers["Vary"] == "Accept"
        assert got.headers["Cache-Control"].startswith("private")
        assert outward_fields(got) == {"Cloudflare-CDN-Cache-Control": "no-store"}
    async with behind(tmp_path / "b", "cloudflare", keys_by_vary=True) as rig:
        assert "Cache-Tag" in outward_fields(await rig.get(path, **PROOF))
    async with behind(tmp_path / "c", "fastly") as rig:
        assert "Surrogate-Key" in outward_fields(await rig.get(path, **PROOF))


async def test_what_has_more_tags_than_the_cdn_takes_is_not_kept_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = dataclasses.replace(CDNS["fastly"], tags_max=3)
    monkeypatch.setitem(CDNS, "fastly", few)
    async with behind(tmp_path, "fastly") as rig:
        got = await rig.get(PATH, **PROOF)
        assert outward_fields(got) == {"Surrogate-Control": "no-store"}
        assert got.headers["Cache-Control"].startswith("private")


async def test_a_stand_in_and_what_is_not_public_bear_no_tag(tmp_path: Path) -> None:
    async with behind(tmp_path, "fastly") as rig:
        rig.origin.upload("pic", b"two", delivery_type="authenticated")
        for path in ["/upload/w_10,d_people:pic.png/nobody.png", "/authenticated/s--goodsign--/w_10/pic.png"]:
            got = await rig.get("/demo/image" + path, **PROOF)
            assert got.status == 200
            assert outward_fields(got) == {"Surrogate-Control": "no-store"}
            assert got.headers["Cache-Control"].startswith("private")


async def test_layers_of_a_cdn_share_the_lifetime(tmp_path: Path) -> None:
    async with behind(tmp_path, "generic", layers=2) as rig:
        got = await rig.get(PATH, **PROOF)
        assert "s-maxage=150" in got.headers["Cache-Control"]
        assert got.headers["Surrogate-Control"] == "max-age=150"


async def test_a_copy_does_not_outlive_the_months_whose_tags_a_purge_tells(tmp_path: Path) -> None:
    year = 365 * 86_400
    lasting = policy(lifetimes={"browser_seconds_max": 60, "shared_seconds_max": year, "edge_seconds_max": year})
    async with behind(tmp_path, "generic", layers=2) as rig:
        await rig.configure(lasting, revision=2)
        got = await rig.get(PATH, **PROOF)
        assert got.headers["Surrogate-Control"] == f"max-age={TAGGED_SECONDS_MAX // 2}"


async def test_a_request_that_has_been_through_a_domicile_is_not_for_here(tmp_path: Path) -> None:
    async with Rig.open(tmp_path) as rig:
        rig.origin.upload("people/pic", b"one")
        for _ in range(4):
            assert (await rig.get(PATH, CDN_Loop="Fastly, cloudflare; loops=1")).status == 200
        assert rig.parts.app.hot.answers > 0
        for loop in ("Fastly, Domicile", ", ".join(["a"] * (HOPS_MAX + 1))):
            looped = await rig.get(PATH, CDN_Loop=loop)
            assert (looped.status, looped.body) == (508, b"")


async def test_on_its_own_listener_the_cdn_shows_a_certificate_of_its_authority_with_one_of_its_names(
    tmp_path: Path,
) -> None:
    port = free_port()
    ours, theirs = Authority.make(tmp_path, "ours"), Authority.make(tmp_path, "theirs")
    certificate, key = ours.issue("server", x509.DNSName("localhost"))
    cdn = CdnSettings(
        kind="generic", listen=f"127.0.0.1:{port}", certificate_file=certificate, key_file=key,
        client_ca_file=tmp_path / "ours.pem", client_names=("edge.cdn.example",),
    )  # fmt: skip
    cdn.validate()
    context = tls_context(cdn)
    assert context is not None
    assert context.verify_mode is ssl.CERT_REQUIRED

    async def ask(who: tuple[Path, Path] | None, times: int = 1) -> list[Got]:
        """On one connection."""
        context = ssl.create_default_context(cafile=tmp_path / "ours.pem")
        if who is not None:
            context.load_cert_chain(*who)
        url = f"https://localhost:{port}{PATH}"
        replies = []
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as http:
            for _ in range(times):
                async with http.get(url) as response:
                    replies.append(Got(response.status, response.headers.copy(), await response.read()))
        return replies

    async with Rig.open(tmp_path / "rig", cdn=cdn) as rig:
        rig.origin.upload("people/pic", b"one")
        async with cdn_entrances(rig.settings, 0, rig.parts, rig.sockets):
            for got in await ask(ours.issue("cdn", x509.DNSName("edge.cdn.example")), times=4):
                assert (got.status, got.body) == (200, b"one|w_10|")
                assert "Surrogate-Key" in got.headers
            assert rig.parts.app.hot.answers > 0
            strangers = [
                None,
                ours.issue("other", x509.DNSName("x.example")),
                theirs.issue("cdn", x509.DNSName("edge.cdn.example")),
            ]
            for who in strangers:
                with pytest.raises(aiohttp.ClientError):
                    await ask(who)
            assert outward_fields(await rig.get(PATH)) == {}  # whoever asks elsewhere is not the CDN
        over_tls = dataclasses.replace(cdn, certificate_file=tmp_path / "nothing.pem")
        with pytest.raises(BadSetting, match=r"edge\.cdn\.certificate_file"):
            tls_context(over_tls)


def test_what_ends_ends_in_time_in_every_cache_in_a_row() -> None:
    assert Downstream().share(60.0) == 60.0
    assert Downstream(cdn=CDNS["fastly"], layers=2).share(60.0) == 20.0
