"""What `domicile serve` decides before it starts anything."""

from __future__ import annotations

import importlib.machinery
from pathlib import Path

import pytest

from domicile.cli import serve
from domicile.cli.calls import Answer
from domicile.cli.erase import account_of
from domicile.cli.failure import Failure
from domicile.cli.options import ServeSettings
from domicile.service.settings import BadSetting


def test_both_tiers_hear_the_same_region_and_meet_on_one_socket(tmp_path: Path) -> None:
    said = serve.environment_of(ServeSettings(data=tmp_path / "data", region="eu-fr", edge="0.0.0.0:80"))
    assert said["DOMICILE_EDGE_REGION"] == said["DOMICILE_ORIGIN_RECORDS_REGION"] == "eu-fr"
    assert said["DOMICILE_EDGE_ORIGIN_BASE"] == f"unix:{said['DOMICILE_ORIGIN_WIRE_SOCKET']}"
    assert said["DOMICILE_EDGE_DATA_DIR"] == said["DOMICILE_ORIGIN_RECORDS_DATA"] == str(tmp_path / "data")
    assert said["DOMICILE_ORIGIN_DELIVERY_BASE"] == "http://127.0.0.1:80"


def test_a_public_address_that_the_operator_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOMICILE_ORIGIN_DELIVERY_BASE", "https://media.example")
    assert "DOMICILE_ORIGIN_DELIVERY_BASE" not in serve.environment_of(ServeSettings())


def test_a_region_outside_the_first_policy_is_refused_until_somebody_decides(tmp_path: Path) -> None:
    settings = ServeSettings(data=tmp_path / "data", region="us-east")
    with pytest.raises(BadSetting, match="strict-eu"):
        serve.check_region(settings)
    (tmp_path / "data" / "policies").mkdir(parents=True)
    (tmp_path / "data" / "policies" / "demo.toml").write_text("")
    serve.check_region(settings)
    serve.check_region(ServeSettings(data=tmp_path / "other", region="eu-de-1"))


def test_a_foreign_package_called_edge_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serve.refuse_foreign_tiers()
    foreign = importlib.machinery.ModuleSpec("edge", None, origin=str(tmp_path / "edge" / "__init__.py"))
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: foreign)
    with pytest.raises(Failure, match="not Domicile's"):
        serve.refuse_foreign_tiers()


def test_features_are_asked_of_another_process_and_told_in_a_line() -> None:
    found = serve.imaging_features()
    assert {"jpg", "png", "webp"} <= set(found["writes"])
    assert str(found["faces"]).startswith("CenterFace, onnxruntime ")
    assert "fonts, HarfBuzz " in str(found["text"])
    assert "writes jpg" in serve.describe_formats(found)
    assert "unknown" in serve.describe_formats({})


def test_a_sample_that_somebody_erased_is_not_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    account = account_of("cloudinary://key:secret@demo?upload_prefix=http://api")
    for status, said in ((200, "http://edge/demo/"), (404, "deleted"), (429, "http://edge/demo/")):
        asked: list[tuple[str, str, str]] = []

        def answer(base: str, method: str, path: str, *_: object, asked=asked, status=status) -> Answer:
            asked.append((base, method, path))
            return Answer(status=status, body={})

        monkeypatch.setattr(serve, "call_url", answer)
        assert serve.sample_of(account, "http://edge").startswith(said)
        assert asked == [("http://api", "GET", "/v1_1/demo/resources/image/upload/sample")]


def test_an_api_that_is_reached_elsewhere_does_not_stop_the_greeting() -> None:
    account = account_of("cloudinary://key:secret@demo?upload_prefix=http://127.0.0.1:1")
    assert serve.sample_of(account, "http://edge").startswith("http://edge/demo/")
