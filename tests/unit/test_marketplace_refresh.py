"""Refreshing lists of AWS Marketplace, in memory: nothing doubled, nothing lost, whatever breaks off or is refused."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from market_desk import ISV, PARTNER, PERSON, Desk, authorization, dimension, product

from connector.errors import AuthFailed, Retriable
from connector.marketplace import accounts, work
from connector.marketplace.refresh import NOT_LISTED
from connector.marketplace.work import perform_product_refresh
from connector.names import (
    ACTION_REQUEST,
    AWS_ACCOUNT,
    MARKETPLACE_PRODUCT,
    MARKETPLACE_SYNC,
    PRODUCT_DIMENSION,
    RESALE_AUTHORIZATION,
    SHARED_AUTHORIZATION,
)
from connector.sync import queueing
from connector.sync.asking import Request
from connector.sync.schedule_memory import AUTHORIZATIONS, PRODUCTS, SHARED_AUTHORIZATIONS

Row = dict[str, Any]
COUNTS = ("Status__c", "Record_Count__c", "Created_Count__c", "Updated_Count__c", "Error_Count__c")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    opened = Desk(tmp_path)
    yield opened
    opened.close()


def counts(sync: Row) -> tuple[Any, ...]:
    return tuple(sync[name] for name in COUNTS)


def products(desk: Desk) -> dict[str, Row]:
    return {row["Entity_Key__c"]: row for row in desk.org.all(MARKETPLACE_PRODUCT)}


def dimensions(desk: Desk) -> dict[str, Row]:
    return {row["Entity_Key__c"]: row for row in desk.org.all(PRODUCT_DIMENSION)}


def authorizations(desk: Desk) -> dict[str, Row]:
    return {row["Entity_Key__c"]: row for row in desk.org.all(RESALE_AUTHORIZATION)}


def test_products_of_all_kinds_come_with_their_dimensions(desk: Desk) -> None:
    for kind in ("SaaSProduct", "AmiProduct", "ContainerProduct", "DataProduct"):
        desk.isv.entities[f"prod-{kind}"] = product(kind, kind)
    assert counts(desk.refresh(PRODUCTS)) == ("Processed", 3, 3, 0, 0)
    found = products(desk)
    assert {row["Product_Type__c"] for row in found.values()} == {"SaaSProduct", "AmiProduct", "ContainerProduct"}
    assert {row["Account__c"] for row in found.values()} == {desk.account()["Id"]}
    assert {row["Product__c"] for row in dimensions(desk).values()} == {row["Id"] for row in found.values()}


def test_a_second_refresh_changes_what_differs_and_doubles_nothing(desk: Desk) -> None:
    """The title is no key: two products may have the same."""
    desk.isv.entities = {"prod-1": product("Acme"), "prod-2": product("Acme")}
    desk.refresh(PRODUCTS)
    assert counts(desk.refresh(PRODUCTS)) == ("Processed", 2, 0, 0, 0)
    desk.isv.entities = {"prod-1": product("Acme", Sku="S2"), "prod-2": product("Acme 2")}
    before = products(desk)[f"{ISV}/prod-1"]["Refreshed_At__c"]
    assert counts(desk.refresh(PRODUCTS)) == ("Processed", 2, 0, 2, 0)
    found = products(desk)
    assert [found[f"{ISV}/{one}"]["SKU__c"] for one in ("prod-1", "prod-2")] == ["S2", "S1"]
    assert found[f"{ISV}/prod-2"]["Name"] == "Acme 2"
    assert found[f"{ISV}/prod-1"]["Refreshed_At__c"] > before
    assert len(dimensions(desk)) == 2


def test_one_id_in_two_accounts_is_two_products(desk: Desk) -> None:
    desk.isv.entities["prod-1"] = desk.partner.entities["prod-1"] = product()
    desk.refresh(PRODUCTS)
    desk.refresh(PRODUCTS, PARTNER)
    assert set(products(desk)) == {f"{ISV}/prod-1", f"{PARTNER}/prod-1"}


def test_what_vanished_is_marked_and_kept_and_comes_back(desk: Desk) -> None:
    gone = product("Gone", dimensions=[dimension("a"), dimension("b")])
    desk.isv.entities = {"prod-1": product(), "prod-2": gone}
    desk.refresh(PRODUCTS)
    del desk.isv.entities["prod-2"]
    sync = desk.refresh(PRODUCTS)
    assert sync["Message__c"] == "1 not listed any more."
    assert [row["Active__c"] for row in products(desk).values()] == [True, False]
    assert dimensions(desk)[f"{ISV}/prod-2/a"]["Active__c"] is False
    desk.isv.entities["prod-2"] = gone
    desk.refresh(PRODUCTS)
    assert all(row["Active__c"] for row in (*products(desk).values(), *dimensions(desk).values()))


def test_a_dimension_that_vanished_is_marked(desk: Desk) -> None:
    desk.isv.entities["prod-1"] = product(dimensions=[dimension("a"), dimension("b")])
    desk.refresh(PRODUCTS)
    desk.isv.entities["prod-1"] = product(dimensions=[dimension("b")])
    desk.refresh(PRODUCTS)
    assert {key[-1]: row["Active__c"] for key, row in dimensions(desk).items()} == {"a": False, "b": True}


def test_what_cannot_be_described_is_told_and_ends_nothing(desk: Desk) -> None:
    desk.isv.entities = {"prod-1": product(), "prod-2": product("Two")}
    desk.refresh(PRODUCTS)
    desk.isv.refused["prod-1"] = "ResourceNotFoundException: no such entity"
    sync = desk.refresh(PRODUCTS)
    assert counts(sync) == ("Partial", 2, 0, 0, 1)
    assert "prod-1: could not be read: ResourceNotFoundException" in sync["Message__c"]
    assert all(row["Active__c"] for row in (*products(desk).values(), *dimensions(desk).values()))


def test_one_refused_row_stops_no_other(desk: Desk) -> None:
    desk.isv.entities = {f"prod-{number}": product(f"P{number}") for number in range(5)}
    desk.org.refuses = lambda _, row: "a rule of the org" if row.get("Name") == "P3" else ""
    sync = desk.refresh(PRODUCTS)
    assert counts(sync) == ("Partial", 5, 4, 0, 1)
    assert "a rule of the org" in sync["Message__c"]
    assert f"{ISV}/prod-3/Users" not in dimensions(desk), "a dimension without its product"
    desk.org.refuses = lambda *_: ""
    assert counts(desk.refresh(PRODUCTS)) == ("Processed", 5, 1, 0, 0)


def test_a_walk_that_breaks_off_ends_nothing_and_is_repeated(desk: Desk) -> None:
    desk.isv.entities = {f"prod-{number}": product() for number in range(4)}
    desk.refresh(PRODUCTS)
    desk.isv.fails = (2, Retriable("The connection broke."))
    sync = desk.refresh(PRODUCTS)
    assert (sync["Status__c"], sync["Message__c"]) == ("In Progress", "It waits: The connection broke.")
    assert all(row["Active__c"] for row in products(desk).values())
    desk.isv.fails = None
    desk.work(20)
    assert len(desk.org.all(MARKETPLACE_SYNC)) == 2
    assert sync["Status__c"] == "Processed" and sync["Message__c"] is None


def test_refused_credentials_are_told_where_an_admin_looks_and_concern_one_account(desk: Desk) -> None:
    desk.isv.entities = {"prod-1": product()}
    desk.partner.fails, desk.partner.entities = (
        (0, AuthFailed("aws-marketplace:ListEntities is not allowed.")),
        {"x": {}},
    )
    sync = desk.refresh(PRODUCTS, PARTNER)
    desk.refresh(PRODUCTS)
    assert (sync["Status__c"], sync["Message__c"]) == ("Error", "aws-marketplace:ListEntities is not allowed.")
    assert (desk.account(PARTNER)["Status__c"], desk.account()["Status__c"]) == ("Error", "Connected")
    assert desk.account(PARTNER)["Message__c"] == sync["Message__c"]
    desk.partner.fails = None
    desk.partner.entities = {}
    desk.work(6)
    assert (desk.account(PARTNER)["Status__c"], desk.account(PARTNER)["Message__c"]) == ("Connected", None)
    assert sync["Status__c"] == "Processed"


def test_an_account_that_is_switched_off_is_left_alone(desk: Desk) -> None:
    desk.org.insert(AWS_ACCOUNT, {"Account_Number__c": ISV, "Name": "Ours", "Active__c": False})
    desk.isv.entities["prod-1"] = product()
    queueing.enqueue_list(desk.engine, ISV, PRODUCTS)
    desk.work()
    assert desk.isv.walks == 0 and products(desk) == {}


def test_many_entities_cost_few_calls(desk: Desk) -> None:
    desk.isv.entities = {f"prod-{number}": product(f"P{number}") for number in range(173)}
    sync = desk.refresh(PRODUCTS)
    assert counts(sync) == ("Processed", 173, 173, 0, 0)
    assert len(desk.org.calls) < 12, "each write takes all rows, which the door sends 200 at a time"


# -- authorizations


def test_authorizations_find_their_products(desk: Desk) -> None:
    desk.isv.entities = {"prod-1": product(), "resaleauthz-1": authorization()}
    desk.partner.entities = {"resaleauthz-1": authorization()}
    desk.partner.shared = {"resaleauthz-1"}
    desk.refresh(PRODUCTS)
    assert counts(desk.refresh(AUTHORIZATIONS)) == ("Processed", 1, 1, 0, 0)
    assert counts(desk.refresh(SHARED_AUTHORIZATIONS, PARTNER)) == ("Processed", 1, 1, 0, 0)
    [known] = desk.org.all(MARKETPLACE_PRODUCT)
    [own], [shared] = desk.org.all(RESALE_AUTHORIZATION), desk.org.all(SHARED_AUTHORIZATION)
    assert own["Product__c"] == shared["Product__c"] == known["Id"]
    assert shared["Account__c"] == desk.account(PARTNER)["Id"]


def test_an_authorization_whose_product_has_no_row_is_kept_without(desk: Desk) -> None:
    desk.isv.entities = {"resaleauthz-1": authorization(ProductId="prod-'9")}
    assert counts(desk.refresh(AUTHORIZATIONS)) == ("Processed", 1, 1, 0, 0)
    assert authorizations(desk)[f"{ISV}/resaleauthz-1"]["Product__c"] is None


def test_a_vanished_authorization_is_not_usable_any_more_and_kept(desk: Desk) -> None:
    desk.isv.entities = {"resaleauthz-1": authorization()}
    desk.partner.entities, desk.partner.shared = {"resaleauthz-1": authorization()}, {"resaleauthz-1"}
    desk.refresh(AUTHORIZATIONS)
    desk.refresh(SHARED_AUTHORIZATIONS, PARTNER)
    desk.isv.entities, desk.partner.entities = {}, {}
    desk.refresh(AUTHORIZATIONS)
    desk.refresh(SHARED_AUTHORIZATIONS, PARTNER)
    [own], [shared] = desk.org.all(RESALE_AUTHORIZATION), desk.org.all(SHARED_AUTHORIZATION)
    assert (own["Status__c"], shared["Status__c"], own["Message__c"]) == ("Restricted", "Restricted", NOT_LISTED)
    desk.isv.entities = {"resaleauthz-1": authorization()}
    desk.refresh(AUTHORIZATIONS)
    assert (own["Status__c"], own["Message__c"]) == ("Active", None)


def test_what_a_person_enters_in_a_draft_survives_a_refresh(desk: Desk) -> None:
    desk.isv.entities = {"resaleauthz-1": authorization(status="Draft")}
    desk.refresh(AUTHORIZATIONS)
    [row] = desk.org.all(RESALE_AUTHORIZATION)
    row |= {"Description__c": "Not sent yet", "LastModifiedById": PERSON}
    desk.isv.entities = {"resaleauthz-1": authorization(status="Draft", CreatedDate="2026-07-19T00:00:00Z")}
    desk.refresh(AUTHORIZATIONS)
    assert row["Description__c"] == "Not sent yet"
    assert row["AWS_Created_At__c"].startswith("2026-07-19")
    desk.isv.entities = {"resaleauthz-1": authorization(status="Active")}
    row["LastModifiedById"] = PERSON
    desk.refresh(AUTHORIZATIONS)
    assert (row["Description__c"], row["Status__c"]) == ("For resale", "Active")


def test_a_draft_that_aws_does_not_know_is_left_alone(desk: Desk) -> None:
    draft = desk.org.insert(RESALE_AUTHORIZATION, {"Name": "Mine", "Status__c": "Draft", "Entity_Key__c": None})
    desk.refresh(AUTHORIZATIONS)
    assert desk.org.tables[RESALE_AUTHORIZATION][draft]["Status__c"] == "Draft"


def test_two_refreshes_of_authorizations_are_thirty_seconds_apart(desk: Desk) -> None:
    desk.isv.entities = {"resaleauthz-1": authorization()}
    queueing.enqueue_list(desk.engine, ISV, AUTHORIZATIONS)
    queueing.enqueue_list(desk.engine, ISV, AUTHORIZATIONS)
    desk.work()
    assert desk.isv.walks == 1, "what waits is joined"
    queueing.enqueue_list(desk.engine, ISV, AUTHORIZATIONS)
    desk.work(5 / 60)
    assert desk.isv.walks == 1, "what comes soon after is put off"
    desk.work(26 / 60)
    assert desk.isv.walks == 2
    assert len(authorizations(desk)) == 1


# -- whoever asked


def asked(desk: Desk) -> Row:
    request = desk.request()
    row = desk.org.tables[ACTION_REQUEST][request]
    answer = perform_product_refresh(desk.engine, Request(row, PERSON, "", frozenset(), may_edit=False))
    if answer is not None:
        row |= {"Status__c": answer.status, "Message__c": answer.message}
    return row


def test_who_asked_is_told_the_counts_of_each_account(desk: Desk) -> None:
    desk.isv.entities = {"prod-1": product(), "prod-2": product()}
    row = asked(desk)
    desk.work(1)
    assert row["Status__c"] == "Done"
    assert row["Message__c"].splitlines() == [
        f"Products of {ISV}: 2 listed: 2 new, 0 changed, 0 not listed any more.",
        f"Products of {PARTNER}: 0 listed: 0 new, 0 changed, 0 not listed any more.",
    ]


def test_who_asked_is_told_of_the_account_that_failed(desk: Desk) -> None:
    desk.isv.entities = {"prod-1": product()}
    desk.partner.entities, desk.partner.fails = {"x": {}}, (0, AuthFailed("Not allowed."))
    desk.org.insert(AWS_ACCOUNT, {"Account_Number__c": "999900001111", "Name": "Third", "Active__c": True})
    row = asked(desk)
    desk.work(1)
    assert row["Status__c"] == "Failed"
    assert "1 listed: 1 new" in row["Message__c"]
    assert f"Products of {PARTNER}: Not allowed. It is tried again." in row["Message__c"]
    assert "no credentials for the AWS account 999900001111" in row["Message__c"]


def test_whoever_asks_does_not_wait_for_what_is_put_off(desk: Desk) -> None:
    desk.partner.entities, desk.partner.fails = {"x": {}}, (0, AuthFailed("Not allowed."))
    asked(desk)
    desk.work(1)
    desk.partner.entities, desk.partner.fails = {}, None
    again = asked(desk)
    desk.work(3 / 60)
    assert again["Status__c"] == "Done"


def test_without_a_seller_account_the_remedy_is_told(desk: Desk) -> None:
    desk.engine.sellers = {}
    row = asked(desk)
    assert (row["Status__c"], row["Message__c"]) == ("Failed", accounts.NONE_CONFIGURED)


def test_after_an_upgrade_products_are_refreshed_once_by_the_worker(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.isv.entities = {"prod-1": product()}
    desk.refresh(PRODUCTS)
    work.renew_products(desk.engine)
    desk.work()
    assert len(desk.org.all(MARKETPLACE_SYNC)) == 1, "no other version, no refresh"
    monkeypatch.setattr(accounts, "__version__", "99.0")
    work.renew_products(desk.engine)
    [(told, why)] = desk.engine.troubles.items()
    assert told == f"refresh products needed ({ISV})" and "this is 99.0" in why
    desk.work()
    assert desk.engine.troubles == {}
    assert desk.account()["Products_Refreshed_With__c"] == "99.0"
    work.renew_products(desk.engine)
    desk.work()
    assert len(desk.org.all(MARKETPLACE_SYNC)) == 2


def test_a_registered_account_without_credentials_says_so(desk: Desk) -> None:
    desk.org.insert(AWS_ACCOUNT, {"Account_Number__c": "999900001111", "Name": "Third", "Active__c": True})
    work.renew_products(desk.engine)
    assert desk.account("999900001111")["Status__c"] == "Error"
    assert "[[aws.sellers]]" in desk.account("999900001111")["Message__c"]


# -- whatever happens

IDS = st.sampled_from([f"prod-{number}" for number in range(6)])
ENTITIES = st.dictionaries(
    IDS,
    st.builds(
        lambda title, keys: product(title, dimensions=[dimension(key) for key in keys]),
        st.sampled_from(["Acme", "Other"]),
        st.lists(st.sampled_from(["a", "A", "b"]), min_size=1, max_size=3, unique=True),
    ),
)
STEPS = st.lists(st.tuples(ENTITIES, st.integers(0, 14), st.sampled_from(["", "kill", "break"])), max_size=6)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(STEPS)
def test_however_often_it_is_killed_the_rows_are_those_of_aws(steps: list[tuple[dict[str, Row], int, str]]) -> None:
    """Each entity has one row, which is active as long as AWS lists it; no row goes; one sync's row per refresh."""
    with tempfile.TemporaryDirectory() as directory:
        desk = Desk(Path(directory))
        try:
            ever = set()
            for entities, when, fate in steps:
                desk.isv.entities = entities
                ever |= set(entities)
                queueing.enqueue_list(desk.engine, ISV, PRODUCTS)
                if fate == "break":
                    desk.isv.fails = (when, Retriable("It broke."))
                    desk.work(1)
                elif fate == "kill" and desk.crashing(when):
                    desk.restart()
                desk.isv.fails = None
                desk.work(20)
                _hold_against_aws(desk, ever)
        finally:
            desk.close()


