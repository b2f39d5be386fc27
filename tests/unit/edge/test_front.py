"""Who asks: the CDN by its secret or its certificate, and nobody by half of one."""

from __future__ import annotations

from typing import Any

import pytest

from domicile.service.settings import BadSetting, Secret
from edge.cdn_settings import CdnSettings
from edge.front import Asker, Front, bears_name, fronts

SECRET, BEFORE = "s" * 16, "b" * 16
LISTEN, FILES = "127.0.0.1:8082", {"certificate_file": "c", "key_file": "k", "client_ca_file": "a"}


def settings(**fields: Any) -> CdnSettings:
    made = CdnSettings(**{"kind": "fastly", "secret": Secret(SECRET), **fields})
    made.validate()
    return made


def asker(front: Front | None, *proofs: str) -> Asker:
    assert front is not None
    return front.asker(proofs)


def test_without_a_cdn_everybody_is_anybody() -> None:
    front, own = fronts(CdnSettings())
    assert own is None
    assert asker(front) is asker(front, SECRET) is Asker.ANYBODY
    assert not front.refuses(Asker.OTHER)


def test_the_secret_and_the_one_before_it_prove_the_cdn_and_nothing_else_does() -> None:
    front, _ = fronts(settings(secret_before=Secret(BEFORE)))
    assert asker(front, SECRET) is asker(front, BEFORE) is Asker.CDN
    for proofs in [
        (),
        ("",),
        (SECRET[:-1],),
        (SECRET + "s",),
        (SECRET.upper(),),
        (SECRET, SECRET),
        (SECRET, "x"),
        ("\udcff",),
    ]:
        assert asker(front, *proofs) is Asker.OTHER


def test_others_are_refused_where_that_is_set() -> None:
    assert not fronts(settings())[0].refuses(Asker.OTHER)
    refusing = fronts(settings(others="refuse"))[0]
    assert refusing.refuses(Asker.OTHER)
    assert not refusing.refuses(Asker.CDN)


def test_on_its_own_listener_the_cdn_is_alone_and_nowhere_else_it_is_the_cdn() -> None:
    front, own = fronts(settings(listen=LISTEN))
    assert asker(front, SECRET) is Asker.OTHER
    assert asker(own, SECRET) is Asker.CDN
    assert own is not None
    assert own.refuses(asker(own))


def test_a_certificate_proves_the_cdn_and_a_secret_beside_it_is_asked_for_as_well() -> None:
    _, by_certificate = fronts(settings(secret=None, listen=LISTEN, **FILES))
    assert asker(by_certificate) is Asker.CDN
    _, both = fronts(settings(listen=LISTEN, **FILES))
    assert asker(both) is Asker.OTHER
    assert asker(both, SECRET) is Asker.CDN


def test_a_certificate_must_bear_one_of_the_names() -> None:
    certificate = {"subjectAltName": (("DNS", "Edge.CDN.example"), ("URI", "other.example"))}
    assert bears_name(None, ())
    assert bears_name(certificate, ("x.example", "edge.cdn.example"))
    for names, shown in [
        (("other.example",), certificate),
        (("edge.cdn.example",), None),
        (("cdn.example",), certificate),
    ]:
        assert not bears_name(shown, names)


@pytest.mark.parametrize(
    ("fields", "blamed"),
    [
        ({"secret": None}, "edge.cdn.kind"),
        ({"kind": "none"}, "edge.cdn.kind"),
        ({"kind": "none", "secret": None, "listen": LISTEN}, "edge.cdn.kind"),
        ({"secret": Secret("short")}, "edge.cdn.secret"),
        ({"secret": Secret("s" * 16 + " ")}, "edge.cdn.secret"),
        ({"secret": None, "secret_before": Secret(BEFORE), **FILES, "listen": LISTEN}, "edge.cdn.secret_before"),
        ({"client_ca_file": "a"}, "edge.cdn.client_ca_file"),
        ({"certificate_file": "c"}, "edge.cdn.certificate_file"),
        ({"client_names": ("x.example",)}, "edge.cdn.client_names"),
    ],
)
def test_settings_that_contradict_each_other_are_refused_by_name(fields: dict[str, Any], blamed: str) -> None:
    with pytest.raises(BadSetting, match=f"^{blamed}: ") as refused:
        settings(**fields)
    assert "short" not in str(refused.value)
