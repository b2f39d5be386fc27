from __future__ import annotations

import io
import tarfile
import zipfile
from dataclasses import replace

import pytest

from domicile.media.asset import AssetName
from domicile.media.errors import BadRequest, LimitExceeded, Overloaded, StaleRequest
from origin.api import archive_plan as plan
from origin.api.archive_stream import writer_of
from origin.api.archive_turns import ArchiveTurns
from origin.api.params import Params
from origin.records import AssetRecord
from origin.renders import read_order
from tests.unit.origin.api.test_explicit import JANE
from tests.unit.origin.test_renders import LIMITS

PLAIN = plan.style_of(Params({}))


def asset(public_id: str, resource_type: str = "image", original: str = "") -> AssetRecord:
    named = AssetName(cloud="acme", resource_type=resource_type, delivery_type="upload", public_id=public_id)
    return replace(JANE, name=named, original_filename=original)


def paths(*records: AssetRecord, style: plan.Style = PLAIN, orders: tuple[str, ...] = ()) -> list[str]:
    asked = [read_order(text, {}, LIMITS) for text in orders]
    return [entry.path for entry in plan.entries(records, asked, style)]


def test_files_are_named_after_their_assets() -> None:
    assert paths(asset("a/b"), asset("c"), asset("d/e.txt", "raw")) == ["a/b.jpg", "c.jpg", "d/e.txt"]
    flat = replace(PLAIN, flat=True, original_names=True)
    assert paths(asset("a/b", original="X"), asset("c/d.txt", "raw", "Y"), style=flat) == ["X.jpg", "Y.txt"]


def test_no_path_leads_out_of_the_archive_or_is_there_twice() -> None:
    flat = replace(PLAIN, flat=True, original_names=True)
    wild = [asset("a", original="../../etc/passwd"), asset("b", original="..\\x"), asset("c", original="\x00\u202e")]
    assert paths(*wild, style=flat) == ["_.._etc_passwd.jpg", "_x.jpg", "__.jpg"]
    assert paths(asset("a/x"), asset("b/X"), asset("c/x"), style=flat) == ["x.jpg", "X_1.jpg", "x_2.jpg"]


def test_renditions_stand_in_folders_or_carry_their_names() -> None:
    assert paths(asset("a"), asset("b", "raw"), orders=("w_5/e_blur", "w_6/webp")) == [
        "w_5--e_blur/a.jpg",
        "w_6/a.webp",
    ]
    assert paths(asset("f/a"), style=replace(PLAIN, flat_transformations=True), orders=("w_5",)) == ["f/a_w_5.jpg"]
    assert paths(asset("a"), style=replace(PLAIN, nameless_transformations=True), orders=("w_5", "w_6")) == [
        "a.jpg", "a_1.jpg",
    ]  # fmt: skip


def test_there_are_at_most_so_many_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "FILES_MAX", 2)
    with pytest.raises(LimitExceeded, match="at most 2"):
        paths(asset("a"), asset("b"), asset("c"))


def test_full_names_say_their_types() -> None:
    assert plan.read_full_name("image/private/a/b") == ("image", "private", "a/b")
    for wrong in ("a/b", "image/upload/", "film/upload/x"):
        with pytest.raises(BadRequest):
            plan.read_full_name(wrong)


@pytest.mark.parametrize("kind", sorted(plan.FORMATS))
def test_an_archive_comes_out_as_its_files_go_in(kind: str) -> None:
    files = {"a/ü.jpg": bytes(range(256)) * 4000, "b.txt": b"", "c.bin": b"\0" * 10}
    writer = writer_of(kind)
    pieces = []
    for path, body in files.items():
        pieces.append(writer.begin(path, len(body), changed_at=1_700_000_000.0))
        pieces += [writer.write(body[at : at + 70_000]) for at in range(0, len(body), 70_000)]
        pieces.append(writer.close_file())
    whole = b"".join([*pieces, writer.end()])
    if kind == "zip":
        assert max(map(len, pieces)) <= 70_000, "nothing waits for the end of its file"
        with zipfile.ZipFile(io.BytesIO(whole)) as archive:
            assert {one: archive.read(one) for one in archive.namelist()} == files
    else:
        with tarfile.open(fileobj=io.BytesIO(whole)) as tar:
            assert {one.name: tar.extractfile(one).read() for one in tar} == files  # type: ignore[union-attr]


def test_archives_take_turns() -> None:
    turns = ArchiveTurns(1)
    with turns.turn(), pytest.raises(Overloaded), turns.turn():
        raise AssertionError
    with turns.turn():
        pass


def test_a_url_of_a_download_is_good_until_it_says() -> None:
    from origin.api.authenticate import _check_until

    _check_until(Params({"expires_at": "1000"}), 999.0)
    with pytest.raises(StaleRequest):
        _check_until(Params({"expires_at": "1000"}), 1000.0)
    with pytest.raises(BadRequest):
        _check_until(Params({"expires_at": "soon"}), 999.0)
