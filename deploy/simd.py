"""Turn the environment of this interpreter into the profile `simd` (docs/adr/0002): `make install IMAGING=simd` runs it.

    pillow-simd         built from its source without a single codec: it resizes and filters pixels, and can open nothing
    patched_pillow      the Pillow wheel under another name: it alone meets the bytes of originals, and writes renditions

Needs an x86 machine, a C compiler and Python's headers. What pip has installed as Pillow is removed: two owners of the
package `PIL` overwrite each other. `--overlay DIR` unpacks both into DIR instead and leaves the environment alone.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import os
import platform
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ENGINE = "pillow-simd>=12.1.1"
CODECS = ("zlib", "jpeg", "tiff", "freetype", "lcms", "webp", "jpeg2000", "imagequant", "xcb", "avif", "raqm")
PATCHED = "patched_pillow"
"""Name of the package and of the distribution."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Install pillow-simd and a patched Pillow beside it.")
    parser.add_argument("--overlay", type=Path, help="unpack into this directory instead of installing")
    parser.add_argument("--wheels", type=Path, default=Path(sys.prefix) / "wheels", help="where built wheels are kept")
    given = parser.parse_args()
    if platform.machine() not in {"x86_64", "AMD64"}:
        sys.exit(f"IMAGING=simd: pillow-simd is for x86_64 alone, and this machine is {platform.machine()}")
    given.wheels.mkdir(exist_ok=True)
    both = [str(build_engine(given.wheels)), str(repack_pillow(given.wheels))]
    if given.overlay is not None:
        for wheel in both:
            with zipfile.ZipFile(wheel) as content:
                content.extractall(given.overlay)
        return
    pip("uninstall", "--yes", "pillow", "pillow-simd", PATCHED)
    pip("install", "--no-deps", "--no-index", *both)


def pip(*arguments: str, **environment: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    subprocess.run(command, check=True, env={**os.environ, **environment})


def build_engine(wheels: Path) -> Path:
    """A wheel that knows no codec; built once, about half a minute of processor time."""
    if not (built := sorted(wheels.glob("pillow_simd-*.whl"))):
        flags = "cc -mavx2" if "avx2" in Path("/proc/cpuinfo").read_text("ascii", "replace") else "cc -msse4"
        without = [f"--config-settings={codec}=disable" for codec in CODECS]
        source = ("--no-deps", "--no-cache-dir", "--no-binary", "pillow-simd")
        pip("wheel", *source, *without, "--wheel-dir", str(wheels), ENGINE, CC=flags)
        built = sorted(wheels.glob("pillow_simd-*.whl"))
    return built[-1]


def repack_pillow(wheels: Path) -> Path:
    """The official wheel with `PIL/` renamed. Its modules import each other relatively, its libraries lie beside them."""
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    [wanted] = [one for one in dependencies if one.lower().startswith("pillow")]
    with tempfile.TemporaryDirectory() as scratch:
        pip("download", "--no-deps", "--only-binary", ":all:", "--dest", scratch, wanted)
        [official] = Path(scratch).glob("*.whl")
        _, version, tags = official.stem.split("-", 2)
        target = wheels / f"{PATCHED}-{version}-{tags}.whl"
        with zipfile.ZipFile(official) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
            _copy(old, new, f"{PATCHED}-{version}.dist-info")
    return target


def _copy(old: zipfile.ZipFile, new: zipfile.ZipFile, records: str) -> None:
    lines = []
    for entry in old.infolist():
        top, _, rest = entry.filename.partition("/")
        if entry.is_dir() or rest == "RECORD":
            continue
        body = old.read(entry)
        if top.endswith(".dist-info"):
            top = records
            if rest == "METADATA":
                body = body.replace(b"\nName: pillow\n", f"\nName: {PATCHED}\n".encode(), 1)
            elif rest == "top_level.txt":
                body = f"{PATCHED}\n".encode()
        elif top == "PIL" and rest.endswith(".py"):  # modules that are looked up by their name, not by an import
            body = body.replace(b'"PIL.', f'"{PATCHED}.'.encode())
        name = f"{PATCHED if top == 'PIL' else top}/{rest}"
        new.writestr(name, body)
        digest = base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(body)}\n")
    new.writestr(f"{records}/RECORD", "".join(lines) + f"{records}/RECORD,,\n")


if __name__ == "__main__":
    main()
