from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from PIL import Image, features

from domicile.imaging import preload


def test_every_format_of_this_build_is_exercised() -> None:
    found = preload.preload()
    expected = {"JPEG", "PNG", "GIF", "TIFF", "BMP", "ICO"}
    expected |= {name for name, feature in (("WEBP", "webp"), ("AVIF", "avif")) if features.check(feature)}
    assert set(found) == expected


def test_a_format_that_a_build_lacks_is_left_out(monkeypatch) -> None:
    Image.init()
    monkeypatch.delitem(Image.SAVE, "WEBP")
    assert not preload._exercise("WEBP")


def test_one_thread_is_left_to_fork_from() -> None:
    script = """
import os, time
from domicile.imaging.preload import preload
preload()
for _ in range(100):  # a joined thread of a codec is a moment longer in the kernel's books
    if len(os.listdir("/proc/self/task")) == 1:
        break
    time.sleep(0.01)
print([line.split()[1] for line in open("/proc/self/status") if line.startswith("Threads")])
"""
    environment = {"OPENBLAS_NUM_THREADS": "1"}  # as the zygote is started
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, cwd=root, env=environment)
    assert done.stdout.strip() == b"['1']"
