"""Dictionaries of structured fields (RFC 8941 section 4.2.2), as far as RFC 9213 needs them: all of it is checked, parameters
are dropped.

    max-age=60, must-revalidate, a="text", b=token, c=(1 2);p=?0
"""

from __future__ import annotations

import re
from collections.abc import Mapping

DICTIONARY_CHARACTERS_MAX = 4096


class Token(str):
    """A bare word, to be told from a string."""

    __slots__ = ()


Bare = bool | int | float | str | bytes | tuple[object, ...]
"""The value of a member: `tuple` for an inner list."""

_KEY = re.compile(r"[a-z*][a-z0-9_.*-]*")
_NUMBER = re.compile(r"-?(?:[0-9]{1,12}\.[0-9]{1,3}|[0-9]{1,15})(?![0-9.])")
_STRING = re.compile(r'"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
_TOKEN = re.compile(r"[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*")
_BYTES = re.compile(r":([A-Za-z0-9+/=]*):")
_BOOLEAN = re.compile(r"\?([01])")
_SPACES = re.compile(r" *")
_OPTIONAL_SPACE = re.compile(r"[ \t]*")


class _Malformed(Exception):
    pass


def parse_dictionary(text: str) -> Mapping[str, Bare] | None:
    """Members by key, the last one of a name counts; None when any part is malformed."""
    if len(text) > DICTIONARY_CHARACTERS_MAX:
        return None
    try:
        return _Reader(text.strip(" ")).dictionary()
    except _Malformed:
        return None


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def dictionary(self) -> dict[str, Bare]:
        found: dict[str, Bare] = {}
        while self._at < len(self._text):
            key = self._take(_KEY)[0]
            found.pop(key, None)
            found[key] = self._member()
            self._take(_OPTIONAL_SPACE)
            if self._at == len(self._text):
                return found
            if self._text[self._at] != ",":
                raise _Malformed
            self._at += 1
            self._take(_OPTIONAL_SPACE)
            if self._at == len(self._text):
                raise _Malformed  # a comma at the end
        return found

    def _member(self) -> Bare:
        if not self._is_next("="):
            self._parameters()
            return True
        self._at += 1
        value = self._inner_list() if self._is_next("(") else self._bare()
        self._parameters()
        return value

    def _inner_list(self) -> tuple[object, ...]:
        self._at += 1
        items: list[object] = []
        while True:
            self._take(_SPACES)
            if self._is_next(")"):
                self._at += 1
                return tuple(items)
            items.append(self._bare())
            self._parameters()
            if not (self._is_next(" ") or self._is_next(")")):
                raise _Malformed

    def _parameters(self) -> None:
        while self._is_next(";"):
            self._at += 1
            self._take(_SPACES)
            self._take(_KEY)
            if self._is_next("="):
                self._at += 1
                self._bare()

    def _bare(self) -> Bare:
        char = self._text[self._at : self._at + 1]
        if char == '"':
            return re.sub(r"\\(.)", r"\1", self._take(_STRING)[1])
        if char == "?":
            return self._take(_BOOLEAN)[1] == "1"
        if char == ":":
            return self._take(_BYTES)[1].encode("ascii")
        if char == "-" or char.isdecimal():
            number = self._take(_NUMBER)[0]
            return float(number) if "." in number else int(number)
        return Token(self._take(_TOKEN)[0])

    def _is_next(self, char: str) -> bool:
        return self._text.startswith(char, self._at)

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str]:
        match = pattern.match(self._text, self._at)
        if match is None:
            raise _Malformed
        self._at = match.end()
        return match
