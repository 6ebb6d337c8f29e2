"""Admins' settings: a value that makes no sense keeps its default and is told; derived tokens never change."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.names import SETTINGS, FileSettings, Settings, TemplateSettings
from connector.sync.settings import SyncSettings, read_settings, settings_query
from connector.sync.tokens import create_token, submit_token

ACCOUNT, TEMPLATE = "001000000000001AAA", "006000000000001AAA"
ORG, OWN, OTHER = "00D000000000001AAA", "005000000000001AAA", "005000000000002AAA"


def read(**row: Any) -> SyncSettings:
    return read_settings({Settings.INTEGRATION_USER_ID: OWN, **row}, OWN)


def test_without_settings_nothing_goes_out_by_itself_and_the_remedy_is_named() -> None:
    settings = read_settings(None, OWN)
    assert (settings.share_automatically, settings.update_automatically) == (False, False)
    assert settings.integration_users == {OWN}
    assert "connector settings init" in settings.problems[0].remedy


def test_an_empty_row_means_the_defaults() -> None:
    assert read() == SyncSettings(frozenset({OWN}))


def test_switches_and_numbers_are_read() -> None:
    settings = read(**{
        Settings.SHARE_AUTOMATICALLY: True, Settings.UPDATE_AUTOMATICALLY: True, Settings.SANDBOX_CATALOG: True,
        Settings.RETRY_COUNT: Decimal("5"), Settings.POLL_SECONDS: 10, Settings.SYNC_LOG_RETENTION: Decimal("90.0"),
    })  # fmt: skip
    assert (settings.share_automatically, settings.update_automatically, settings.sandbox_catalog) == (True, True, True)
    assert (settings.retry_count, settings.poll_seconds, settings.log_retention_days) == (5, 10, 90)
    assert settings.problems == ()


@pytest.mark.parametrize("value", [Decimal("-1"), Decimal("1.5"), 101, "many", Decimal("NaN"), Decimal("Infinity")])
def test_a_number_that_makes_no_sense_keeps_the_default_and_is_told(value: Any) -> None:
    settings = read(**{Settings.RETRY_COUNT: value})
    assert settings.retry_count == 3
    [problem] = settings.problems
    assert (problem.field, problem.value) == (Settings.RETRY_COUNT, str(value))
    assert SETTINGS in problem.remedy


def test_other_integration_users_are_split_at_any_separator_and_checked() -> None:
    settings = read(**{Settings.OTHER_INTEGRATION_USERS: f" {OTHER};, short\n{OWN}"})
    assert settings.integration_users == {OWN, OTHER}
    assert [problem.value for problem in settings.problems] == ["short"]


def test_a_formula_that_excludes_another_user_is_told() -> None:
    [problem] = read_settings({Settings.INTEGRATION_USER_ID: OTHER}, OWN).problems
    assert problem.code == "INTEGRATION_USER_DIFFERS"
    assert OWN in problem.remedy


def test_what_new_records_are_made_of_is_read() -> None:
    settings = read(**{
        TemplateSettings.DEFAULT_ACCOUNT_ID: ACCOUNT, TemplateSettings.CREATE_ACCOUNT_FROM_DEFAULT: True,
        TemplateSettings.DEFAULT_OPPORTUNITY_ID: f" {TEMPLATE} ", TemplateSettings.OWNER_BY_EMAIL: True,
        TemplateSettings.RECORD_TYPE: " Co_Sell ", TemplateSettings.CURRENCY: "usd",
    })  # fmt: skip
    assert (settings.default_account_id, settings.clone_default_account) == (ACCOUNT, True)
    assert (settings.default_opportunity_id, settings.owner_by_email) == (TEMPLATE, True)
    assert (settings.record_type, settings.currency, settings.problems) == ("Co_Sell", "USD", ())


@pytest.mark.parametrize("name", [TemplateSettings.DEFAULT_ACCOUNT_ID, TemplateSettings.DEFAULT_OPPORTUNITY_ID])
@pytest.mark.parametrize(
    ("value", "words"),
    [(ACCOUNT[:15], "15-character form"), ("Acme", "this one has 4"), (ACCOUNT[:17] + "-", "letters and digits")],
)
def test_an_id_of_another_form_is_not_used_and_told(name: str, value: str, words: str) -> None:
    settings = read(**{name: value})
    assert (settings.default_account_id, settings.default_opportunity_id) == ("", "")
    [problem] = settings.problems
    assert (problem.field, problem.value) == (name, value)
    assert words in problem.rule and SETTINGS in problem.remedy


@pytest.mark.parametrize("code", ["Dollar", "US", "U$D"])
def test_a_currency_that_is_no_code_is_not_used_and_told(code: str) -> None:
    settings = read(**{TemplateSettings.CURRENCY: code})
    assert settings.currency == ""
    assert [problem.field for problem in settings.problems] == [TemplateSettings.CURRENCY]


def test_the_query_asks_for_everything_that_is_read() -> None:
    both = (*vars(Settings).items(), *vars(TemplateSettings).items(), *vars(FileSettings).items())
    names = [value for name, value in both if not name.startswith("_")]
    query = settings_query(ORG)
    assert [name for name in names if name not in query] == []
    assert query.endswith(f"FROM {SETTINGS} WHERE SetupOwnerId = '{ORG}'")


NAME = st.text(st.characters(codec="ascii", categories=["Lu", "Ll", "Nd"]), min_size=1, max_size=18)


@given(st.lists(st.tuples(NAME, NAME, NAME, st.integers(0, 50)), min_size=2, unique=True))
def test_tokens_differ_wherever_what_is_shared_differs(facts: list[tuple[str, str, str, int]]) -> None:
    tokens = [create(*fact) for fact in facts for create in (create_token, submit_token)]
    assert len(set(tokens)) == len(tokens)


def test_tokens_are_the_same_in_every_release() -> None:
    """A changed derivation would let the first start of a new release repeat creates under new words."""
    assert create_token(ORG, "a0X000000000001AAA", "AWS", 0) == CREATE
    assert submit_token(ORG, "a0X000000000001AAA", "O1", 0) == SUBMIT


CREATE = "4643a7f5-ff73-5bb8-9a3a-216bb76987a9"
SUBMIT = "c6482d50-626b-559d-9b3e-b943576a5ac9"
