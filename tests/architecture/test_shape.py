"""Size and place: one subject a file, a test file for a module that exists, nothing of this machine in the tree."""

from __future__ import annotations

import ast
import configparser
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from tests.architecture.tree import ROOT, modules, tracked

LINES_MAX = 400
LINES_TARGET = 300
FUNCTION_LINES_MAX = 70
FUNCTION_LINES_TARGET = 40

UNIT = ROOT / "tests" / "unit"
BINARY = {".jpg", ".jpeg", ".png", ".webp", ".avif", ".gif", ".tiff", ".bmp", ".ico", ".bin", ".icc", ".mpo", ".svgz"}


def test_no_module_is_longer_than_one_subject() -> None:
    long = {module.name: module.text.count("\n") for module in modules() if module.text.count("\n") > LINES_TARGET}
    print(f"\nmodules over {LINES_TARGET} lines: {long or 'none'}")
    assert {name: lines for name, lines in long.items() if lines > LINES_MAX} == {}


def test_no_function_is_longer_than_a_screen() -> None:
    lengths = {
        f"{module.name}:{node.name}": (node.end_lineno or 0) - node.lineno + 1
        for module in modules()
        if "/migrations/versions/" not in module.name
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    long = {name: lines for name, lines in lengths.items() if lines > FUNCTION_LINES_TARGET}
    print(f"\nfunctions over {FUNCTION_LINES_TARGET} lines: {long or 'none'}")
    assert {name: lines for name, lines in long.items() if lines > FUNCTION_LINES_MAX} == {}


def module_of(test: Path) -> Path:
    """The module that a unit test is named after: tests/unit/media/test_url.py -> domicile/media/url.py."""
    room, name = test.relative_to(UNIT).parent, test.name.removeprefix("test_").replace("init.py", "__init__.py")
    top = ROOT if room.parts[0] in {"edge", "origin"} else ROOT / "domicile"
    return top / room / name


def test_every_unit_test_is_named_after_its_module() -> None:
    lost = [
        str(test.relative_to(ROOT))
        for test in UNIT.rglob("test_*.py")
        if not module_of(test).exists() and not module_of(test).with_suffix("").is_dir()
    ]
    assert lost == []


def forbidden() -> list[str]:
    """What would tie the tree to one machine: the directory of the checkout, homes, package indexes."""
    home = "/" + "root/"
    texts = [str(ROOT.parent) + "/" if len(ROOT.parent.parts) > 1 else home, home]
    texts += ["files.python" + "hosted.org", "registry." + "npmjs.org", "pypi.org/" + "simple"]
    config = configparser.ConfigParser()
    config.read(["/etc/pip.conf", Path.home() / ".config/pip/pip.conf", Path.home() / ".pip/pip.conf"])
    urls = [os.environ.get("PIP_INDEX_URL", ""), os.environ.get("UV_INDEX_URL", "")]
    urls += [config.get(section, "index-url", fallback="") for section in config.sections()]
    return texts + [host for url in urls if (host := urlsplit(url).hostname) and host != "localhost"]


def test_no_file_names_a_path_of_this_machine_or_a_package_index() -> None:
    bad = {}
    for path in tracked():
        if path.suffix.lower() in BINARY or path.stat().st_size > 2_000_000:
            continue
        text = path.read_bytes()
        for word in forbidden():
            if word.encode() in text:
                bad[str(path.relative_to(ROOT))] = word
    assert bad == {}


def test_no_file_is_a_lock_that_names_a_registry() -> None:
    locks = {"poetry.lock", "uv.lock", "package-lock.json", "yarn.lock", "Pipfile.lock"}
    assert [path.name for path in tracked() if path.name in locks] == []


def test_nothing_is_left_to_do_in_a_comment() -> None:
    marks = re.compile(r"\b(" + "TO" + "DO|FIX" + r"ME|XXX|NotImplemented" + r"Error)\b")
    found = {module.name for module in modules() if marks.search(module.text)}
    assert found == set()
