from __future__ import annotations

import io
import mmap
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from PIL import Image

from domicile.imaging import sandbox, worker
from domicile.imaging.channel import BODIES_MAX, Broken, Reply, SandboxLimits, decode_reply, encode
from domicile.imaging.guarded import making
from domicile.imaging.job import Done, LayerInput, MediaLimits, Outcome, ProbeJob, Refused, RenderJob
from domicile.imaging.worker import Handlers, serve_one
from domicile.media.facts import SourceFacts
from domicile.media.layer import LAYERS_MAX

LIMITS = SandboxLimits(memory_bytes_max=1, cpu_seconds_max=1, jobs_max=1, result_bytes_max=1000, niceness=0)
FACTS = SourceFacts(format="png", width=1, height=1, frames=1, has_alpha=False, orientation=1, body_bytes=3, md5="")
RENDER = RenderJob(transformation="w_1", extension="png", bucket="", limits=MediaLimits())


def probe(source: worker.Source, job: ProbeJob) -> Outcome:
    return Refused(code="undecodable_media", message=f"{type(source).__name__} {bytes(source)!r}")


def render(source: worker.Source, job: RenderJob, layers: tuple[worker.Source, ...]) -> tuple[Outcome, bytes]:
    over = b"".join(bytes(layer) for layer in layers)
    return Done(source=FACTS, content_type="image/png", format=job.transformation), bytes(source) * 2 + over


