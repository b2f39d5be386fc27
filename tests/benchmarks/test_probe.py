"""The probe of hits: what it takes for an answer, and what it says of its own waiting."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from benchmarks import probe
from benchmarks.probe import PER_SECOND, measured, percentile

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
SECONDS = 0.05


@contextmanager
def answering(answer: Callable[[int], bytes]) -> Iterator[socket.socket]:
    """The client's end of a connection on which each request gets its answer, in two pieces."""
    ours, theirs = socket.socketpair()
    ours.settimeout(5.0)

    def serve() -> None:
        number = 0
        with theirs, contextlib.suppress(OSError):  # who got another answer than he takes has gone
            while theirs.recv(4096) and (said := answer(number)):
                for piece in (said[:25], said[25:]):
                    theirs.sendall(piece)
                number += 1

    serving = threading.Thread(target=serve, daemon=True)
    serving.start()
    with ours:
        yield ours
    serving.join(5.0)


def test_it_asks_at_fixed_moments_and_measures_whole_answers() -> None:
    def slow_once(number: int) -> bytes:
        time.sleep(0.02 if number == 1 else 0.0)
        return ANSWER

    with answering(slow_once) as connection:
        found = measured(connection, b"GET", seconds=SECONDS, realtime=False)
    assert (found.requests, found.errors, found.realtime) == (round(SECONDS * PER_SECOND), 0, False)
    assert found.p99_ms == found.max_ms >= 20.0
    assert found.p50_ms < found.p99_ms
    assert found.late_p99_ms < found.max_ms, "that an answer came late is none of its own waiting"


@pytest.mark.parametrize(
    "bad",
    [
        b"HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\n\r\nhello",
        b"",
    ],
)
def test_another_answer_is_an_error_and_ends_it(bad: bytes) -> None:
    with answering(lambda number: ANSWER if number < 2 else bad) as connection:
        found = measured(connection, b"GET", seconds=SECONDS, realtime=True)
    assert (found.requests, found.errors) == (2, 1)


def test_a_percentile_is_one_of_the_values() -> None:
    values = [float(number) for number in range(1, 201)]
    assert (percentile(values, 0.99), percentile(values, 1.0), percentile([], 0.99)) == (198.0, 200.0, 0.0)


def test_without_the_right_to_it_there_is_no_priority_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", refused)
    assert not probe.take_priority()
