"""The documents say what the code does: settings, metrics, errors, commands, links."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

from docs import generate
from docs.pages import policy, settings
from domicile.cli.main import app
from domicile.media.policy_file import from_mapping
from domicile.service.settings import known_settings
from tests.architecture.tree import ROOT, modules

PAGES = sorted({*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").glob("*.md")})


@pytest.mark.parametrize("name", ["settings.md", "metrics.md", "errors.md", "policy.md", "openapi.json"])
def test_a_page_made_from_the_code_is_up_to_date(name: str) -> None:
    assert (ROOT / "docs" / name).read_text("utf-8") == generate.PAGES[name](), "run `make docs`"


def test_every_metric_of_the_code_is_on_its_page() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text("utf-8")
    named = {name for module in modules() for name in re.findall(r'"(domicile_[a-z0-9_]+[a-z0-9])"', module.text)}
    assert named
    assert {name for name in named if f"`{name}`" not in page} == set()


def test_every_setting_has_a_meaning() -> None:
    for _, _, cls in settings.SECTIONS:
        for known in known_settings(cls, "x"):
            assert len(known.rule.doc) >= 10, known.name
            assert known.rule.doc.endswith("."), known.name


def test_a_policy_key_or_an_activity_without_a_meaning_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    for table, key in (
        ("POLICY_KEYS", "lease_seconds"),
        ("POLICY_KEYS", "lifetimes.edge_seconds_max"),
        ("ZONES", "logs"),
    ):
        with monkeypatch.context() as patch:
            patch.delitem(getattr(policy, table), key)
            with pytest.raises(LookupError, match=key):
                policy.policy()


def test_every_policy_key_that_is_documented_is_accepted_by_its_reader() -> None:
    documented = from_mapping({"tenant": "x"}, home="eu-de").to_mapping()
    assert from_mapping(documented, home="eu-de").to_mapping() == documented


def targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_in_a_page_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    code = "\n".join("".join(parts) for parts in re.findall(r"```\w*\n(.*?)```|`([^`\n]+)`", text, re.DOTALL))
    command = get_command(app)
    verbs = set(getattr(command, "commands", {}))
    assert set(re.findall(r"(?:^|\s)make ([a-z]+)\b", code)) <= targets()
    assert set(re.findall(r"(?:^|[\s/])domicile ([a-z]+)\b(?!/)", code)) <= verbs


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_in_a_page_lead_somewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    dead = [
        link for link in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", text) if not (page.parent / link).exists()
    ]
    assert dead == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_that_a_page_names_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    named = re.findall(
        r"`((?:domicile|edge|origin|tests|docs|deploy|benchmarks)/[\w./-]+\.(?:py|md|toml|yml|sh))`", text
    )
    named += re.findall(
        r"`((?:domicile/(?:cli|imaging|media|service)|edge|origin|tests|docs|deploy|benchmarks)/[\w/-]+)/?`", text
    )
    assert [name for name in named if not (ROOT / name).exists() and not (ROOT / f"{name}.py").exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_claims_a_legal_verdict(page: Path) -> None:
    text = page.read_text("utf-8").lower()
    assert not re.search(r"gdpr[- ]compliant|fully compliant|guarantees compliance", text)


def test_decision_records_are_numbered_without_gaps() -> None:
    numbers = sorted(int(page.name[:4]) for page in (ROOT / "docs" / "adr").glob("[0-9]*.md"))
    assert numbers == list(range(1, len(numbers) + 1))


def test_every_decision_record_is_listed_under_its_title() -> None:
    listed = (ROOT / "docs" / "adr" / "README.md").read_text("utf-8")
    titles = {
        page.name: page.read_text("utf-8").partition("\n")[0] for page in (ROOT / "docs" / "adr").glob("[0-9]*.md")
    }
    assert [
        name for name, title in sorted(titles.items()) if f"- [{title.removeprefix('# ')}]({name})\n" not in listed
    ] == []
