"""The model: the file it should be, quiet, small, alone."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata, util
from pathlib import Path

import pytest
from PIL import Image

from domicile.imaging import centerface
from domicile.imaging.centerface import FacesUnavailable, Found, detect, overlap, session

ROOT = Path(__file__).resolve().parents[3]
REPORTS_TO = b"events.data.microsoft.com"


@pytest.fixture
def fresh_session():
    session.cache_clear()
    yield
    session.cache_clear()


def test_another_file_is_not_loaded(fresh_session, monkeypatch, tmp_path) -> None:
    other = tmp_path / "centerface.onnx"
    other.write_bytes(centerface.MODEL.read_bytes()[:-1] + b"\0")
    monkeypatch.setattr(centerface, "MODEL", other)
    with pytest.raises(FacesUnavailable, match="not the file"):
        session()


@pytest.mark.parametrize("version, why", [(None, "not installed"), ("1.29.0", "reports"), ("2.0.1", "reports")])
def test_without_a_runtime_that_keeps_quiet_none_is_loaded(fresh_session, monkeypatch, version, why) -> None:
    def of(_name: str) -> str:
        if version is None:
            raise metadata.PackageNotFoundError
        return version

    monkeypatch.setattr(metadata, "version", of)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)  # importing it would be another error
    with pytest.raises(FacesUnavailable, match=why):
        detect(Image.new("RGB", (32, 32)), 500)


@pytest.mark.parametrize("size", [(1, 1), (31, 33), (64, 32), (640, 3)])
def test_pictures_of_any_size_are_looked_at(size: tuple[int, int]) -> None:
    assert detect(Image.new("RGB", size, (200, 30, 90)), 500) == []


def test_of_boxes_that_overlap_the_surest_is_kept() -> None:
    sure, same, other = Found(900, (0, 0, 10, 10)), Found(800, (1, 0, 11, 10)), Found(700, (20, 0, 30, 10))
    assert centerface._apart([sure, same, other]) == [sure, other]


@pytest.mark.parametrize(
    "one, other, shared",
    [
        ((0, 0, 10, 10), (0, 0, 10, 10), 1.0),
        ((0, 0, 10, 10), (5, 0, 15, 10), 1 / 3),
        ((0, 0, 10, 10), (10, 0, 20, 10), 0.0),
        ((0, 0, 10, 10), (50, 50, 60, 60), 0.0),
    ],
)
def test_overlap_is_intersection_over_union(one, other, shared) -> None:
    assert overlap(one, other) == pytest.approx(shared)


def test_the_runtime_is_one_that_does_not_report_to_its_maker() -> None:
    """From 1.29 on the builds on PyPI carry an uploader, which writes a device id to disk as soon as it is imported."""
    spec = util.find_spec("onnxruntime")
    assert spec is not None
    assert spec.origin is not None
    libraries = list(Path(spec.origin).parent.glob("capi/*.so*"))
    assert libraries
    assert [library.name for library in libraries if REPORTS_TO in library.read_bytes()] == []


@pytest.mark.parametrize("tier", ["edge.worker", "edge.supervisor", "origin.server", "domicile.service.pool"])
def test_a_serving_process_does_not_load_it(tier: str) -> None:
    script = f"import sys, {tier}; print('onnxruntime' in sys.modules, 'domicile.imaging.centerface' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, cwd=ROOT, text=True)
    assert done.stdout.split() == ["False", "False"]
