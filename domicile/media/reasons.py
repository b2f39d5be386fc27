"""Why an answer has the format and the quality that it has: what `f_auto` and `q_auto` came to, for Server-Timing.

    reasons  = format [ "," quality ] / quality
    format   = "f=" name ":" kind                   ; of f_auto
    quality  = "q=" ( number ":" how / "lossless" ) ; of q_auto, or where f_auto took an encoder without loss
    kind     = "photo" / "graphic" / "alpha" / "animation" / "size"
    how      = "score" / "usual"

`size`: a better format was passed over, because the picture is too large for it. `score`: the number was found by
looking at copies; `usual`: the one that suits most photographs, for animations and the smallest pictures. The number is
that of the encoder. Words and numbers of ours only: nothing of a name or of an original's metadata can stand here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    PHOTO = "photo"
    GRAPHIC = "graphic"
    ALPHA = "alpha"
    ANIMATION = "animation"
    SIZE = "size"


class How(StrEnum):
    SCORE = "score"
    USUAL = "usual"
    LOSSLESS = "lossless"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reasons:
    """`kind`: None without `f_auto`; `how`: None without `q_auto`."""

    format: str
    kind: Kind | None = None
    number: int = 0
    how: How | None = None

    def text(self) -> str:
        """
        >>> Reasons(format="avif", kind=Kind.PHOTO, number=62, how=How.SCORE).text()
        'f=avif:photo,q=62:score'
        """
        said = []
        if self.kind is not None:
            said.append(f"f={self.format}:{self.kind}")
        if self.how is not None:
            said.append("q=lossless" if self.how is How.LOSSLESS else f"q={self.number}:{self.how}")
        return ",".join(said)