class Line:
    """Both ends of a job socket, and the two bodies of one job."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.source, self.result = os.memfd_create("source"), os.memfd_create("result")

    def ask(self, message: bytes, source: bytes, handlers: Handlers) -> Reply:
        os.write(self.source, source)
        socket.send_fds(self.ours, [message], [self.source, self.result])
        assert serve_one(self.theirs, handlers, LIMITS)
        return decode_reply(self.ours.recv(100_000))

    def body(self) -> bytes:
        return os.pread(self.result, 100_000, 0)

    def close(self) -> None:
        self.ours.close()
        self.theirs.close()
        os.close(self.source)
        os.close(self.result)


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    monkeypatch.setattr(sandbox, "allow_processor_seconds", lambda seconds: None)  # this process is the tests'
    found = Line()
    yield found
    found.close()


def test_a_rendition_is_written_and_announced(line: Line) -> None:
    reply = line.ask(encode(RENDER), b"abc", Handlers(probe=probe, render=render))
    assert reply.outcome == Done(source=FACTS, content_type="image/png", format="w_1")
    assert reply.body_bytes == 6
    assert reply.resident_bytes > 1024**2
    assert line.body() == b"abcabc"


def test_a_source_is_mapped_not_copied_and_may_be_empty(line: Line) -> None:
    handlers = Handlers(probe=probe, render=render)
    reply = line.ask(encode(ProbeJob(limits=MediaLimits())), b"", handlers)
    assert reply.outcome == Refused(code="undecodable_media", message="bytes b''")
    reply = line.ask(encode(ProbeJob(limits=MediaLimits())), b"abc", handlers)
    assert reply.outcome == Refused(code="undecodable_media", message="mmap b'abc'")


def test_an_error_is_told_by_name_and_place_and_never_by_its_text(line: Line) -> None:
    def broken(source: worker.Source, job: ProbeJob) -> Outcome:
        raise LookupError("a name from the file")

    message = encode(ProbeJob(limits=MediaLimits()))
    reply = line.ask(message, b"abc", Handlers(probe=broken, render=render))
    assert isinstance(reply.outcome, Broken)
    assert reply.outcome.error == "LookupError"
    assert re.fullmatch(r"imaging/worker\.py:[0-9]+", reply.outcome.where)  # the handler is a test's, not ours
    assert b"a name" not in encode(reply)


def test_a_failure_inside_a_library_is_placed_where_we_called_it(line: Line) -> None:
    def broken(source: worker.Source, job: ProbeJob) -> Outcome:
        with making():
            Image.new("RGB", (2, 2)).save(io.BytesIO(), "PNG", compress_level="high")
        raise AssertionError

    reply = line.ask(encode(ProbeJob(limits=MediaLimits())), b"abc", Handlers(probe=broken, render=render))
    assert isinstance(reply.outcome, Broken)
    assert reply.outcome.error == "TypeError"
    assert re.fullmatch(r"imaging/[a-z]+\.py:[0-9]+", reply.outcome.where)


def test_a_rendition_over_the_limit_is_not_written(line: Line) -> None:
    reply = line.ask(encode(RENDER), b"x" * 501, Handlers(probe=probe, render=render))
    assert isinstance(reply.outcome, Refused)
    assert reply.outcome.code == "limit_exceeded"
    assert line.body() == b""


def test_descriptors_of_a_job_are_closed_after_it(line: Line) -> None:
    before = len(os.listdir("/proc/self/fd"))
    line.ask(encode(RENDER), b"abc", Handlers(probe=probe, render=render))
    assert len(os.listdir("/proc/self/fd")) == before


def layered(*names: str) -> RenderJob:
    return msgspec.structs.replace(RENDER, layers=tuple(LayerInput(name=name) for name in names))


def send(line: Line, job: RenderJob, *bodies: bytes) -> None:
    files = [os.memfd_create("source") for _ in bodies]
    for file, body in zip(files, bodies, strict=True):
        os.write(file, body)
    socket.send_fds(line.ours, [encode(job)], [*files, line.result])
    for file in files:
        os.close(file)


def test_layers_come_in_the_order_of_the_job_between_source_and_result(line: Line) -> None:
    send(line, layered("upload/a", "upload/b"), b"base", b"one", b"two")
    assert serve_one(line.theirs, Handlers(probe=probe, render=render), LIMITS)
    assert line.body() == b"basebaseonetwo"


def test_as_many_layers_as_a_job_may_have_fit_the_descriptors_of_a_decoder(line: Line) -> None:
    assert BODIES_MAX == LAYERS_MAX + 2
    assert 4 + BODIES_MAX + 1 <= sandbox.DESCRIPTORS_MAX  # its streams and its channel; one mapping at a time
    send(line, layered(*(f"upload/{number}" for number in range(LAYERS_MAX))), b"", *[b"x"] * LAYERS_MAX)
    assert serve_one(line.theirs, Handlers(probe=probe, render=render), LIMITS)
    assert line.body() == b"x" * LAYERS_MAX


def test_a_job_with_another_number_of_bodies_than_layers_is_the_last_one(line: Line) -> None:
    send(line, layered("upload/a"), b"base")
    assert not serve_one(line.theirs, Handlers(probe=probe, render=render), LIMITS)


def test_no_more_jobs_when_the_other_side_has_gone_or_sends_no_bodies(line: Line) -> None:
    handlers = Handlers(probe=probe, render=render)
    line.ours.send(encode(RENDER))
    assert not serve_one(line.theirs, handlers, LIMITS)
    line.ours.close()
    assert not serve_one(line.theirs, handlers, LIMITS)


def test_a_mapping_that_is_still_looked_at_does_not_spoil_the_next_job(line: Line) -> None:
    kept: list[memoryview] = []

    def keep(source: worker.Source, job: RenderJob, layers: tuple[worker.Source, ...]) -> tuple[Outcome, bytes]:
        assert isinstance(source, mmap.mmap)
        kept.append(memoryview(source))
        return render(source, job, layers)

    handlers = Handlers(probe=probe, render=keep)
    line.ask(encode(RENDER), b"abc", handlers)
    assert bytes(kept[0]) == b"abc"
    assert line.ask(encode(RENDER), b"", Handlers(probe=probe, render=render)).body_bytes == 6


def test_free_memory_is_given_back_once_when_no_job_comes(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float] = []
    monkeypatch.setattr(worker, "give_back", lambda: given.append(time.monotonic()))
    line.theirs.settimeout(0.01)
    threading.Timer(0.1, line.ours.close).start()
    assert not serve_one(line.theirs, Handlers(probe=probe, render=render), LIMITS)
    assert len(given) == 1


def test_handlers_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "handlers.py"
    file.write_text("def probe(source, job): return 1\ndef render(source, job): return 2\n")
    handlers = worker.load_handlers(str(file))
    assert handlers.probe(b"", ProbeJob(limits=MediaLimits())) == 1  # type: ignore[comparison-overlap]
