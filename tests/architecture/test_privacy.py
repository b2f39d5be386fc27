"""What a log call may say, looked for in the syntax: constant events, no field that may hold a person's data."""

from __future__ import annotations

import ast

from domicile.service.logging import EVENT, FORBIDDEN_FIELDS
from tests.architecture.tree import modules

LEVELS = {"debug", "info", "warning", "error", "critical", "exception"}
LOGGERS = {"log", "self._log", "self.log", "logger"}


def log_calls() -> list[tuple[str, ast.Call]]:
    found = []
    for module in modules():
        for dotted, call in module.calls():
            owner, _, level = dotted.rpartition(".")
            if owner in LOGGERS and level in LEVELS:
                found.append((f"{module.name}:{call.lineno}", call))
    assert len(found) > 10, "log calls are named differently now: this test sees none"
    return found


def test_every_event_is_a_constant_noun() -> None:
    bad = [
        place
        for place, call in log_calls()
        if not (call.args and isinstance(call.args[0], ast.Constant) and EVENT.fullmatch(str(call.args[0].value)))
        or len(call.args) > 1
    ]
    assert bad == []


def test_no_field_has_a_name_that_would_be_withheld() -> None:
    bad = {
        place: keyword.arg
        for place, call in log_calls()
        for keyword in call.keywords
        if keyword.arg in FORBIDDEN_FIELDS
    }
    assert bad == {}


def test_the_standard_logger_is_used_for_silencing_alone() -> None:
    found = set()
    for module in modules():
        for dotted, _ in module.calls():
            if dotted.startswith("logging.") and dotted.rsplit(".", 1)[-1] in LEVELS:
                found.add(module.name)
    assert found == set()
