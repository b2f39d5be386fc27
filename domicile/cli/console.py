"""What the command writes: results on stdout, everything else on stderr; JSON and URLs are never wrapped."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

from rich.console import Console
from rich.markup import escape

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


_UNFIT = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def plain(text: str) -> str:
    r"""Without what a terminal would obey, or show as something else: it may be somebody else's text.

    >>> plain("a\x1b[2Jb\u202e")
    'a?[2Jb?'
    """
    return "".join("?" if unicodedata.category(char) in _UNFIT and char != "\n" else char for char in text)


def complain(text: str) -> None:
    """One line on stderr."""
    err.print(f"[bold red]domicile:[/] {escape(plain(text))}", soft_wrap=True)


def note(text: str) -> None:
    err.print(escape(plain(text)), soft_wrap=True)


def line(label: str, value: str) -> None:
    """`label   value` on stdout, the value as it is and in one piece."""
    out.print(f"  [dim]{escape(label):<15}[/] {escape(plain(value))}", soft_wrap=True)


def as_json(value: Any) -> None:
    """Plain JSON on stdout, without colours, for programs."""
    out.file.write(json.dumps(value, ensure_ascii=False) + "\n")
    out.file.flush()
