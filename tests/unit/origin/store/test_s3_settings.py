"""What the settings of a bucket have to say, and what a bucket may be, before anything is stored in it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from domicile.media.policy import is_zone
from domicile.service.buckets import BucketFacts, S3Where
from domicile.service.settings import BadSetting, Secret
from origin.settings import read_settings
from origin.store.aws_places import AWS_PLACES
from origin.store.s3_settings import S3Settings, check_bucket

AWS = "https://s3.eu-central-1.amazonaws.com"


def settings(**changes: Any) -> S3Settings:
    given = {"bucket": "originals", "endpoint": "https://s3.example.org", "region": "fr-1", "place": "eu-fr"}
    return S3Settings(**{**given, **changes})


def refusal(**changes: Any) -> str:
    with pytest.raises(BadSetting) as refused:
        settings(**changes).where("eu-fr")
    return str(refused.value)


def test_one_host_is_what_requests_go_to() -> None:
    assert settings().where("eu-fr").address == ("https", "s3.example.org", 443)
    assert settings(endpoint="https://s3.example.org:8443/").where("eu-fr").address == ("https", "s3.example.org", 8443)
    aws = settings(endpoint=AWS, region="eu-central-1", place="").where("eu-de")
    assert aws.address == ("https", "originals.s3.eu-central-1.amazonaws.com", 443)


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "s3.example.org",
        "ftp://s3.example.org",
        "https://s3.example.org/x",
        "https://a:b@s3.example.org",
        "https://h:x",
    ],
)
def test_an_endpoint_is_the_url_of_a_host(endpoint: str) -> None:
    assert refusal(endpoint=endpoint).startswith(f"origin.records.s3.endpoint: {endpoint!r} is not a URL like https://")


def test_without_tls_only_this_machine_or_a_network_of_ones_own_is_spoken_to() -> None:
    assert "has no TLS" in refusal(endpoint="http://rgw.internal:8080")
    assert settings(endpoint="http://rgw.internal:8080", plain_http=True).where("eu-fr")
    for here in ("http://127.0.0.1:9000", "http://localhost:9000", "http://[::1]:9000"):
        assert settings(endpoint=here).where("eu-fr")


def test_where_the_bucket_lies_is_said_and_is_where_the_records_are() -> None:
    assert "say in which legal place the bucket lies" in refusal(place="")
    assert refusal(place="us-east") == (
        "origin.records.s3.place: the bucket lies in 'us-east', and origin.records.region says 'eu-fr'"
    )
    with pytest.raises(BadSetting, match=r"origin\.records\.s3\.region: empty is not allowed"):
        settings(region="").where("eu-fr")


def test_at_aws_the_place_follows_from_the_region() -> None:
    for home in ("eu-de", "eu-de-1"):
        assert settings(endpoint=AWS, region="eu-central-1", place="").where(home).place == home
    with pytest.raises(BadSetting, match=r"'us-east-1' lies in 'us', and origin.records\.region says 'eu-de'"):
        settings(endpoint="https://s3.us-east-1.amazonaws.com", region="us-east-1", place="eu-de").where("eu-de")
    with pytest.raises(BadSetting, match="nothing is known of the region 'xx-1'"):
        settings(endpoint="https://s3.xx-1.amazonaws.com", region="xx-1", place="").where("eu-de")


@pytest.mark.parametrize(
    "endpoint",
    ["https://s3.amazonaws.com", "https://s3.us-east-1.amazonaws.com", "https://s3-accelerate.amazonaws.com"],
)
def test_at_aws_an_endpoint_that_is_not_of_the_region_is_refused(endpoint: str) -> None:
    with pytest.raises(BadSetting, match="is not the endpoint of 'eu-central-1'; allowed: https://s3"):
        settings(endpoint=endpoint, region="eu-central-1", place="").where("eu-de")


def test_the_regions_of_aws_lie_in_places_that_policies_know() -> None:
    assert all(is_zone(place) for place in AWS_PLACES.values())


WHERE = S3Where(endpoint="https://s3.example.org", bucket="b", region="fr-1", place="eu-fr")
FACTS = BucketFacts(region="fr-1", has_lock=False, has_replication=False, needs_mfa=False)


@pytest.mark.parametrize(
    "change, said",
    [
        ({"region": "us-1"}, "lies in 'us-1', and origin.records.s3.region says 'fr-1'"),
        ({"has_lock": True}, "has Object Lock"),
        ({"has_replication": True}, "is replicated"),
        ({"needs_mfa": True}, "asks for MFA"),
    ],
)
def test_a_bucket_from_which_nothing_could_be_erased_or_elsewhere_is_refused(change: dict[str, Any], said: str) -> None:
    check_bucket(FACTS, WHERE)
    with pytest.raises(BadSetting, match=said):
        check_bucket(replace(FACTS, **change), WHERE)


def test_credentials_come_from_the_environment_or_from_a_file_of_their_owners(tmp_path: Path) -> None:
    file = tmp_path / "s3.toml"
    file.write_text('access_key = "a"\nsecret_key = "s"\nsession_token = "t"\n')
    file.chmod(0o600)
    found = settings().read_credentials(tmp_path)
    assert (found.access_key, found.secret_key, found.session_token) == ("a", "s", "t")
    assert repr(found) == "S3Credentials(***)"
    read = read_settings(
        None, {"DOMICILE_ORIGIN_RECORDS_S3_ACCESS_KEY": "id", "DOMICILE_ORIGIN_RECORDS_S3_SECRET_KEY": "hidden"}
    ).records.s3
    assert "hidden" not in repr(read)
    assert read.read_credentials(tmp_path).secret_key == "hidden"


@pytest.mark.parametrize(
    "content", ["no toml =", 'access_key = "a"', 'access_key = "a"\nsecret_key = 5', '[x]\ny = "hidden"']
)
def test_a_file_of_credentials_that_is_none_is_named_and_not_quoted(tmp_path: Path, content: str) -> None:
    file = tmp_path / "s3.toml"
    file.write_text(content)
    file.chmod(0o600)
    with pytest.raises(BadSetting, match=r"origin\.records\.s3\.credentials: '.*s3\.toml'") as refused:
        settings().read_credentials(tmp_path)
    assert "hidden" not in str(refused.value)


def test_a_file_of_credentials_that_others_can_read_or_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=r"origin\.records\.s3\.credentials: .*No such file"):
        settings().read_credentials(tmp_path)
    file = tmp_path / "s3.toml"
    file.write_text('access_key = "a"\nsecret_key = "s"\n')
    file.chmod(0o644)
    with pytest.raises(BadSetting, match="can be read by others; allowed: mode 0600"):
        settings().read_credentials(tmp_path)


def test_a_key_without_its_secret_is_no_pair(tmp_path: Path) -> None:
    with pytest.raises(BadSetting):
        settings(access_key=Secret("a")).read_credentials(tmp_path)
