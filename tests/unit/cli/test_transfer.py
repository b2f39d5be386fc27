"""What has been done is remembered without a name, and by who holds the secret alone."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from domicile.cli.failure import Failure
from domicile.cli.transfer import Item, Journal, summary


async def nothing():
    raise AssertionError


def item(public_id: str = "people/jane", mark: str = "1") -> Item:
    return Item(resource_type="image", delivery_type="upload", public_id=public_id, mark=mark, fetch=nothing)


def test_a_journal_knows_what_was_done_as_it_was(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", "secret")
    assert journal.read() == 0
    journal.add(item())
    again = Journal(tmp_path / "journal", "secret")
    assert again.read() == 1
    assert again.knows(item())
    assert not again.knows(item(mark="2")), "its content has changed"
    assert not again.knows(item("people/joe"))
    other = Journal(tmp_path / "journal", "another secret")
    other.read()
    assert not other.knows(item())
    assert "jane" not in (tmp_path / "journal").read_text("ascii")
    assert (tmp_path / "journal").stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_no_journal_is_named(tmp_path: Path) -> None:
    (tmp_path / "journal").write_bytes(b"\xff\xfe")
    with pytest.raises(Failure, match="cannot be read"):
        Journal(tmp_path / "journal", "secret").read()


def test_a_summary_says_what_there_was() -> None:
    assert summary(Counter(uploaded=2, there=0, failed=1)) == {"uploaded": 2, "failed": 1}
