"""Settings: frozen dataclasses with checked fields, read once from TOML, environment and command line.

    @dataclass(frozen=True, slots=True, kw_only=True)
    class CacheSettings:
        ram_bytes_max: int = setting(256 * MIB, "Bytes of the RAM tier of one node.", at_least=0)

The name of a setting is its dotted path ("edge.cache.ram_bytes_max"); its environment variable is the same in capitals
with underscores and the prefix DOMICILE_ (DOMICILE_EDGE_CACHE_RAM_BYTES_MAX). A bad value names the setting, the value
and what is allowed. No other module reads the environment.
"""

from __future__ import annotations

import contextlib
import dataclasses
import tomllib
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

ENVIRONMENT_PREFIX = "DOMICILE_"
KIB, MIB, GIB = 1024, 1024**2, 1024**3


class BadSetting(Exception):
    """A setting has a value that is not allowed. The text names the setting, the value and what is allowed."""


@contextlib.contextmanager
def blamed(name: str, value: object, allowed: str) -> Iterator[None]:
    """What the system refuses in the block is the fault of this setting. Raises BadSetting instead of OSError."""
    try:
        yield
    except OSError as bad:
        why = bad.strerror or type(bad).__name__
        raise BadSetting(f"{name}: {str(value)!r} cannot be used ({why}); allowed: {allowed}") from bad


class Secret(str):
    """A setting that must not be shown: its repr is stars."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a setting means and allows."""

    doc: str
    at_least: float | None = None
    at_most: float | None = None
    choices: tuple[str, ...] | None = None
    check: Callable[[Any], object] | None = None
    """True of what is allowed; `like` says in words what that is."""
    like: str = ""


def setting(
    default: Any,
    doc: str,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    choices: tuple[str, ...] | None = None,
    check: Callable[[Any], object] | None = None,
    like: str = "",
) -> Any:
    """A dataclass field with its meaning and its bounds."""
    assert (check is None) == (not like), "a check needs words for what it allows"
    rule = Rule(doc=doc, at_least=at_least, at_most=at_most, choices=choices, check=check, like=like)
    return dataclasses.field(default=default, metadata={"rule": rule})


def group(cls: type[T]) -> T:
    """A nested group of settings with its own defaults."""
    return dataclasses.field(default_factory=cls)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One setting of a tree, for documentation and error messages."""

    name: str
    type: Any
    default: Any
    rule: Rule

    @property
    def variable(self) -> str:
        return ENVIRONMENT_PREFIX + self.name.upper().replace(".", "_")


def known_settings(cls: type[Any], prefix: str) -> Iterator[Known]:
    """Every setting under a class, depth first, with its dotted name."""
    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        name, kind = f"{prefix}.{field.name}", hints[field.name]
        if dataclasses.is_dataclass(kind) and isinstance(kind, type):
            yield from known_settings(kind, name)
        else:
            yield Known(name=name, type=kind, default=field.default, rule=field.metadata["rule"])


def load(
    cls: type[T],
    prefix: str,
    *,
    file: Path | None = None,
    environ: Mapping[str, str],
    overrides: Mapping[str, Any] | None = None,
    partial: bool = False,
) -> T:
    """Build `cls` from defaults, then the TOML file, then the environment, then `overrides` (dotted names).

    Raises BadSetting. Sections of the file that belong to other tiers are left alone; an unknown key inside our own
    section is an error, unless `cls` is only a `partial` view of it.
    """
    settings = {known.name: known for known in known_settings(cls, prefix)}
    values: dict[str, Any] = {}
    if file is not None:
        values.update(_from_file(file, prefix, settings, partial=partial))
    for known in settings.values():
        if known.variable in environ:
            values[known.name] = _from_text(known, environ[known.variable])
    for name, value in (overrides or {}).items():
        if name in settings:
            values[name] = _from_text(settings[name], value) if isinstance(value, str) else value
    for name, value in values.items():
        values[name] = _check(settings[name], value)
    return _build(cls, prefix, values)


def _from_file(file: Path, prefix: str, settings: Mapping[str, Known], *, partial: bool) -> dict[str, Any]:
    try:
        tree = tomllib.loads(file.read_text("utf-8"))
    except OSError as unreadable:
        raise BadSetting(f"--config {file}: cannot be read ({unreadable.strerror})") from unreadable
    except (ValueError, RecursionError) as bad:  # not only TOMLDecodeError: numbers too long, arrays too deep
        raise BadSetting(f"--config {file}: not TOML ({bad})") from bad
    values: dict[str, Any] = {}

    def walk(node: Mapping[str, Any], path: str) -> None:
        for key, value in node.items():
            name = f"{path}.{key}"
            if name in settings:
                values[name] = value
            elif isinstance(value, dict) and any(known.startswith(name + ".") for known in settings):
                walk(value, name)
            elif not partial:
                raise BadSetting(f"{name}: no such setting (in {file}); see docs/settings.md")

    section = tree.get(prefix, {})
    if not isinstance(section, dict):
        raise BadSetting(f"{prefix}: must be a table (in {file})")
    walk(section, prefix)
    return values


def _plain_type(kind: Any) -> tuple[Any, bool]:
    """(type, is it optional?) of `T` or `T | None`."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        inner = [arg for arg in typing.get_args(kind) if arg is not type(None)]
        return inner[0], True
    return kind, False


