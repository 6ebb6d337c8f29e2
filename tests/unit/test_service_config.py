"""The local configuration: file and environment, everything that is wrong told at once, secrets by reference only."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.errors import ConfigError
from connector.service.config import Config, SalesforceSection, SellerSection, load_config, secret

MINIMAL = """
[salesforce]
instance_url = "https://acme.my.salesforce.com"
client_id = "key"
"""


@pytest.fixture(autouse=True)
def clean_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty directory, without variables of the connector."""
    import os

    for name in [name for name in os.environ if name.upper().startswith("CONNECTOR")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def written(text: str, name: str = "connector.toml") -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf8")
    return path


def refusal(path: Path | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    return str(caught.value)


def test_the_file_says_what_it_says_and_the_rest_has_defaults() -> None:
    config = load_config(written(MINIMAL))
    assert config.salesforce.instance_url == "https://acme.my.salesforce.com"
    assert config.salesforce.auth == "jwt"
    assert config.aws.partner_central.share == 0.8
    assert config.state.path == Path("var/connector.db")


def test_the_default_path_is_read_without_being_named() -> None:
    written(MINIMAL, "config/connector.toml")
    assert load_config().salesforce.client_id == "key"


def test_a_variable_names_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECTOR_CONFIG", str(written(MINIMAL, "elsewhere.toml")))
    assert load_config().salesforce.client_id == "key"


def test_the_environment_goes_before_the_file_key_by_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECTOR__SALESFORCE__CLIENT_ID", "other")
    monkeypatch.setenv("CONNECTOR__AWS__PARTNER_CENTRAL__ENDPOINT_URL", "http://127.0.0.1:4010/")
    monkeypatch.setenv("CONNECTOR__WORKER__HEARTBEAT_SECONDS", "7.5")
    config = load_config(written(MINIMAL + '[aws.partner_central]\nregion = "us-east-1"\ncompany = "Acme"\n'))
    assert config.salesforce.client_id == "other"
    assert config.salesforce.instance_url == "https://acme.my.salesforce.com"
    assert config.aws.partner_central.endpoint_url == "http://127.0.0.1:4010"
    assert config.aws.partner_central.company == "Acme"
    assert config.worker.heartbeat_seconds == 7.5


def test_the_environment_alone_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECTOR__SALESFORCE__INSTANCE_URL", "https://acme.my.salesforce.com")
    assert load_config().salesforce.instance_url == "https://acme.my.salesforce.com"


def test_everything_wrong_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECTOR__AWS__PARTNER_CENTRAL__ENDPOINT_UR", "https://a.example")
    monkeypatch.setenv("CONNECTOR__SALESFORC__AUTH", "jwt")
    told = refusal(
        written(
            '[salesforce]\ninstance_url = "http://acme.example"\nauth = "basic"\nusrname = "me"\n'
            "[worker]\nheartbeat_seconds = 0\n[nonsense]\nkey = 1\n"
        )
    )
    for place in (
        "[salesforce] instance_url: plain http is accepted for loopback addresses only",
        "[salesforce] auth:",
        "[salesforce] usrname: there is no such key",
        "[worker] heartbeat_seconds:",
        "nonsense: there is no such key",
        "[aws.partner_central] endpoint_ur: there is no such key",
        "CONNECTOR__SALESFORC__AUTH: there is no such key",
    ):
        assert place in told, f"{place!r} is not in:\n{told}"


@pytest.mark.parametrize("url", ["http://127.0.0.1:80", "http://localhost:8080", "http://[::1]:9"])
def test_plain_http_is_accepted_on_loopback(url: str) -> None:
    assert load_config(written(f'[salesforce]\ninstance_url = "{url}"\n')).salesforce.instance_url == url


@pytest.mark.parametrize("url", ["http://example.com", "http://127.0.0.1.example.com", "ftp://a.b", "acme"])
def test_other_addresses_must_be_https(url: str) -> None:
    assert "[salesforce] instance_url" in refusal(written(f'[salesforce]\ninstance_url = "{url}"\n'))


@pytest.mark.parametrize("key", ["client_secret", "password"])
def test_a_literal_secret_is_refused_and_not_repeated(key: str) -> None:
    told = refusal(written(f'[salesforce]\n{key} = "hunter2-hunter2"\n'))
    assert f"[salesforce] {key}: a secret is given by reference" in told
    assert "hunter2" not in told


def test_no_configuration_at_all_names_the_ways_to_give_one() -> None:
    told = refusal()
    assert "--config" in told
    assert "CONNECTOR_CONFIG" in told


def test_a_named_file_that_is_missing_is_named() -> None:
    told = refusal(Path("missing.toml"))
    assert "missing.toml" in told
    assert "CONNECTOR_CONFIG" in told


def test_a_file_that_is_not_toml_is_named_without_its_content() -> None:
    told = refusal(written('[salesforce\npassword = "hunter2"\n'))
    assert "connector.toml is not valid TOML" in told
    assert "hunter2" not in told


def test_a_secret_comes_from_a_variable_or_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SECRET", "from the environment")
    assert secret("env:MY_SECRET", "[x] y") == "from the environment"
    assert secret(f"file:{written('from a file' + chr(10), 'secret')}", "[x] y") == "from a file"
    assert secret("", "[x] y") == ""


def test_a_secret_that_is_missing_is_told_by_its_key_and_place() -> None:
    with pytest.raises(ConfigError, match=r"\[x\] y refers to the environment variable NOWHERE"):
        secret("env:NOWHERE", "[x] y")
    with pytest.raises(ConfigError, match=r"\[x\] y refers to the file nowhere"):
        secret("file:nowhere", "[x] y")


def test_events_of_another_region_are_refused_with_the_reason() -> None:
    written(MINIMAL + '[aws.events]\nregion = "eu-west-1"\n')
    text = refusal(Path("connector.toml"))
    assert "[aws.events] region" in text
    assert "us-east-1" in text


@pytest.mark.parametrize(
    ("host", "audience"),
    [
        ("acme.my.salesforce.com", "https://login.salesforce.com"),
        ("acme--dev.sandbox.my.salesforce.com", "https://test.salesforce.com"),
    ],
)
def test_the_audience_follows_the_kind_of_org(host: str, audience: str) -> None:
    assert SalesforceSection(instance_url=f"https://{host}").token_audience == audience
    named = SalesforceSection(instance_url=f"https://{host}", audience="https://x.example")
    assert named.token_audience == "https://x.example"


def test_there_may_be_any_number_of_seller_accounts_each_with_its_own_credentials() -> None:
    sellers = load_config(
        written(
            MINIMAL + '[[aws.sellers]]\naccount = "111122223333"\nname = "Acme"\naccess_key_id = "env:A"\n'
            'secret_access_key = "env:B"\n[[aws.sellers]]\naccount = "044455556666"\nrole_arn = "arn:role"\n'
        )
    ).aws.sellers
    assert [(one.account, one.name) for one in sellers] == [("111122223333", "Acme"), ("044455556666", "")]
    assert (sellers[0].access_key_id, sellers[1].role_arn) == ("env:A", "arn:role")
    assert load_config(written(MINIMAL)).aws.sellers == ()


def test_seller_accounts_can_be_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECTOR__AWS__SELLERS", '[{"account": "111122223333", "aws_profile": "acme"}]')
    assert [one.aws_profile for one in load_config(written(MINIMAL)).aws.sellers] == ["acme"]
    monkeypatch.setenv("CONNECTOR__AWS__SELLERS", "111122223333")
    assert "CONNECTOR__AWS__SELLERS" in refusal(written(MINIMAL))
    monkeypatch.setenv("CONNECTOR__AWS__SELLERS", "[111122223333")
    assert "CONNECTOR__AWS__SELLERS" in refusal(written(MINIMAL))


@pytest.mark.parametrize(
    "account", ['"11112222333"', '"1111222233334"', '"111122223333\\n"', '"acme"', '""', "111122223333"]
)
def test_the_number_of_a_seller_account_is_twelve_digits_as_text(account: str) -> None:
    """As a number it would lose the zeros that it begins with."""
    told = refusal(
        written(f'{MINIMAL}[[aws.sellers]]\naccount = "444455556666"\n[[aws.sellers]]\naccount = {account}\n')
    )
    assert "[[aws.sellers]] number 2, account: must be the 12 digits" in told
    assert ("in quotes" in told) is (account == "111122223333")


def test_what_is_wrong_with_seller_accounts_is_told_with_its_place() -> None:
    told = refusal(written(f'{MINIMAL}[[aws.sellers]]\nregion = "eu-west-1"\nsecret_access_key = "literal"\n'))
    for key in ("account", "region", "secret_access_key"):
        assert f"[[aws.sellers]] number 1, {key}:" in told
    assert "literal" not in told.replace("never as a literal", "")
    assert "double brackets" in refusal(written(f'{MINIMAL}[aws.sellers]\naccount = "111122223333"\n'))


def test_a_seller_account_is_given_once() -> None:
    told = refusal(written(MINIMAL + '[[aws.sellers]]\naccount = "111122223333"\n' * 2))
    assert "111122223333" in told and "once" in told


def test_every_key_is_described_and_every_described_key_exists() -> None:
    """config/README.md lists all keys, and the example file is a configuration that loads."""
    root = Path(__file__).resolve().parents[2] / "config"
    text = (root / "README.md").read_text(encoding="utf8")
    sections = {
        "salesforce": Config().salesforce,
        "aws.partner_central": Config().aws.partner_central,
        "aws.events": Config().aws.events,
        "aws.exchange": Config().aws.exchange,
        "[aws.sellers]": SellerSection(account="111122223333"),
        "state": Config().state,
        "web": Config().web,
        "worker": Config().worker,
    }
    for name, section in sections.items():
        rows = text.split(f"## `[{name}]`")[1].split("\n## ")[0]
        described = {line.split("`")[1] for line in rows.splitlines() if line.startswith("| `")}
        assert described == set(type(section).model_fields), name
    assert load_config(root / "connector.example.toml").salesforce.auth == "jwt"
