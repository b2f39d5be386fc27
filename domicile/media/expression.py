"""Expressions: numbers, texts, variables and names of facts, joined by operators; and conditions made of them.

    expression = operand *("_" operator "_" operand)              ; worked out from left to right, without precedence
    operator   = "add" / "sub" / "mul" / "div" / "mod" / "pow"
    operand    = number / ratio / text / variable / context / name
    number     = ["-"] 1*9DIGIT ["." 1*20DIGIT]       ratio    = 1*6DIGIT ":" 1*6DIGIT     ; only in conditions
    text       = "!" *( any but "!" "," "/" ) "!"     variable = "$" ALPHA *( ALPHA / DIGIT )
    context    = "ctx:" text                          name     = "w" / "h" / "ar" / "iw" / "ih" / "iar" / "cp" / "pc" / "tags"
    condition  = clause *( "_" ("and" / "or") "_" clause )        ; "and" binds tighter than "or"
    clause     = expression "_" relation "_" expression / ("isdef" / "isndef") "_" variable
    relation   = "eq" / "ne" / "lt" / "gt" / "lte" / "gte" / "in" / "nin"

Canonical: numbers without needless zeros, ratios reduced, texts percent-encoded in one way. Names of facts that nobody
knows yet (fc, tar, idn, ils, …) are refused. What these mean is decided in evaluate.py. Source: cloudinary-compat 3.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from domicile.media.params.base import Malformed
from domicile.media.percent import percent_decode, percent_encode

NAMES = frozenset({"w", "h", "ar", "iw", "ih", "iar", "cp", "pc", "tags"})
CURRENT = frozenset({"w", "h", "ar"})
"""Names that depend on what the chain has done so far."""
TAGS = "tags"
OPERATORS = frozenset({"add", "sub", "mul", "div", "mod", "pow"})
MEMBERSHIP = frozenset({"in", "nin"})
RELATIONS = frozenset({"eq", "ne", "lt", "gt", "lte", "gte"}) | MEMBERSHIP
TEXT_CHARS_MAX = 255
VARIABLE_CHARS_MAX = 64

_TEXT = r"![^!,/]*!"
VARIABLE = re.compile(rf"\$[A-Za-z][A-Za-z0-9]{{0,{VARIABLE_CHARS_MAX - 1}}}", re.ASCII)
_TOKEN = re.compile(
    rf"(?P<variable>{VARIABLE.pattern})|(?P<context>ctx:{_TEXT})|(?P<text>{_TEXT})|(?P<ratio>[0-9]{{1,6}}:[0-9]{{1,6}})"
    r"|(?P<number>-?[0-9]{1,9}(?:\.[0-9]{1,20})?)|(?P<word>[a-z]{1,8})",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Number:
    """As written: with a decimal point it is a share where a size is asked for."""

    text: str

    @property
    def value(self) -> Fraction:
        first, colon, second = self.text.partition(":")
        return Fraction(int(first), int(second)) if colon else Fraction(self.text)


@dataclass(frozen=True, slots=True)
class Text:
    """Decoded."""

    value: str


@dataclass(frozen=True, slots=True)
class Name:
    """One of NAMES."""

    name: str


@dataclass(frozen=True, slots=True)
class Variable:
    """With its dollar sign."""

    name: str


@dataclass(frozen=True, slots=True)
class Context:
    """The asset's context entry of that key, decoded."""

    key: str


Operand = Number | Text | Name | Variable | Context


@dataclass(frozen=True, slots=True)
class Expression:
    """`first`, then each operator with its operand."""

    first: Operand
    rest: tuple[tuple[str, Operand], ...] = ()

    @property
    def operands(self) -> Iterator[Operand]:
        yield self.first
        for _, operand in self.rest:
            yield operand

    @property
    def is_bare(self) -> bool:
        return not self.rest


@dataclass(frozen=True, slots=True)
class Comparison:
    left: Expression
    relation: str
    right: Expression


@dataclass(frozen=True, slots=True)
class Defined:
    """`isdef`, or with `wanted` False `isndef`."""

    name: str
    wanted: bool


Clause = Comparison | Defined


@dataclass(frozen=True, slots=True)
class Condition:
    """True when all clauses of any group are."""

    groups: tuple[tuple[Clause, ...], ...]

    @property
    def operands(self) -> Iterator[Operand]:
        for group in self.groups:
            for clause in group:
                if isinstance(clause, Comparison):
                    yield from clause.left.operands
                    yield from clause.right.operands


def read_expression(text: str, *, terms_max: int) -> Expression:
    """Raises Malformed."""
    return _expression(_tokens(text, terms_max), ratios=False)


