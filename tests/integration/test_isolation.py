"""Two clouds on one installation: to one of them, what the other has looks like what was never there.

Driven by the table of routes and by what handlers say they take, so that no endpoint is forgotten: each is called by a
second cloud with names that the first one has, and with names that nobody has, in the path and in every parameter that can
name something. Status, body and the statements that ran on the databases are the same; the first cloud stays as it was.
"""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from itertools import zip_longest
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import FormData
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import event

from domicile.media.analysis import NOTHING
from domicile.media.signature import sign_parameters
from origin.api import (
    archives,
    deletes,
    erasures,
    holds,
    labels,
    listing,
    metadata_datasources,
    metadata_fields,
    metadata_rules,
    transformations,
)
from origin.api.delete_tokens import make_token
from origin.api.described import Described
from origin.api.openapi import UNDESCRIBED, described
from origin.api.routes import Route
from origin.api.upload import upload as upload_handler
from origin.app import ROUTES, api_app
from origin.catalogue.search import MemoryIndex
from origin.keys import ORIGIN
from origin.records import (
    CaseDetail,
    CaseKind,
    Filter,
    MetadataField,
    MetadataRule,
    Named,
    Plan,
    Preset,
    PurgeTargets,
    Records,
    Tenant,
    Trigger,
)
from origin.records.upload_mappings import UploadMapping
from tests.infra.origin import NOW, origin_over
from tests.infra.records import CLOUD, facts, name, opened, upload

Client = TestClient[Any, Any]
THEIRS, ABSENT = "theirs", "absent"
HIDDEN = "of-nobody-elses-business"
"""Context, tag and field of the first cloud: in no answer to anybody else."""


class Decoders:
    async def probe(self, body: bytes, *_: object, **__: object) -> SimpleNamespace:
        return SimpleNamespace(done=SimpleNamespace(source=facts(body), analysis=NOTHING))

    async def render(self, *_: object, **__: object) -> SimpleNamespace:
        return SimpleNamespace(body=b"drawn", done=SimpleNamespace(source=facts(b"drawn"), format="png"))

    def retire(self, tenant: str | None = None) -> None:
        pass


@dataclass(frozen=True)
class Things:
    """What the first cloud has, or what nobody has."""

    name: str
    asset_id: str
    aid: str
    erasure: str
    hold: str
    trigger: str
    export: str
    case: str
    token: str
    cursor: str


