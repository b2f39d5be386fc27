r"""Search expressions, read into a tree and written back; what the fields mean is not known here.

    any     = group *(("OR" / "||") group)
    group   = 1*all                                  ; side by side: any of them, unless signs say otherwise
    all     = signed *(("AND" / "&&") signed)
    signed  = *("NOT" / "!" / "-" / "+") (term / "(" any ")")
    term    = field (":" / "=" / ">" / ">=" / "<" / "<=") value
            / field (":" / "=") ("[" / "{") value "TO" value ("]" / "}")
            / value                                  ; in any field
    value   = word ["*"] / DQUOTE *character ["*"] DQUOTE

`+` must be there and `-` must not, among others side by side: `+a b -c` is `a AND NOT c`. A backslash takes any meaning from
the character after it. Source: cloudinary-compat 4.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from domicile.media.errors import BadRequest, LimitExceeded

EXPRESSION_CHARS_MAX = 4000
TERMS_MAX = 100
"""Of one expression."""
DEPTH_MAX = 16
"""Parentheses within parentheses."""

OPERATORS = (">=", "<=", ":", "=", ">", "<")
_BETWEEN = frozenset({":", "="})
_SIGNS = {"NOT": "-", "!": "-", "-": "-", "+": "+"}
_UNWRITABLE = re.compile(r"[\0\ud800-\udfff]")
_SPACE = re.compile(r"\s*")
_WORD = re.compile(r'(?:\\.|[^\s()\[\]{}":=<>!&|^~?*\\])+', re.DOTALL)
_VALUE = re.compile(r'(?:\\.|[^\s()\[\]{}"=<>!&|^~?*\\])+', re.DOTALL)
"""After an operator a colon needs no backslash."""
_QUOTED = re.compile(r'"((?:\\.|[^"\\*])*)(\*?)"', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_RESERVED = re.compile(r'([\s()\[\]{}":=<>!&|^~?*\\])')


@dataclass(frozen=True, slots=True)
class Text:
    """What a field is compared with. `goes_on`: a star ends it, so anything may follow."""

    value: str
    goes_on: bool = False


@dataclass(frozen=True, slots=True)
class Everything:
    """The empty expression."""


@dataclass(frozen=True, slots=True)
class Bare:
    """Words, wherever they are."""

    text: Text


@dataclass(frozen=True, slots=True)
class Compare:
    field: str
    operator: str
    """One of OPERATORS."""
    text: Text


@dataclass(frozen=True, slots=True)
class Range:
    """Between two values; a lone star leaves an end open."""

    field: str
    low: Text
    high: Text
    includes_low: bool
    includes_high: bool


@dataclass(frozen=True, slots=True)
class Not:
    inner: Node


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple[Node, ...]


Node = Everything | Bare | Compare | Range | Not | And | Or


def parse(text: str) -> Node:
    """Raises BadRequest, LimitExceeded; the message tells a place and repeats nothing of the text."""
    if len(text) > EXPRESSION_CHARS_MAX:
        raise LimitExceeded(f"The expression is too long: at most {EXPRESSION_CHARS_MAX} characters")
    if _UNWRITABLE.search(text):
        raise BadRequest("Invalid expression: it is not valid Unicode")
    return _Parser(text).whole()


def fields_of(node: Node) -> frozenset[str]:
    """Those that it names."""
    match node:
        case Compare(field=name) | Range(field=name):
            return frozenset({name})
        case Not(inner=inner):
            return fields_of(inner)
        case And(parts=parts) | Or(parts=parts):
            return frozenset().union(*map(fields_of, parts))
        case _:
            return frozenset()


def write(node: Node) -> str:
    """An expression that is read as this tree."""
    match node:
        case Everything():
            return ""
        case Bare(text):
            return _quote(text)
        case Compare(field, operator, text):
            return f"{_escape(field)}{operator}{_quote(text)}"
        case Range(field, low, high, includes_low, includes_high):
            begin, end = "{["[includes_low], "}]"[includes_high]
            return f"{_escape(field)}:{begin}{_quote(low)} TO {_quote(high)}{end}"
        case Not(inner):
            return f"NOT ({write(inner)})" if isinstance(inner, Not) else f"NOT {write(inner)}"
        case And(parts):
            return f"({' AND '.join(map(write, parts))})"
        case Or(parts):
            return f"({' OR '.join(map(write, parts))})"


def _quote(text: Text) -> str:
    escaped = re.sub(r'(["\\*])', r"\\\1", text.value)
    return f'"{escaped}{"*" * text.goes_on}"'


def _escape(field: str) -> str:
    escaped = _RESERVED.sub(r"\\\1", field)
    return "\\" + escaped if field in {"AND", "OR", "NOT", "TO"} or field[0] in "+-" else escaped


class _Parser:
    """Reads from left to right, without going back further than one word."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._terms = 0
        self._depth = 0

    def whole(self) -> Node:
        self._skip()
        if self._at == len(self._text):
            return Everything()
        found = self._any()
        if self._at < len(self._text):
            raise self._wrong("this closes nothing")
        return found

    def _any(self) -> Node:
        groups = [self._group()]
        while self._took("OR") or self._took("||"):
            groups.append(self._group())
        return groups[0] if len(groups) == 1 else Or(tuple(groups))

    def _group(self) -> Node:
        clauses = [self._all()]
        while not self._is_over():
            clauses.append(self._all())
        return _joined(clauses)

    def _is_over(self) -> bool:
        return self._at == len(self._text) or self._text[self._at] == ")" or self._sees("OR") or self._sees("||")

    def _all(self) -> tuple[str, Node]:
        clauses = [self._signed()]
        while self._took("AND") or self._took("&&"):
            clauses.append(self._signed())
        if len(clauses) == 1:
            return clauses[0]
        return "", And(tuple(_applied(*clause) for clause in clauses))

    def _signed(self) -> tuple[str, Node]:
        sign = ""
        while found := next((word for word in _SIGNS if self._took(word)), None):
            sign = _SIGNS[found] if (sign, _SIGNS[found]) != ("-", "-") else "+"
        if not self._took("("):
            return sign, self._term()
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise LimitExceeded(f"The expression is too deep: at most {DEPTH_MAX} parentheses within each other")
        inner = self._any()
        if not self._took(")"):
            raise self._wrong("a parenthesis is not closed")
        self._depth -= 1
        return sign, inner

    def _term(self) -> Node:
        self._terms += 1
        if self._terms > TERMS_MAX:
            raise LimitExceeded(f"The expression has too many terms: at most {TERMS_MAX}")
        if any(self._sees(word) for word in ("AND", "&&", "OR", "||")):
            raise self._wrong("a term is missing")
        text = self._value(_WORD)
        operator = next((word for word in OPERATORS if self._took(word)), None)
        if operator is None:
            return Bare(text)
        if text.goes_on or not text.value:
            raise self._wrong("a field has a plain name")
        if operator in _BETWEEN and self._at < len(self._text) and self._text[self._at] in "[{":
            return self._range(text.value)
        return Compare(text.value, operator, self._value(_VALUE))

    def _range(self, field: str) -> Range:
        includes_low = self._took("[")
        if not includes_low:
            self._took("{")
        low = self._value(_VALUE)
        if not self._took("TO"):
            raise self._wrong("a range is [a TO b] or {a TO b}")
        high = self._value(_VALUE)
        includes_high = self._took("]")
        if not includes_high and not self._took("}"):
            raise self._wrong("a range ends in ] or }")
        return Range(field, low, high, includes_low, includes_high)

    def _value(self, pattern: re.Pattern[str]) -> Text:
        quoted = _QUOTED.match(self._text, self._at)
        if quoted is not None:
            self._to(quoted.end())
            return Text(_ESCAPE.sub(r"\1", quoted[1]), goes_on=bool(quoted[2]))
        word = pattern.match(self._text, self._at)
        end = word.end() if word is not None else self._at
        goes_on = self._text.startswith("*", end)
        if word is None and not goes_on:
            raise self._wrong("a value is missing, or a character needs a backslash or quotes")
        self._at = end + goes_on
        if (goes_on and _VALUE.match(self._text, self._at)) or self._text.startswith("*", self._at):
            raise self._wrong("a star stands at the end of a value")
        self._to(self._at)
        return Text(_ESCAPE.sub(r"\1", word[0]) if word is not None else "", goes_on=goes_on)

    def _sees(self, token: str) -> bool:
        """Words as tokens must stand alone."""
        if not self._text.startswith(token, self._at):
            return False
        after = self._text[self._at + len(token) :][:1]
        return not token.isalpha() or not after or after.isspace() or after in '()"[]{}'

    def _took(self, token: str) -> bool:
        if not self._sees(token):
            return False
        self._to(self._at + len(token))
        return True

    def _to(self, place: int) -> None:
        self._at = place
        self._skip()

    def _skip(self) -> None:
        space = _SPACE.match(self._text, self._at)
        self._at = space.end() if space is not None else self._at

    def _wrong(self, why: str) -> BadRequest:
        return BadRequest(f"Invalid expression at character {self._at + 1}: {why}")


def _applied(sign: str, node: Node) -> Node:
    return Not(node) if sign == "-" else node


def _joined(clauses: list[tuple[str, Node]]) -> Node:
    """Clauses side by side: all that must be, none that must not; any of the others, if nothing must be."""
    if len(clauses) == 1:
        return _applied(*clauses[0])
    must = [node for sign, node in clauses if sign == "+"]
    may = [node for sign, node in clauses if not sign]
    must_not: list[Node] = [Not(node) for sign, node in clauses if sign == "-"]
    if not must and may:
        must = [may[0] if len(may) == 1 else Or(tuple(may))]
    parts = must + must_not
    return parts[0] if len(parts) == 1 else And(tuple(parts))