def write_expression(expression: Expression) -> str:
    parts = [write_operand(expression.first)]
    for operator, operand in expression.rest:
        parts += [operator, write_operand(operand)]
    return "_".join(parts)


def read_condition(text: str, *, terms_max: int) -> Condition:
    """Raises Malformed."""
    groups: list[tuple[Clause, ...]] = []
    clauses: list[Clause] = []
    clause: list[str] = []
    for token in [*_tokens(text, terms_max), "or"]:
        if token not in {"and", "or"}:
            clause.append(token)
            continue
        clauses.append(_clause(clause))
        clause = []
        if token == "or":  # noqa: S105 - a word of the language
            groups.append(tuple(clauses))
            clauses = []
    return Condition(tuple(groups))


def write_condition(condition: Condition) -> str:
    return "_or_".join("_and_".join(map(_write_clause, group)) for group in condition.groups)


def write_operand(operand: Operand) -> str:
    match operand:
        case Number(text):
            return text
        case Text(value):
            return f"!{spell_text(value)}!"
        case Context(key):
            return f"ctx:!{spell_text(key)}!"
        case Name(name) | Variable(name):
            return name


def spell_text(text: str) -> str:
    """As a value of the URL language: `:` separates there as it does here."""
    return percent_encode(text, safe=":")


def _tokens(text: str, terms_max: int) -> list[str]:
    """The pieces between underscores; those inside a text separate nothing."""
    found: list[str] = []
    position = 0
    while True:
        match = _TOKEN.match(text, position)
        if match is None or len(found) >= terms_max:
            raise Malformed
        found.append(match[0])
        position = match.end()
        if position == len(text):
            return found
        if text[position] != "_":
            raise Malformed
        position += 1


def _expression(tokens: list[str], *, ratios: bool) -> Expression:
    if len(tokens) % 2 == 0:
        raise Malformed
    first, *rest = tokens
    pairs = [(rest[n], _operand(rest[n + 1], ratios=ratios)) for n in range(0, len(rest), 2)]
    if any(operator not in OPERATORS for operator, _ in pairs):
        raise Malformed
    expression = Expression(_operand(first, ratios=ratios), tuple(pairs))
    if any(operand == Name(TAGS) for operand in expression.operands) and not (ratios and expression.is_bare):
        raise Malformed
    return expression


def _operand(token: str, *, ratios: bool) -> Operand:
    match = _TOKEN.fullmatch(token)
    kind = match.lastgroup if match is not None else None
    match kind:
        case "variable":
            return Variable(token)
        case "text":
            return Text(_read_text(token))
        case "context":
            return Context(_read_text(token.removeprefix("ctx:")))
        case "number":
            return Number(_plain(token))
        case "ratio" if ratios:
            width, _, height = token.partition(":")
            if int(height) == 0:
                raise Malformed
            ratio = Fraction(int(width), int(height))
            return Number(f"{ratio.numerator}:{ratio.denominator}")
        case _ if token in NAMES:
            return Name(token)
        case _:
            raise Malformed


def _plain(token: str) -> str:
    """The shortest spelling: no leading or trailing zeros, no minus zero; a decimal point stays one.

    >>> _plain("007"), _plain("1.50"), _plain("2.0"), _plain("-0.0")
    ('7', '1.5', '2.0', '0.0')
    """
    if "." not in token:
        return str(int(token))
    value = Decimal(token)
    text = f"{value.normalize():f}" if value else "0"
    return text if "." in text else f"{text}.0"


def _read_text(token: str) -> str:
    try:
        text = percent_decode(token[1:-1]).decode()
    except UnicodeDecodeError:
        raise Malformed from None
    if len(text) > TEXT_CHARS_MAX or not text.isprintable():
        raise Malformed
    return text


def _clause(tokens: list[str]) -> Clause:
    if len(tokens) == 2 and tokens[0] in {"isdef", "isndef"} and VARIABLE.fullmatch(tokens[1]):
        return Defined(tokens[1], tokens[0] == "isdef")
    places = [n for n, token in enumerate(tokens) if token in RELATIONS]
    if len(places) != 1:
        raise Malformed
    [place] = places
    left = _expression(tokens[:place], ratios=True)
    right = _expression(tokens[place + 1 :], ratios=True)
    relation = tokens[place]
    if left.first == Name(TAGS) or (right.first == Name(TAGS) and relation not in MEMBERSHIP):
        raise Malformed
    return Comparison(left, relation, right)


def _write_clause(clause: Clause) -> str:
    match clause:
        case Defined(name, wanted):
            return f"{'isdef' if wanted else 'isndef'}_{name}"
        case Comparison(left, relation, right):
            return f"{write_expression(left)}_{relation}_{write_expression(right)}"
