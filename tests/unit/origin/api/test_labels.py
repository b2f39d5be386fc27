from __future__ import annotations

import pytest

from origin.api.labels import retagged


@pytest.mark.parametrize(
    ("command", "after"),
    [
        ("add", ("a", "b", "c")),
        ("set_exclusive", ("a", "b", "c")),
        ("remove", ("a",)),
        ("replace", ("b", "c")),
        ("remove_all", ()),
    ],
)
def test_commands_on_tags(command: str, after: tuple[str, ...]) -> None:
    assert retagged(command, ("a", "b"), ("b", "c")) == after
