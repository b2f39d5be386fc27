"""What wrk says is read line by line: a number that looks like a percentile elsewhere is none."""

from __future__ import annotations

import pytest

from benchmarks.load import parse

SAID = """Running 1s test @ http://127.0.0.1:8080/x
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.39ms    4.01ms  52.11ms   97.99%
    Req/Sec    85.50k     4.05k   91.12k    99.99%
  Latency Distribution
     50%  353.00us
     75%  498.00us
     90%    1.21ms
     99%   21.04ms
  93485 requests in 1.10s, 75.84MB read
{extra}Requests/sec:  84981.12
Transfer/sec:     68.94MB
"""


def test_percentiles_come_from_the_distribution_alone() -> None:
    run = parse(SAID.format(extra=""), cpu_seconds=0.93485)
    assert (run.requests, run.per_second) == (93485, 84981.12)
    assert (run.p50_ms, run.p99_ms) == (0.353, 21.04)
    assert run.cpu_us == pytest.approx(10.0)
    assert run.errors == 0


@pytest.mark.parametrize(
    ("extra", "errors"),
    [
        ("  Non-2xx or 3xx responses: 7\n", 7),
        ("  Socket errors: connect 1, read 2, write 3, timeout 4\n", 10),
        ("  Socket errors: connect 1, read 0, write 0, timeout 0\n  Non-2xx or 3xx responses: 7\n", 8),
    ],
)
def test_every_kind_of_failure_is_an_error(extra: str, errors: int) -> None:
    assert parse(SAID.format(extra=extra), cpu_seconds=0).errors == errors


def test_what_is_not_a_report_of_wrk_is_said_and_not_guessed() -> None:
    with pytest.raises(RuntimeError, match="something else than expected"):
        parse("unable to connect to 127.0.0.1:1 Connection refused", cpu_seconds=0)
