"""The positive control of every other module: a planted leak is found, wherever it is."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.canary import ECHOED, Canaries
from tests.e2e.stack import Reply, Stack


@pytest.fixture(scope="module")
def quiet(canaries: Canaries) -> Canaries:
    canaries.name()  # planted nowhere: the module's own sweep at the end must pass
    return canaries


def tokens(leaks: Any) -> list[str]:
    return [line.rsplit(" ", 1)[1] for line in leaks]


@pytest.mark.parametrize("where", ["log", "data", "keys", "mirror"])
def test_a_leak_into_a_file_is_found(stack: Stack, quiet: Canaries, where: str) -> None:
    spy = Canaries()
    token = spy.name()
    top: Path = getattr(stack, where)
    assert top.exists()
    leak = top if top.is_file() else top / "leak.bin"
    with leak.open("ab") as file:
        file.write(b"\0" + token.upper().encode() + b"\n")
    assert tokens(spy.leaks(stack)) == [token]
    assert tokens(spy.leaks_at_rest(stack)) == [token]
    if leak is not top:
        leak.unlink()
    assert quiet.planted


def test_a_leak_into_a_database_server_is_found(stack: Stack, quiet: Canaries, tmp_path: Path) -> None:
    spy, heap = Canaries(), tmp_path / "heap"
    heap.write_bytes(b"\0" + spy.name().encode() + b"\0")
    served = replace(stack, beside=lambda: [heap])
    assert list(spy.leaks_at_rest(served)) == [f"{heap}: {spy.planted[0]}"]
    assert list(spy.leaks_at_rest(stack)) == []


@pytest.mark.parametrize("tier", ["edge", "origin"])
def test_a_leak_into_metrics_is_found(
    stack: Stack, quiet: Canaries, tier: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spy = Canaries()
    token = spy.name()
    real = Stack._exchange

    def talkative(self: Stack, asked: str, method: str, path: str, *rest: Any) -> Reply:
        reply = real(self, asked, method, path, *rest)
        line = f'\ndomicile_x_total{{public_id="{token}"}} 1\n'
        return replace(reply, body=reply.body + line.encode()) if (asked, path) == (tier, "/metrics") else reply

    monkeypatch.setattr(Stack, "_exchange", talkative)
    assert list(spy.leaks(stack)) == [f"{tier} /metrics: {token}"]


def test_an_error_that_names_somebody_is_found(stack: Stack, quiet: Canaries) -> None:
    """The Admin API tells its authenticated caller the name that was asked for: a leak, had a viewer got it."""
    spy = Canaries()
    stack.watchers.append(spy.watch)
    try:
        token = spy.name()
        assert stack.get(f"/demo/image/upload/w_{token}/x.png").headers[ECHOED]
        assert stack.get("/demo/image/upload/v1/absent").status == 404
        assert tokens(spy.leaks(stack)) == [], "a viewer's own URL, said back in the one header for it"
        spy.watch("anything", Reply(500, {}, f"cannot find {token}".encode()))
        spy.watch("anything", Reply(404, {"link": f"</{token}>"}, b""))
        spy.watch("anything", Reply(200, {}, f"{token} is what was asked for".encode()))
        assert tokens(spy.leaks(stack)) == [token, token]
        assert [asked.split()[0] for asked, _ in spy.errors] == ["GET", "GET", "anything", "anything"]
    finally:
        stack.watchers.remove(spy.watch)


def test_no_module_starts_an_installation_that_is_not_swept() -> None:
    """`Stack(…)` stands in fixtures that put canaries over it; another one would run without."""
    modules = sorted(Path(__file__).parent.glob("test_*.py"))
    assert len(modules) > 5
    fixtures = [
        (module.name, node)
        for module in modules
        for node in ast.walk(ast.parse(module.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef) and "Stack" in called(node)
    ]
    assert [f"{name}:{node.lineno}" for name, node in fixtures if "over" not in called(node)] == []
    assert len(fixtures) > 1


def called(node: ast.AST) -> set[str]:
    """Names of all functions and methods that are called in it."""
    calls = [call.func for call in ast.walk(node) if isinstance(call, ast.Call)]
    return {func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "") for func in calls}
