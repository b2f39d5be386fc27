"""What is installed is what runs: three packages, their data, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.architecture.tree import PACKAGES, ROOT, modules


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    target = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    [wheel] = target.glob("*.whl")
    with zipfile.ZipFile(wheel) as content:
        return set(content.namelist())


def test_every_module_is_in_the_wheel(names: set[str]) -> None:
    assert {module.name for module in modules()} <= names


@pytest.mark.parametrize("package", PACKAGES)
def test_the_packages_are_typed(names: set[str], package: str) -> None:
    assert f"{package}/py.typed" in names


def test_the_sample_photo_and_the_migrations_are_in_the_wheel(names: set[str]) -> None:
    assert "origin/samples/sample.jpg" in names
    assert any(name.startswith("origin/migrations/versions/") for name in names)


def test_the_face_model_is_in_the_wheel_with_its_licence(names: set[str]) -> None:
    assert {
        f"domicile/imaging/models/{name}" for name in ("centerface.onnx", "LICENSE.centerface", "README.md")
    } <= names


def test_the_fonts_are_in_the_wheel_with_their_licences(names: set[str]) -> None:
    fonts = ROOT / "domicile" / "imaging" / "fonts"
    assert {"SHA256SUMS", "README.md", "LICENSE.OFL-1.1", "LICENSE.Apache-2.0", "Arimo-Regular.ttf"} <= {
        path.name for path in fonts.iterdir()
    }
    assert {str(path.relative_to(ROOT)) for path in fonts.iterdir()} <= names


def test_nothing_else_is_in_the_wheel(names: set[str]) -> None:
    tops = {Path(name).parts[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)
    assert not any("__pycache__" in name or name.endswith(".pyc") for name in names)
