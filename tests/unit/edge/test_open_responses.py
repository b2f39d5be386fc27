"""What is remembered of a response until its bytes have arrived."""

from __future__ import annotations

import asyncio
from typing import Any

from edge.open_responses import HEADS_MAX, OpenResponses


class Unsent(asyncio.Transport):
    """A viewer who never has everything."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self if name == "socket" else default

    def fileno(self) -> int:
        return 1

    def get_write_buffer_size(self) -> int:
        return 1


def test_what_a_slow_viewer_is_sent_again_and_again_is_remembered_once() -> None:
    responses, transport, heads = OpenResponses(), Unsent(), [object() for _ in range(3)]
    for _ in range(1000):
        for head in heads:
            assert responses.hand_over(transport, head)  # type: ignore[arg-type]
    assert len(responses._sent[transport]) == 3


def test_a_slow_viewer_of_many_pictures_has_them_by_the_ordinary_way() -> None:
    responses, transport = OpenResponses(), Unsent()
    heads = [object() for _ in range(HEADS_MAX + 1)]
    said = [responses.hand_over(transport, head) for head in heads]  # type: ignore[arg-type]
    assert said == [True] * HEADS_MAX + [False]
