from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from domicile.media.errors import BadRequest
from origin.api.notices import NO_AUDIENCE, NOBODY, Audience, Notice, audience_of, tellable, told
from origin.api.params import Params
from origin.records import NOTICE, Records, Trigger
from tests.infra.records import CLOUD
from tests.unit.origin.api.test_explicit import JANE

HOSTS = ("app.example", "a.example")


def test_whoever_is_to_be_told_gets_the_asset_and_what_happened() -> None:
    who = told(
        Params({"notification_url": "https://app.example/hook", "batch_id": "b1"}),
        request_id="r1",
        now=0.0,
        audience=Audience(hosts=HOSTS),
    )
    (task,) = who.of("upload", JANE, lambda record: {"public_id": record.name.public_id})
    notice = msgspec.msgpack.decode(task.detail, type=Notice)
    assert (task.kind, notice.url) == (NOTICE, "https://app.example/hook")
    assert json.loads(notice.body) == {
        "notification_type": "upload",
        "timestamp": "1970-01-01T00:00:00Z",
        "request_id": "r1",
        "batch_id": "b1",
        "public_id": "jane",
    }


def test_nobody_is_told_when_nobody_asked() -> None:
    assert NOBODY.of("upload", JANE, lambda _record: {}) == ()
    assert told(Params({}), request_id="r", now=0.0, audience=NO_AUDIENCE).url == ""


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.example/x",
        "https://",
        "//a.example",
        "https://u:p@a.example/",
        "https://a.example:x/",
        "https://a b.example/",
        "https://a.example/" + "x" * 2100,
        "https://a.example:8443/",
        "https://app.example.evil/",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(BadRequest, match="notification_url"):
        told(
            Params({"notification_url": url}),
            request_id="r",
            now=0.0,
            audience=Audience(hosts=("*", "*.example", *HOSTS)),
        )


async def test_nobody_may_be_told_until_the_policy_says_both_who_and_from_where(
    records: Records, tmp_path: Path
) -> None:
    assert tellable(records, "unknown") == ()
    file = tmp_path / "data" / "policies" / f"{CLOUD}.toml"
    hosts, zones = '[notifications]\nhosts = ["app.example"]\n', '[zones]\negress_webhook = ["eu-de"]\n'
    for text, found in (("", ()), (hosts, ()), (zones, ()), (zones + hosts, ("app.example",))):
        file.write_text(f'tenant = "{CLOUD}"\n{text}')
        await records.reload_policies()
        assert tellable(records, CLOUD) == found


def trigger(uri: str, event_type: str) -> Trigger:
    return Trigger(id=uri, uri=uri, event_type=event_type, created_at=0.0, updated_at=0.0)


async def test_a_trigger_whose_host_is_listed_no_more_is_not_asked(records: Records, tmp_path: Path) -> None:
    for one in (trigger("https://app.example/x", "all"), trigger("https://gone.example/x", "all")):
        await records.triggers.add(CLOUD, one.id, one)
    assert await audience_of(records, CLOUD) == NO_AUDIENCE
    file = tmp_path / "data" / "policies" / f"{CLOUD}.toml"
    file.write_text(
        f'tenant = "{CLOUD}"\n[notifications]\nhosts = ["app.example"]\n[zones]\negress_webhook = ["eu-de"]\n'
    )
    await records.reload_policies()
    assert [one.uri for one in (await audience_of(records, CLOUD)).triggers] == ["https://app.example/x"]


def test_triggers_are_asked_for_their_events_unless_the_call_names_somebody() -> None:
    triggers = (
        trigger("https://a.example/1", "all"),
        trigger("https://a.example/1", "upload"),
        trigger("https://a.example/2", "upload"),
        trigger("https://a.example/3", "delete"),
    )
    audience = Audience(hosts=HOSTS, triggers=triggers)
    who = told(Params(), request_id="r", now=0.0, audience=audience)
    assert who.addresses("upload") == ("https://a.example/1", "https://a.example/2")
    assert who.addresses("rename") == ("https://a.example/1",)
    assert len(who.of("upload", JANE, lambda _record: {})) == 2
    named = Params({"notification_url": "https://app.example/own"})
    assert told(named, request_id="r", now=0.0, audience=audience).addresses("upload") == ("https://app.example/own",)
