"""What wrk says is read line by line: a number that looks like a percentile elsewhere is none."""

from __future__ import annotations

import re
import shutil
import socketserver
import threading

import pytest

from benchmarks.load import BROWSER, UNIQUE_REFERER, Load, core_ticks, parse, spent, wrk
from tests.corpus import IN_CI

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
    with pytest.raises(RuntimeError, match="something else was said than expected"):
        parse("unable to connect to 127.0.0.1:1 Connection refused", cpu_seconds=0)


def test_what_processes_took_is_of_those_that_run_at_the_end() -> None:
    assert spent({1: 5.0, 2: 3.0}, {1: 6.5, 3: 0.25}) == 1.75  # 2 has ended, 3 has begun


def test_how_busy_a_core_is() -> None:
    stat = "cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\ncpu1 10 5 20 60 4 0 1 0 0 0\n"
    assert core_ticks(1, stat) == (36, 100)


def test_a_load_is_pinned_or_not_and_its_script_has_its_arguments() -> None:
    pinned = Load(script=UNIQUE_REFERER, arguments=("7",)).command("http://h/x", seconds=3)
    assert pinned[:3] == ["taskset", "-c", "1"]
    assert pinned[-3:] == ["http://h/x", "--", "7"]
    assert pinned[pinned.index("-s") + 1] == str(UNIQUE_REFERER)
    assert Load(core=None, threads=2).command("http://h/x", seconds=3)[:4] == ["wrk", "-t2", "-c64", "-d3s"]


def handler(seen: list[bytes]) -> type[socketserver.StreamRequestHandler]:
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            head: list[bytes] = []
            for line in self.rfile:
                head.append(line)
                if line == b"\r\n":
                    seen.append(b"".join(head))
                    head.clear()
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    return Handler


@pytest.mark.skipif(shutil.which("wrk") is None and not IN_CI, reason="needs wrk: apt-get install wrk")
def test_a_referer_is_never_sent_twice_and_everything_else_is_as_a_browser_sends_it() -> None:
    seen: list[bytes] = []
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler(seen)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        load = Load(core=None, connections=2, script=UNIQUE_REFERER, arguments=("7",))
        run = wrk(f"http://127.0.0.1:{server.server_address[1]}/x", list, seconds=1, load=load)
        server.shutdown()
    referers = [re.findall(rb"\r\nReferer: (\S+)\r\n", head) for head in seen]
    assert len(seen) >= run.requests > 1
    assert all(len(each) == 1 for each in referers)
    assert len({each[0] for each in referers}) == len(seen)
    for name, value in BROWSER.items():
        assert f"\r\n{name}: {value}\r\n".encode() in seen[0]
