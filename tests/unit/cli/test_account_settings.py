"""Settings of an account: what is asked for, what is made, and that one which is refused keeps no other from coming."""

from __future__ import annotations

from typing import Any, cast

import pytest

from domicile.cli import account_settings
from domicile.cli.account_settings import Settings
from domicile.media.errors import BadRequest
from domicile.media.long_names import text_of
from domicile.media.policy import Permit
from domicile.service.gate.account import AccountClient, Refused

HOOK = {"id": "1", "uri": "https://example.org/hook", "uri_type": "webhook", "event_type": "upload"}
POLL = {"id": "2", "uri": "poll://jobs", "uri_type": "poll", "event_type": "all"}


class Api:
    """Answers by method and path; pages, one after the other. What is posted is kept, or refused."""

    def __init__(self, answers: dict[str, list[Any]], refuses: str = "nothing") -> None:
        self._answers = answers
        self._refuses = refuses
        self.log: list[str] = []
        self.made: list[tuple[str, dict[str, Any]]] = []
        self.asked: list[str] = []

    async def ask(self, _: Permit, method: str, path: str, query: Any = (), *, body: Any = None) -> dict[str, Any]:
        name = dict(query).get("transformation", "")
        self.asked.append(f"{method} {path}")
        if method == "POST" and path != "/folders/search":
            if self._refuses in str(body) + path:
                raise Refused(400, "no such thing here")
            self.log.append(f"make {body.get('name')}")
            self.made.append((path, body))
            return {}
        self.log += [f"list {path}"] * (not name)
        pages = self._answers.get(f"{path}{'?' * bool(name)}{name}", [{}])
        answer = pages.pop(0) if len(pages) > 1 else pages[0]
        if isinstance(answer, Refused):
            raise answer
        return cast("dict[str, Any]", answer)


def between(theirs: Api, ours: Api, *, is_dry: bool = False) -> Settings:
    permit = cast("Permit", None)
    return Settings(
        source=cast("AccountClient", theirs),
        reads=permit,
        into=cast("AccountClient", ours),
        writes=permit,
        is_dry=is_dry,
    )


def account(**changes: Any) -> Api:
    named = [{"name": "t_a", "named": True}, {"name": "t_b", "named": True}]
    return Api(
        {
            "/transformations": [{"transformations": named[:1], "next_cursor": "x"}, {"transformations": named[1:]}],
            "/transformations?a": [{"info": [{"width": 10, "crop": "fill"}], "allowed_for_strict": True}],
            "/transformations?b": [{"info": [{"width": {"auto": True}}]}],
            "/upload_presets": [
                {"presets": [{"name": "p", "unsigned": False, "settings": {"tags": ["x"], "live": None}}]}
            ],
            "/folders/search": [{"folders": [{"path": "k/ö"}], "next_cursor": "y"}, {"folders": [{"path": "there"}]}],
            "/triggers": [{"triggers": [HOOK, POLL]}],
            **changes,
        }
    )


async def test_what_is_missing_is_made_once_and_what_is_refused_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    ours = Api({"/folders/search": [{"folders": [{"path": "there"}]}]}, refuses="poll")
    moved = between(account(), ours)
    await moved.before_assets()
    assert ours.made == [
        ("/transformations", {"name": "a", "transformation": "c_fill,w_10", "allowed_for_strict": "true"}),
        ("/upload_presets", {"tags": "x", "name": "p", "unsigned": "false"}),
    ]
    ours.made.clear()
    await moved.after_assets()
    assert ours.made == [
        ("/folders/k/%C3%B6", {}),
        ("/triggers", {"uri": HOOK["uri"], "event_type": "upload", "uri_type": "webhook"}),
    ], "triggers last: they would tell of every folder"
    assert dict(moved.counts) == {"made": 4, "settings there": 1, "failed": 2}
    said = capsys.readouterr().err
    assert "transformation b: a transformation that cannot be read, at width" in said
    assert "trigger all poll://jobs: no such thing here" in said


async def test_a_kind_that_an_account_does_not_tell_of_keeps_no_other_from_coming() -> None:
    theirs = account(**{"/transformations": [Refused(403, "not on your plan")], "/triggers": [{"triggers": [{}]}]})
    ours = Api({})
    moved = between(theirs, ours)
    await moved.before_assets()
    await moved.after_assets()
    assert [path for path, _ in ours.made] == ["/upload_presets", "/folders/k/%C3%B6", "/folders/there"]
    assert moved.counts["failed"] == 2


async def test_what_is_on_one_page_is_made_before_the_next_is_asked_for() -> None:
    """Nobody holds all pages of an account."""
    presets: list[Any] = [{"presets": [{"name": name, "settings": {}}], "next_cursor": name} for name in ("p", "q")]
    last: Any = {"presets": [{"name": name, "settings": {}} for name in ("q", "r")]}
    theirs, ours = account(**{"/upload_presets": [*presets, last], "/transformations": [{}]}), Api({})
    theirs.log = ours.log
    moved = between(theirs, ours)
    await moved.before_assets()
    asked = "list /upload_presets"
    assert [said for said in ours.log if "transformations" not in said] == [
        asked,
        *(asked, "make p"),
        *(asked, "make q"),
        *(asked, "make r"),
    ]
    assert dict(moved.counts) == {"made": 3, "settings there": 1}


@pytest.mark.parametrize("mine", [True, False])
async def test_there_is_a_limit_to_what_is_brought_and_it_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, mine: bool
) -> None:
    monkeypatch.setattr(account_settings, "SETTINGS_MAX", 2)
    pages = {"/upload_presets": [{"presets": [{"name": name, "settings": {}} for name in "pqr"]}]}
    theirs, ours = (Api({}), Api(pages)) if mine else (Api(pages), Api({}))
    moved = between(theirs, ours)
    await moved.before_assets()
    assert dict(moved.counts) == ({"failed": 1} if mine else {"made": 2, "failed": 1})
    assert "upload presets: more than 2: the rest is left" in capsys.readouterr().err


@pytest.mark.parametrize("path", ["..", "../erasures", "a/./b", "a/../../b", "", "/a", "a//b"])
async def test_a_folder_that_would_be_another_call_of_the_api_is_not_made(path: str) -> None:
    ours = Api({})
    moved = between(account(**{"/folders/search": [{"folders": [{"path": path}]}], "/triggers": [{}]}), ours)
    await moved.after_assets()
    assert (ours.made, dict(moved.counts)) == ([], {"failed": 1})


async def test_a_dry_run_makes_nothing() -> None:
    ours = Api({})
    moved = between(account(), ours, is_dry=True)
    await moved.before_assets()
    await moved.after_assets()
    assert (ours.made, dict(moved.counts)) == ([], {"would make": 7})


@pytest.mark.parametrize(
    "told", [None, 5, [None], [{}], [{"width": True}], [{"effect": ["a", "b"]}], [{"x": {"y": 1}}]]
)
def test_what_nobody_tells_so_is_no_transformation(told: object) -> None:
    with pytest.raises(BadRequest):
        text_of(told)