def _from_text(known: Known, text: str) -> Any:
    kind, optional = _plain_type(known.type)
    if optional and text == "":
        return None
    try:
        if kind is bool:
            return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[text.lower()]
        if kind is int:
            return int(text.replace("_", ""))
        if kind is float:
            return float(text)
        if kind is Path:
            return Path(text)
        if typing.get_origin(kind) is tuple:
            return tuple(part.strip() for part in text.split(",") if part.strip())
    except (ValueError, KeyError) as bad:
        raise BadSetting(f"{known.name}: {text!r} is not {_allowed(known)}") from bad
    return kind(text)


def _check(known: Known, value: Any) -> Any:
    kind, optional = _plain_type(known.type)
    if value is None and optional:
        return None
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if kind is Path and isinstance(value, str):
        value = Path(value)
    if kind is Secret and isinstance(value, str):
        value = Secret(value)
    if typing.get_origin(kind) is tuple and isinstance(value, list):
        value = tuple(value)
    plain = typing.get_origin(kind) or kind
    rule = known.rule
    shown = "'***'" if kind is Secret else repr(value)
    good = isinstance(value, plain) and (plain is bool or not isinstance(value, bool))
    if good and rule.at_least is not None:
        good = value >= rule.at_least
    if good and rule.at_most is not None:
        good = value <= rule.at_most
    if good and rule.choices is not None:
        good = value in rule.choices
    if good and rule.check is not None:
        good = bool(rule.check(value))
    if not good:
        raise BadSetting(f"{known.name}: {shown} is not {_allowed(known)}")
    return value


def _allowed(known: Known) -> str:
    kind, optional = _plain_type(known.type)
    rule = known.rule
    if rule.choices is not None:
        text = "one of " + ", ".join(rule.choices)
    elif rule.like:
        text = rule.like
    else:
        names = {int: "a whole number", float: "a number", bool: "true or false", Path: "a path", str: "a text"}
        text = names.get(kind, "a list of texts" if typing.get_origin(kind) is tuple else "a text")
        if rule.at_least is not None and rule.at_most is not None:
            text += f" from {rule.at_least:g} to {rule.at_most:g}"
        elif rule.at_least is not None:
            text += f", {rule.at_least:g} or more"
        elif rule.at_most is not None:
            text += f", {rule.at_most:g} or less"
    return text + (" (or empty)" if optional else "")


def _build(cls: type[T], prefix: str, values: Mapping[str, Any]) -> T:
    hints = typing.get_type_hints(cls)
    arguments: dict[str, Any] = {}
    for field in dataclasses.fields(typing.cast("Any", cls)):
        name, kind = f"{prefix}.{field.name}", hints[field.name]
        if dataclasses.is_dataclass(kind) and isinstance(kind, type):
            arguments[field.name] = _build(kind, name, values)
        elif name in values:
            arguments[field.name] = values[name]
    return cls(**arguments)