@dataclass
class Installation:
    records: Records
    client: Client
    theirs: Things
    absent: Things
    clouds: int = 0

    def tenant(self, cloud: str) -> Tenant:
        tenant = self.records.tenant(cloud)
        assert tenant is not None
        return tenant

    async def new_cloud(self) -> str:
        """Another one that knows nothing of the first, with an asset and a field of its own."""
        self.clouds += 1
        cloud = f"other-{self.clouds:03}"
        await self.records.create_tenant(cloud)
        await upload(self.records, name("mine", cloud=cloud), tags=("mine",))
        return cloud


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def installation(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    directory: Path = tmp_path_factory.mktemp("isolation")
    async with opened(directory) as records:
        tenant = records.tenant(CLOUD)
        assert tenant is not None
        for public_id in (THEIRS, f"{THEIRS}/inside", "gone"):
            await upload(
                records,
                name(public_id),
                tags=(THEIRS, HIDDEN),
                context={"said": HIDDEN},
                metadata={THEIRS: 1},
                subject_ids=(THEIRS,),
            )
        await records.presets.add(CLOUD, THEIRS, Preset(name=THEIRS, unsigned=True, settings={}, created_at=NOW))
        field = MetadataField(external_id=THEIRS, label=HIDDEN, type="integer", created_at=NOW)
        await records.metadata_fields.add(CLOUD, THEIRS, field)
        await records.named.create(CLOUD, Named(name=THEIRS, text="w_9", allowed_for_strict=True, created_at=NOW))
        rule = MetadataRule(
            external_id=THEIRS, metadata_field_id=THEIRS, name=HIDDEN, condition={}, result={}, position=1
        )
        await records.metadata_rules.add(CLOUD, THEIRS, rule)
        told = Trigger(id="e" * 32, uri="https://app.example/", event_type="all", created_at=NOW, updated_at=NOW)
        await records.triggers.add(CLOUD, told.id, told)
        await records.folders.make(CLOUD, THEIRS)
        mapping = UploadMapping(folder=THEIRS, template="https://app.example/", created_at=NOW)
        await records.upload_mappings.add(CLOUD, THEIRS, mapping)
        statement = await records.erase(CLOUD, PurgeTargets(public_ids=("gone",)))
        hold = await records.place_hold(
            CLOUD, PurgeTargets(public_ids=(THEIRS,)), placed_by=HIDDEN, reason=HIDDEN, api_key="1"
        )
        found = await records.get(name(THEIRS))
        page = await records.list(CLOUD, Filter(), max_results=1)
        assert found is not None
        assert page.next_cursor is not None
        token = make_token(tenant, found.aid, now=NOW)
        held = await records.subjects.holdings(CLOUD, THEIRS, body_bytes_max=100)
        plan = Plan(subject_id=THEIRS, aids=held.aids, includes_shared=True, head=held.head, after="", next_cursor="")
        link = await records.exports.create(CLOUD, plan, body_bytes=0, seconds=3600.0)
        detail = CaseDetail(kind=CaseKind.ACCESS, received=date(2026, 11, 5), created_at=NOW, reference=HIDDEN)
        case = await records.cases.open(CLOUD, detail)
        theirs = Things(
            name=THEIRS,
            asset_id=found.asset_id,
            aid=found.aid,
            erasure=str(statement.to_mapping()["erasure_id"]),
            hold=str(hold.to_mapping()["hold_id"]),
            trigger="e" * 32,
            export=link.export_id,
            case=case.case_id,
            token=token,
            cursor=page.next_cursor,
        )
        absent = Things(
            name=ABSENT,
            asset_id="a" * 32,
            aid="b" * 32,
            erasure="c" * 32,
            hold="1" * 32,
            trigger="f" * 32,
            export="2" * 32,
            case="3" * 32,
            token="A" * len(token),
            cursor=beside(page.next_cursor),
        )
        async with TestClient(TestServer(api_app(origin_over(records, Decoders())))) as client:
            yield Installation(records, client, theirs, absent)


def beside(cursor: str) -> str:
    """The next place in the same order: no asset of anybody is there."""
    raw = bytearray(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    raw[-1] ^= 1
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


IN_PATH = {
    "resource_type": "image",
    "type": "upload",
    "public_id": "NAME",
    "tag": "NAME",
    "asset_id": "ASSET",
    "name": "NAME",
}
IN_PATH |= {"kind": "manual", "status": "pending", "id": "NAME", "path": "NAME", "date": "01-01-2026"}
NAMING: Mapping[str, str | list[str]] = {
    "public_id": "NAME",
    "public_ids": ["NAME"],
    "fully_qualified_public_ids": ["image/upload/NAME"],
    "asset_ids": ["ASSET"],
    "from_public_id": "NAME",
    "to_public_id": "NAME",
    "prefix": "NAME",
    "prefixes": ["NAME"],
    "tag": "NAME",
    "tags": "NAME",
    "name": "NAME",
    "upload_preset": "NAME",
    "transformation": "t_NAME",
    "eager": "l_NAME,fl_layer_apply",
    "metadata": "NAME=2",
    "token": "TOKEN",
    "next_cursor": "CURSOR",
    "key": "said",
    "asset_id": "ASSET",
    "version_id": "VERSION",
    "version_ids": ["VERSION"],
    "versions": ["VERSION"],
    "assets_to_relate": ["image/upload/NAME"],
    "assets_to_unrelate": ["image/upload/NAME"],
    "to_folder": "NAME",
    "folder": "NAME",
    "asset_folder": "NAME",
    "subject_id": "NAME",
    "selector[public_id]": "NAME",
    "selector[asset_id]": "ASSET",
    "selector[tag]": "NAME",
    "selector[prefix]": "NAME",
    "selector[url]": "/CLOUD/image/upload/NAME.jpg",
    "selector[subject]": "NAME",
    "selector[search]": "tags=NAME",
    "selector[tenant]": "NAME",
    "selector[versions]": "current",
}
"""Values of the parameters that can name something; a parameter that may and is not here weakens the test, no more."""
NEEDED: Mapping[str, str | list[str]] = {
    "from_public_id": "mine",
    "to_public_id": "mine-too",
    "public_id": "mine",
    "public_ids": ["mine"],
    "command": "add",
    "tag": "new",
    "metadata": "mine=2",
    "text": "hello",
    "name": "new",
    "transformation": "w_7",
    "mode": "erase",
    "placed_by": "legal",
    "reason": "a case",
    "asset_ids": ["d" * 32],
    **dict.fromkeys(("from", "start"), "0"),
    **dict.fromkeys(("to", "end"), "0"),
    "order_by": "label",
    "key": "said",
    "asset_id": "d" * 32,
    "version_id": "d" * 32,
    "derived_resource_ids": ["d" * 32],
    "receipt_handles": ["d" * 32],
    "folder": "new",
    "template": "https://app.example/",
    "to_folder": "new",
    "uri": "https://app.example/",
    "new_uri": "https://app.example/",
    "event_type": "upload",
    "token": "x",
    "subject_id": "new",
    "kind": "access",
    "outcome": "done",
}
ALONG: Mapping[Any, Mapping[str, str]] = {
    archives.generate: {"mode": "download"},
    labels.tags: {"tag": "new"},
    labels.context: {"context": "a=b"},
    listing.resources: {"type": "upload"},
    deletes.delete_resources: {"type": "upload"},
    transformations.update: {"unsafe_update": "w_8"},
}
BODIES: Mapping[type, Mapping[str, Any]] = {
    metadata_fields.GivenField: {"type": "integer", "label": "Theirs", "external_id": "NAME"},
    metadata_fields.FieldChanges: {"label": "Other"},
    metadata_datasources.GivenSource: {"values": [{"value": "NAME"}]},
    metadata_datasources.GivenIds: {"external_ids": ["NAME"]},
    metadata_rules.RuleChanges: {
        "metadata_field_id": "NAME",
        "name": "a rule",
        "condition": {"metadata_field_id": "NAME", "populated": True},
        "result": {"enable": False},
    },
}
FILE = "file"


@dataclass(frozen=True)
class Case:
    route: Route
    of: Described
    parameters: Mapping[str, str | list[str]]

    def __str__(self) -> str:
        named = ",".join(self.parameters.keys() & NAMING.keys())
        return f"{self.route.method} {self.route.template} {named}"


def cases() -> Iterator[Case]:
    """Each route once, and each handler once more for each parameter that can name something."""
    seen = set()
    for route in ROUTES:
        if route.name in UNDESCRIBED:
            continue
        of = described(route)
        base = {each: NEEDED[each] for each in of.needs} | dict(ALONG.get(route.handler, {}))
        yield Case(route, of, base)
        for each in sorted(of.takes & NAMING.keys()) if route.handler not in seen else ():
            yield Case(route, of, base | {each: NAMING[each]})
        seen.add(route.handler)


def filled(value: Any, things: Things, cloud: str) -> Any:
    if isinstance(value, list):
        return [filled(one, things, cloud) for one in value]
    words = {
        "NAME": things.name,
        "ASSET": things.asset_id,
        "TOKEN": things.token,
        "CURSOR": things.cursor,
        "VERSION": things.aid,
        "CLOUD": cloud,
    }
    for word, meaning in words.items():
        value = value.replace(word, meaning)
    return value


NUMBER_ASKED = re.compile(r"SELECT \d+")


class Statements:
    """What ran on the databases, without its values."""

    def __init__(self, records: Records) -> None:
        self.core = records._core
        self.seen: list[str] = []

    @contextmanager
    def recorded(self) -> Iterator[list[str]]:
        self.seen = []
        database = self.core.database
        assert isinstance(self.core.search, MemoryIndex)
        index = self.core.search._db.engine
        engines = [database._writer.sync_engine, database._reader.sync_engine, database._in_thread]

        def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            if "audit_" not in statement:  # how many there are follows from how long the log of the installation is
                self.seen.append(" ".join(statement.split()))

        def note_question(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
            # What a change leaves for the index is written by a thread, some time later, and so is the whole index anew: from one
            # database to the next, by their names, and with questions that ask for a number and take the place of earlier ones.
            if statement.startswith("SELECT") and "index_" not in statement and not NUMBER_ASKED.fullmatch(statement):
                note(connection, cursor, statement, *rest)

        event.listen(index, "before_cursor_execute", note_question)
        for engine in filter(None, engines):
            event.listen(engine, "before_cursor_execute", note)
        try:
            yield self.seen
        finally:
            event.remove(index, "before_cursor_execute", note_question)
            for engine in filter(None, engines):
                event.remove(engine, "before_cursor_execute", note)


async def call(
    installation: Installation, case: Case, cloud: str, things: Things, tenant: Tenant | None
) -> tuple[int, str]:
    """Status and body, with what may differ taken out of it. `tenant`: whose credentials; None: the cloud's own."""
    path = case.route.template.replace("{cloud}", cloud)
    for word, value in IN_PATH.items():
        meaning = filled(value, things, cloud)
        if word == "id":
            kinds = {
                "erasures": things.erasure,
                "holds": things.hold,
                "triggers": things.trigger,
                "exports": things.export,
                "cases": things.case,
            }
            meaning = next((one for kind, one in kinds.items() if f"/{kind}/" in path), meaning)
        path = path.replace(f"{{{word}}}", meaning).replace(f"{{{word}*}}", meaning)
    values = {key: filled(value, things, cloud) for key, value in case.parameters.items()}
    sent: dict[str, Any] = {}
    key = tenant or installation.tenant(cloud)
    headers = {}
    if case.of.is_signed and tenant is not None:  # how a stock SDK calls
        values["timestamp"] = str(int(NOW))
        values |= {"signature": sign_parameters(values, key.api_secret), "api_key": key.api_key}
    elif not case.of.is_public:
        basic = base64.b64encode(f"{key.api_key}:{key.api_secret}".encode()).decode()
        headers["Authorization"] = f"Basic {basic}"
    pairs = [
        (f"{each}[]" if isinstance(value, list) else each, one)
        for each, value in values.items()
        for one in (value if isinstance(value, list) else [value])
    ]
    if case.route.method == "GET":
        sent["params"] = pairs
    elif case.of.body is not None:
        sent["json"] = json.loads(filled(json.dumps(BODIES[case.of.body]), things, cloud))
    elif case.route.handler is upload_handler:
        form = FormData(pairs)
        form.add_field(FILE, io.BytesIO(b"bytes"), filename="a.jpg")
        sent["data"] = form
    else:
        sent["data"] = FormData(pairs)
    answer = await installation.client.request(case.route.method, path, headers=headers, **sent)
    return answer.status, plain(await answer.text(errors="replace"), things)


def plain(text: str, things: Things) -> str:
    """Without what differs from call to call: names asked for, ids, times, numbers of the journal."""
    for word in (things.asset_id, things.erasure, things.hold, things.trigger, things.export, things.case):
        text = text.replace(word, "ASKED")
    for word in (things.token, things.cursor, things.name):
        text = text.replace(word, "ASKED")
    text = re.sub(r'"(signature|url|secure_url|api_key)": ?"[^"]*"', r'"\1": ""', text)
    text = re.sub(r"\b[0-9a-f]{32,}\b|\bother-[0-9]{3}\b", "ID", text)
    text = re.sub(r'"requests": ?\d+', '"requests": 0', text)  # a cloud's own calls until then
    text = re.sub(
        r'"(sequence|version|seq|seconds_left_max|signed|time|[a-z_]+_at|at)": ?("[^"]*"|[0-9.]+)', r'"\1": 0', text
    )
    return re.sub(r"\b[a-z0-9]{20}\b", "RANDOM", text)


@pytest.mark.asyncio(loop_scope="module")
async def test_what_another_cloud_has_looks_like_what_was_never_there(installation: Installation) -> None:
    records = installation.records
    before = (await records.head(CLOUD), await records.list(CLOUD, Filter(), max_results=100))
    statements, different, run = Statements(records), [], 0
    cloud, changed = "", True
    for case in cases():
        seen = []
        for things in (installation.theirs, installation.absent):
            if changed:  # what a call has made must not hide a difference
                cloud = await installation.new_cloud()
            with statements.recorded() as ran:
                answer = await call(installation, case, cloud, things, None)
            changed = case.route.method != "GET" and answer[0] == 200
            seen.append((answer, ran))
            assert HIDDEN not in answer[1], case
        run += 1
        if seen[0] != seen[1]:
            (answer, ran), (other, other_ran) = seen
            lines = [pair for pair in zip_longest(ran, other_ran) if pair[0] != pair[1]]
            different.append((str(case), (answer, other) if answer != other else answer[0], lines[:2]))
    assert not different, "\n".join(map(str, different))
    assert run > len(ROUTES) * 3 // 2
    assert (await records.head(CLOUD), await records.list(CLOUD, Filter(), max_results=100)) == before
    assert installation.tenant(CLOUD).api_key
    assert (await records.presets.get(CLOUD, THEIRS)) is not None


@pytest.mark.asyncio(loop_scope="module")
async def test_a_key_of_one_cloud_is_none_in_another(installation: Installation) -> None:
    """Whatever is named, and however it is proved; its owner is told of the mistake, and a guesser of nothing."""
    cloud = await installation.new_cloud()
    stranger = installation.tenant(cloud)
    for case in cases():
        if case.of.is_public:
            continue
        for things in (installation.theirs, installation.absent):
            status, body = await call(installation, case, CLOUD, things, stranger)
            assert (status, "cloud_name mismatch" in body) == (401, True), (case, body)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("is_signed", [False, True])
async def test_a_guesser_does_not_learn_whether_a_key_exists_elsewhere(
    installation: Installation, is_signed: bool
) -> None:
    cloud = await installation.new_cloud()
    said = []
    for api_key in (installation.tenant(CLOUD).api_key, "9" * 15):
        values = {"public_id": "mine", "api_key": api_key, "signature": "0" * 40}
        headers = {} if is_signed else {"Authorization": "Basic " + base64.b64encode(f"{api_key}:x".encode()).decode()}
        answer = await installation.client.post(
            f"/v1_1/{cloud}/image/destroy", data=values if is_signed else {"public_id": "mine"}, headers=headers
        )
        said.append((answer.status, (await answer.text()).replace(api_key, "KEY")))
    assert said[0] == said[1]
    assert said[0][0] == 401
    assert "Unknown API key" in said[0][1]


def test_every_parameter_that_can_name_something_is_known_to_this_test() -> None:
    known = NAMING.keys() | {"target_asset_folder", "target_public_id", "public_id_prefix", "public_ids"}
    words = re.compile(r"public_id|asset_id|prefix$|prefixes|^tag|preset|selector|cursor|^token$|external_id|folder$")
    taken = {each for route in ROUTES if route.name not in UNDESCRIBED for each in described(route).takes}
    assert {each for each in taken if words.search(each)} - known == {
        "use_asset_folder_as_public_id_prefix",
        "disallow_public_id",
    }
    assert erasures.USED - {"mode", "request_id", "grace"} <= NAMING.keys()
    assert holds.USED - {"placed_by", "reason"} <= NAMING.keys()
    assert ORIGIN is not None
