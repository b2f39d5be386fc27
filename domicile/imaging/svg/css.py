"""Values, declarations and style sheets, cut down to what cannot leave the file.

A value is plain words, numbers and known functions; `url()` names a place in the same file. No escapes, no at-rules
(`@import`, `@font-face`), no custom properties. What is not understood is left out.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from dataclasses import dataclass, field

from domicile.imaging.svg.words import FUNCTIONS, PROPERTIES
from domicile.media.errors import LimitExceeded

RULES_MAX = 1000
"""Of all style sheets of a file: each is compared with each element."""
LOCAL_URL = re.compile(r"""url\(\s*(["']?)#([\w:.-]+)\1\s*\)""", re.IGNORECASE)
BRACKETS = re.compile(r"[{}]")
NAME_LETTERS = string.ascii_letters + "-"
VALUE = re.compile(r"[\w\s.,%+/()#'\"*!-]*")
SELECTOR = re.compile(r"[\w\s.#,>+~*:()=\"'\[\]^$|-]+")
STRING, QUOTES = re.compile(r"""\"[^"\n\r\f]*\"|'[^'\n\r\f]*'"""), re.compile(r"[\"']")
CONDITION = re.compile(r"""\[(?:"[^"]*"|'[^']*'|[^]"'])*\]|\([^()"']*\)""")
"""Of a selector, beside names: spaces and commas inside do not part selectors."""
CONDITIONED_MAX = 1000
"""Characters in which conditions are looked for, which may take their square."""
PUZZLING = re.compile(r"[\[\]()\"']")
TOKEN = re.compile(r"([.#]?)([\w-]+)")
AT_RULE = re.compile(r"\s*@")
REFERENCE = re.compile(r"url\(#([\w:.-]+)\)")

Declarations = dict[str, str]


@dataclass(frozen=True, slots=True)
class Rule:
    """Selectors as they stand, and what they set."""

    selectors: str
    declarations: Declarations

    @property
    def tokens(self) -> frozenset[str]:
        """Names that an element must have one of (`.class`, `#id`, `tag`) to be meant; empty: it may be any."""
        plain = CONDITION.sub("", self.selectors) if len(self.selectors) <= CONDITIONED_MAX else self.selectors
        if PUZZLING.search(plain):
            return frozenset()
        tokens: set[str] = set()
        for selector in plain.split(","):
            last = re.split(r"[\s>+~]+", selector.strip())[-1]
            found = {sign + name for sign, name in TOKEN.findall(last.split(":")[0])}
            if not found:
                return frozenset()
            tokens |= found
        return frozenset(tokens)


@dataclass(slots=True)
class Sheets:
    """The style sheets of a file."""

    rules: list[Rule] = field(default_factory=list)

    def read(self, text: str) -> str:
        """The sheet in its clean form. Raises LimitExceeded for more than RULES_MAX rules in all."""
        rules = _rules(text, RULES_MAX - len(self.rules))
        self.rules += rules
        return "".join(f"{rule.selectors}{{{write(rule.declarations)}}}" for rule in rules)


def clean_value(text: str) -> str | None:
    """The value, or None when there is something in it that is not known to be harmless."""
    text = LOCAL_URL.sub(r"url(#\2)", text.strip())
    if VALUE.fullmatch(LOCAL_URL.sub("", text)) is None or not _is_whole(text):
        return None
    for name, after in _calls(text):
        if name and name not in FUNCTIONS:
            return None
        if name == "url" and not after.startswith("#"):
            return None
    return text


def _is_whole(text: str) -> bool:
    """Is each quote and bracket closed? One that is not would take in what stands behind it, as far as the next."""
    rest = STRING.sub("", text)
    return not QUOTES.search(rest) and rest.count("(") == rest.count(")") and rest.count("[") == rest.count("]")


def _calls(text: str) -> Iterator[tuple[str, str]]:
    """What stands before each parenthesis, in lower case, and behind it. Not by a pattern, which would look for the
    parenthesis anew from every letter of a long word.
    """
    before, *behind = text.split("(")
    for after in behind:
        word = before.rstrip()
        yield word[len(word.rstrip(NAME_LETTERS)) :].lower(), after
        before = after


def clean_declarations(text: str) -> Declarations:
    """What a `style` attribute, or the inside of a rule, sets."""
    found: Declarations = {}
    for part in without_comments(text).split(";"):
        name, colon, value = part.partition(":")
        name = name.strip().lower()
        cleaned = clean_value(value) if colon and name in PROPERTIES else None
        if cleaned:
            found[name] = cleaned
    return found


def write(declarations: Declarations) -> str:
    return ";".join(f"{name}:{value}" for name, value in declarations.items())


def without_comments(text: str) -> str:
    """A comment that is not closed takes the rest along."""
    pieces, at = [], 0
    while (start := text.find("/*", at)) >= 0:
        pieces.append(text[at:start])
        end = text.find("*/", start + 2)
        at = len(text) if end < 0 else end + 2
    return " ".join([*pieces, text[at:]])


def _rules(text: str, rules_max: int) -> list[Rule]:
    text = without_comments(text).replace("<!--", " ").replace("-->", " ")
    rules: list[Rule] = []
    at = 0
    while (opened := text.find("{", at)) >= 0:
        at = _after_statements(text, at, opened)
        selectors = text[at:opened].strip()
        if selectors.startswith("@"):
            at = _after_block(text, opened)
            continue
        closed = text.find("}", opened)
        closed = len(text) if closed < 0 else closed
        declarations = clean_declarations(text[opened + 1 : closed])
        at = closed + 1
        if declarations and SELECTOR.fullmatch(selectors) and _is_whole(selectors):
            rules.append(Rule(selectors, declarations))
            if len(rules) > rules_max:
                raise LimitExceeded(f"Maximum number of style rules in an SVG is {RULES_MAX}")
    return rules


def _after_statements(text: str, at: int, opened: int) -> int:
    """Behind the at-rules without a block, such as `@import`, that stand before the next bracket."""
    while AT_RULE.match(text, at, opened) and (semicolon := text.find(";", at, opened)) >= 0:
        at = semicolon + 1
    return at


def _after_block(text: str, opened: int) -> int:
    """Behind its end, blocks inside included."""
    depth = 0
    for bracket in BRACKETS.finditer(text, opened):
        depth += 1 if bracket[0] == "{" else -1
        if depth == 0:
            return bracket.end()
    return len(text)
