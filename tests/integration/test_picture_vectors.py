"""Every picture vector holds behind the walls of a real decoder, and would notice its wrong variant."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from domicile.imaging.job import Done
from tests.pictures.vectors import Vector, complaints, load
from tests.pictures.walled import Render, walled

VECTORS_MIN = 150
VECTORS = load()


@pytest.fixture(scope="module")
def render() -> Iterator[Render]:
    with walled() as found:
        yield found


def _name(vector: Vector) -> str:
    return f"{vector.file.removesuffix('.txt')}: {vector.name}"


def test_there_are_enough_vectors_and_each_has_a_wrong_variant() -> None:
    assert len(VECTORS) >= VECTORS_MIN
    assert [v.name for v in VECTORS if v.wrong is None and v.wrong_source is None] == []
    assert len({v.name for v in VECTORS}) == len(VECTORS)


@pytest.mark.parametrize("vector", VECTORS, ids=_name)
def test_a_vector_holds(vector: Vector, render: Render) -> None:
    assert complaints(vector, *vector.run(render)) == []


@pytest.mark.parametrize("vector", VECTORS, ids=_name)
def test_a_vector_notices_its_wrong_variant(vector: Vector, render: Render) -> None:
    outcome, body = vector.run(render, transformation=vector.wrong, source=vector.wrong_source)
    assert isinstance(outcome, Done), "a refusal would fail any vector"
    assert complaints(vector, outcome, body) != []
