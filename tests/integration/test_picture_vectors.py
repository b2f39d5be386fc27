"""Every picture vector holds, and would notice its wrong variant."""

from __future__ import annotations

import pytest

from tests.pictures.vectors import Vector, complaints, load

VECTORS_MIN = 60
VECTORS = load()


def _name(vector: Vector) -> str:
    return f"{vector.file.removesuffix('.txt')}: {vector.name}"


def test_there_are_enough_vectors_and_each_has_a_wrong_variant() -> None:
    assert len(VECTORS) >= VECTORS_MIN
    assert [v.name for v in VECTORS if v.wrong is None and v.wrong_source is None] == []
    assert len({v.name for v in VECTORS}) == len(VECTORS)


@pytest.mark.parametrize("vector", VECTORS, ids=_name)
def test_a_vector_holds(vector: Vector) -> None:
    assert complaints(vector, *vector.run()) == []


@pytest.mark.parametrize("vector", VECTORS, ids=_name)
def test_a_vector_notices_its_wrong_variant(vector: Vector) -> None:
    assert complaints(vector, *vector.run(transformation=vector.wrong, source=vector.wrong_source)) != []
