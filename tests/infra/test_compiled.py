from __future__ import annotations

from sqlalchemy import create_engine, literal, select

QUESTION = select(literal(1).label("asked_by_this_test_alone"))


def test_what_one_database_has_compiled_the_next_one_of_its_kind_finds() -> None:
    before, after = (create_engine("sqlite://") for _ in range(2))
    kept = before._compiled_cache
    assert kept is not None
    assert kept is after._compiled_cache
    counts = [len(kept)]
    for engine in (before, after):
        with engine.connect() as connection:
            assert connection.scalars(QUESTION).all() == [1]
        counts.append(len(kept))
        engine.dispose()
    none, first, second = counts
    assert (first - none, second - first) == (1, 0)


def test_another_kind_of_database_compiles_for_itself() -> None:
    embedded, server = create_engine("sqlite://"), create_engine("postgresql+asyncpg://nobody@127.0.0.1/nothing")
    assert embedded._compiled_cache is not server._compiled_cache
    assert embedded.dialect != server.dialect
