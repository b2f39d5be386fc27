"""How a verb ends when it cannot do its job."""

from __future__ import annotations


class Failure(Exception):
    """The text is for the person at the terminal; `code` is the exit status."""

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.code = code