def _hold_against_aws(desk: Desk, ever: set[str]) -> None:
    rows = desk.org.all(MARKETPLACE_PRODUCT)
    assert sorted(row["Product_Id__c"] for row in rows) == sorted(ever)
    assert {row["Product_Id__c"] for row in rows if row["Active__c"]} == set(desk.isv.entities)
    for row in rows:
        if row["Active__c"]:
            entity = desk.isv.entities[row["Product_Id__c"]]["DetailsDocument"]
            assert row["Product_Title__c"] == entity["Description"]["ProductTitle"]
            wanted = sorted(one["Key"] for one in entity["Dimensions"])
            assert _keys(desk, row["Id"]) == wanted
    keys = [row["Entity_Key__c"] for row in desk.org.all(PRODUCT_DIMENSION)]
    assert len(keys) == len(set(keys))
    syncs = desk.org.all(MARKETPLACE_SYNC)
    assert {row["Status__c"] for row in syncs} <= {"Processed"}
    assert len({row["Sync_Key__c"] for row in syncs}) == len(syncs)


def _keys(desk: Desk, product_id: str) -> list[str]:
    rows = desk.org.all(PRODUCT_DIMENSION)
    return sorted(row["Dimension_Key__c"] for row in rows if row["Product__c"] == product_id and row["Active__c"])
