"""The file `cdns.toml`: what it may say, what is refused, and that no refusal shows a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from domicile.service.settings import BadSetting
from origin.cdn_accounts import ACCOUNTS_MAX, FILE, FILE_BYTES_MAX, addresses, read_accounts

TOKEN = "s3cr3t-t0k3n"
GOOD = f'[[cdn]]\nname = "shop"\nkind = "fastly"\nzone = "SU1Z"\ntoken = "{TOKEN}"\n'


def write(keys: Path, text: str | bytes, mode: int = 0o600) -> Path:
    file = keys / FILE
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    file.chmod(mode)
    return keys


def test_an_account_is_read_with_its_usual_values(tmp_path: Path) -> None:
    (account,) = read_accounts(write(tmp_path, GOOD))
    assert (account.name, account.cdn.kind, account.cdn.base) == ("shop", "fastly", "https://api.fastly.com")
    assert (account.cdn.zone, account.cdn.credentials) == ("SU1Z", {"token": TOKEN})
    assert (account.answer_seconds_max, account.layers) == (60, 1)
    assert account.serves("anybody")
    assert TOKEN not in repr(account)


def test_one_for_some_clouds_serves_those_alone(tmp_path: Path) -> None:
    hosts = 'hosts = ["https://media.example", "http://127.0.0.1:6081", "https://demo.example=demo"]\n'
    (account,) = read_accounts(
        write(tmp_path, GOOD + hosts + 'clouds = ["demo"]\nlayers = 2\nanswer_seconds_max = 5\n')
    )
    assert account.hosts == ("https://media.example", "http://127.0.0.1:6081", "https://demo.example=demo")
    assert (account.serves("demo"), account.serves("other")) == (True, False)
    assert [address.is_own for address in addresses(account.hosts, "demo")] == [False, False, True]
    assert len(addresses(account.hosts, "other")) == 2
    assert (account.layers, account.answer_seconds_max) == (2, 5)


def test_there_need_be_none(tmp_path: Path) -> None:
    assert read_accounts(tmp_path) == ()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(BadSetting, match="chmod 600"):
        read_accounts(write(tmp_path, GOOD, mode))


SECRET = "0123456789abcdef"
HOOK = (
    f'[[cdn]]\nname = "hook"\nkind = "generic"\nbase = "https://hooks.example"\nzone = "purge"\nsecret = "{SECRET}"\n'
)
VARNISH = '[[cdn]]\nname = "v"\nkind = "varnish"\nbase = '


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD + "layers = ", "is no TOML"),
        (GOOD.encode() + b'clouds = ["\xff"]', "is no TOML"),
        ("#" * (FILE_BYTES_MAX + 1), "longer than"),
        ("cdn = 1", "not a list"),
        (f'token = "{TOKEN}"\n' + GOOD, "not a list"),
        (GOOD * (ACCOUNTS_MAX + 1), "not a list"),
        (GOOD * 2, "a name twice"),
        ("cdn = [1]", "is no table"),
        (GOOD.replace("fastly", "nginx"), "kind is not one of"),
        (GOOD.replace('"fastly"', "[1]"), "kind is not one of"),
        (GOOD + "more = 1", "more is not known for fastly"),
        (GOOD.replace('"shop"', '"a b"'), "name is not"),
        (GOOD.replace('zone = "SU1Z"\n', ""), "zone is missing"),
        (GOOD.replace('"SU1Z"', "1"), "zone is missing, or no plain text"),
        (GOOD.replace(TOKEN, ""), "token is missing"),
        (GOOD.replace(TOKEN, TOKEN + r"\n"), "token is missing, or no plain text"),
        (GOOD + 'base = "http://api.example"', "base must be https"),
        (GOOD + 'base = "ftp://api.example"', "base is not like"),
        (GOOD + 'base = "https://api.example/v1"', "base is not like"),
        (GOOD + 'base = "https://me:pw@api.example"', "base is not like"),
        (GOOD + 'base = "https://api.example#x"', "base is not like"),
        (GOOD + 'base = "https://["', "base is not like"),
        (GOOD + 'base = "https://api.example:x"', "base is not like"),
        (GOOD + "base = 1", "base is not like"),
        ('[[cdn]]\nname = "v"\nkind = "varnish"', "base is not like"),
        (VARNISH + '"http://varnish:6081"\nzone = 1', "zone is missing, or no plain text"),
        (GOOD + 'clouds = "demo"', "clouds is no list"),
        (GOOD + 'hosts = ["media.example"]', "hosts are not"),
        (GOOD + 'hosts = ["https://media.example/path"]', "hosts are not"),
        (GOOD + 'hosts = ["https://media.example=No"]', "hosts are not"),
        (GOOD + f"hosts = {['https://media.example'] * 9}", "hosts are not"),
        (GOOD + "clouds = [1]", "clouds is no list"),
        (GOOD + "answer_seconds_max = nan", "answer_seconds_max is not a number"),
        (GOOD + "answer_seconds_max = 0", "answer_seconds_max is not a number"),
        (GOOD + "answer_seconds_max = 3601", "answer_seconds_max is not a number"),
        (GOOD + "answer_seconds_max = true", "answer_seconds_max is not a number"),
        (HOOK.replace("https", "http"), "base must be https"),
        (HOOK.replace(SECRET, "short"), "secret is shorter than 16 characters"),
        (GOOD + "layers = 9", "layers is not a number"),
        (GOOD + "layers = 1.5", "layers is no whole number"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_no_secret_is_shown(tmp_path: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(BadSetting, match=said) as refused:
        read_accounts(write(tmp_path, text))
    assert TOKEN not in str(refused.value)
    assert refused.value.__cause__ is None


def test_no_credentials_need_no_https(tmp_path: Path) -> None:
    (account,) = read_accounts(write(tmp_path, VARNISH + '"http://127.0.0.1:6081"'))
    assert account.cdn.base == "http://127.0.0.1:6081"


@pytest.mark.parametrize("host", ["127.0.0.1:9000", "[::1]", "localhost"])
def test_a_webhook_needs_no_https_to_a_neighbour_on_the_same_machine(tmp_path: Path, host: str) -> None:
    (account,) = read_accounts(write(tmp_path, HOOK.replace("https://hooks.example", f"http://{host}")))
    assert (account.cdn.base, account.cdn.zone) == (f"http://{host}", "purge")


def test_a_directory_of_that_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with pytest.raises(BadSetting, match="cannot be read"):
        read_accounts(tmp_path)
