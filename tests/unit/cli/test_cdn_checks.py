"""Hosts of one cloud alone: what edges serve and what a CDN is asked through are two files, and the doctor compares them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from domicile.cli.cdn_checks import SHOWN_MAX, private_hosts
from domicile.cli.checks import Level
from domicile.cli.doctor import cdn_facts
from domicile.cli.installation import installation

ACME = "media.acme.example=acme"
SERVED = (ACME, "[2001:DB8::1]=zoo")
LISTED = ["https://shared.example", "https://Media.ACME.example:8443=acme", "https://[2001:db8::1]=zoo"]


def told(hosts: list[str], clouds: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"accounts": [{"name": "shop", "clouds": list(clouds), "hosts": hosts}]}


def test_hosts_that_both_know_are_well_and_so_is_no_cdn() -> None:
    assert private_hosts(SERVED, told(LISTED)).level is Level.OK
    assert private_hosts(SERVED, {"accounts": []}).level is Level.OK
    assert private_hosts((), told(["https://shared.example"])).level is Level.OK


@pytest.mark.parametrize(
    "cdns",
    [
        told([]),
        told(["https://media.acme.example"]),
        told(["https://media.acme.example=other"]),
        told(["https://media.acme.example=acme"], clouds=("other",)),
    ],
)
def test_a_host_through_which_its_cloud_is_not_asked_for_is_worth_a_look(cdns: dict[str, Any]) -> None:
    found = private_hosts((ACME,), cdns)
    assert found.level is Level.WARN
    assert f"not in the hosts of cdns.toml, as https://HOST=CLOUD: {ACME}" in found.text


def test_a_host_that_no_edge_serves_as_its_clouds_own_is_worth_a_look() -> None:
    found = private_hosts((), told(LISTED))
    assert found.level is Level.WARN
    assert found.text == f"not in edge.delivery.private_hosts of this configuration: 2001:db8::1=zoo, {ACME}"


def test_a_long_list_is_cut_and_a_file_that_cannot_be_read_is_bad() -> None:
    found = private_hosts([f"h{number}.example=c" for number in range(SHOWN_MAX + 2)], told([]))
    assert found.text.endswith(f"h{SHOWN_MAX - 1}.example=c and 2 more")
    assert private_hosts((), {"error": "is no TOML"}).level is Level.FAIL


def test_both_lists_are_read_where_they_are_written(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    file = tmp_path / "domicile.toml"
    file.write_text(f'[edge.delivery]\nprivate_hosts = ["{ACME}"]\n[origin.records]\nkeys = "{keys}"\n')
    place = installation(file)
    assert private_hosts(place.private_hosts, cdn_facts(place.keys)).level is Level.OK
    cdns = keys / "cdns.toml"
    cdns.write_text('[[cdn]]\nname = "shop"\nkind = "fastly"\nzone = "Z"\ntoken = "s3cr3t-t0k3n"\n')
    cdns.chmod(0o600)
    told_of = cdn_facts(place.keys)
    assert private_hosts(place.private_hosts, told_of).level is Level.WARN
    assert "s3cr3t" not in str(told_of)
    cdns.chmod(0o644)
    assert "chmod 600" in private_hosts(place.private_hosts, cdn_facts(place.keys)).text
