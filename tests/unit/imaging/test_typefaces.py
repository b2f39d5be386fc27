"""The shipped fonts: the files they should be, with the characters they are shipped for."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from domicile.imaging import landlock, sandbox, typefaces
from domicile.imaging.typefaces import EMOJI, FALLBACKS, FONTS, FontsUnavailable, covered, face_named, names, typeface
from domicile.media.fonts import FAMILIES, SHIPPED

ROOT = Path(__file__).resolve().parents[3]
FONT_BYTES_MAX = 12_000_000


@pytest.fixture
def fresh():
    caches = (typefaces.typeface, typefaces.covered)
    for cached in caches:
        cached.cache_clear()
    yield
    for cached in caches:
        cached.cache_clear()


def test_every_file_is_in_the_table_and_opens() -> None:
    typefaces.load_typefaces()
    assert {path.stem for path in FONTS.glob("*.ttf")} == set(names())
    assert set(FALLBACKS) <= set(names())
    assert sum(path.stat().st_size for path in FONTS.iterdir()) < FONT_BYTES_MAX


def test_another_file_is_not_drawn_with(fresh, monkeypatch, tmp_path) -> None:
    shutil.copytree(FONTS, tmp_path / "fonts")
    changed = tmp_path / "fonts" / "Arimo-Regular.ttf"
    changed.write_bytes(changed.read_bytes()[:-1] + b"\1")
    (tmp_path / "fonts" / "Tinos-Regular.ttf").unlink()
    monkeypatch.setattr(typefaces, "FONTS", tmp_path / "fonts")
    for name, why in (("Arimo-Regular", "not the file"), ("Tinos-Regular", "cannot be read")):
        with pytest.raises(FontsUnavailable, match=why):
            typeface(name)


@pytest.mark.parametrize("family", SHIPPED)
def test_a_style_without_a_face_is_made_from_a_near_one(family: str) -> None:
    stem = family.replace(" ", "")
    assert face_named(family, bold=False, italic=False) == (f"{stem}-Regular", False, False)
    assert face_named(family, bold=True, italic=False) == (f"{stem}-Bold", False, False)
    slanted = (
        (f"{stem}-Bold", False, True) if family in {"Montserrat", "Oswald"} else (f"{stem}-BoldItalic", False, False)
    )
    assert face_named(family, bold=True, italic=True) == slanted


def test_families_of_the_same_class_share_a_face() -> None:
    assert {face_named(name, bold=False, italic=False)[0] for name in FAMILIES} == {
        f"{family.replace(' ', '')}-Regular" for family in SHIPPED
    }


@pytest.mark.parametrize(
    "text",
    [
        *("ÄÖÜäöüßéèêçñøåÆŒłżşğıİąę", "Ελληνικά", "Русский ЇїЄє", "Tiếng Việt ơưăđ", "€£¥©®™°±×÷½…–—“”„«»•"),
        *("مرحبا پچگ ٣", "שלום ש״ח", "नमस्ते", "বাংলা", "ਪੰਜਾਬੀ", "ગુજરાતી", "ଓଡ଼ିଆ", "தமிழ்", "తెలుగు", "ಕನ್ನಡ", "മലയാളം"),
        *("සිංහල", "สวัสดี", "ລາວ", "မြန်မာ", "ខ្មែរ", "አማርኛ", "ქართული", "Հայերեն", "ދިވެހި"),
        *("你好繁體", "こんにちはカタカナ漢字", "안녕하세요", "→←↑↓★☆✓✔∑√∞≤≥", "😀🎉👍"),
    ],
)
def test_some_face_has_each_character(text: str) -> None:
    faces = ("Arimo-Regular", *FALLBACKS, EMOJI)
    assert [char for char in text if char != " " and not any(ord(char) in covered(name) for name in faces)] == []


BEHIND_THE_WALLS = """
import sys
from domicile.imaging import sandbox
from domicile.imaging.channel import SandboxLimits
from domicile.imaging.preload import preload
from domicile.imaging.text import drawn
from domicile.media.errors import BadTransformation
from domicile.media.text import TextBox, TextLayer, TextStyle
if "preload" in sys.argv:
    preload()
sandbox.lock_down(SandboxLimits(
    memory_bytes_max=1 << 28, cpu_seconds_max=20, jobs_max=3, result_bytes_max=1 << 20, niceness=3))
for family in ("Arial", "Roboto", "Oswald"):
    layer = TextLayer(style=TextStyle(family=family, size=20, weight="bold"), characters="Aא日한🎉क्ष مرحبا")
    try:
        print(drawn(layer, TextBox(), pixels_max=1_000_000).width > 100)
    except BadTransformation as refused:
        print(refused)
"""


def behind_the_walls(*arguments: str) -> list[str]:
    command = [sys.executable, "-c", BEHIND_THE_WALLS, *arguments]
    done = subprocess.run(command, capture_output=True, check=True, text=True, cwd=ROOT, timeout=50)
    return done.stdout.splitlines()


@pytest.mark.skipif(landlock.version(sandbox.libc) < 1, reason="this kernel has no Landlock")
def test_a_decoder_draws_with_what_was_opened_before_its_walls_closed() -> None:
    assert behind_the_walls("preload") == ["True"] * 3
    assert behind_the_walls() == ["Text cannot be drawn here: a font is missing"] * 3
