"""The door against the embedded Salesforce org, over real HTTP: what it writes is there, and nothing else is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import requests

from connector.errors import (
    AuthFailed,
    ConfigError,
    MappingError,
    RecordGone,
    RecordRejected,
    Retriable,
    StaleRecord,
)
from connector.salesforce.access import Need
from connector.salesforce.door import SalesforceDoor
from connector.salesforce.settings import SalesforceSettings
from connector.sandbox.server import Sandbox

LOG = "ACE_Sync_Log__c"
KEY = "Log_Key__c"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


def open_door(sandbox: Sandbox, **changes: Any) -> SalesforceDoor:
    info = sandbox.launch_info()["salesforce"]
    values: dict[str, Any] = {
        "instance_url": info["instance_url"],
        "audience": "https://test.salesforce.com",
        "api_version": info["api_version"],
        "client_id": info["client_id"],
        "username": info["username"],
        "private_key": Path(info["private_key_file"]).read_text(),
    }
    return SalesforceDoor(SalesforceSettings(**{**values, **changes}), sleep=lambda _: None)


@pytest.fixture
def door(sandbox: Sandbox) -> Iterator[SalesforceDoor]:
    with closing(open_door(sandbox)) as opened:
        yield opened


def fault(sandbox: Sandbox, kind: str, match: str, **more: Any) -> None:
    url = sandbox.launch_info()["control"]["endpoint_url"]
    answer = requests.post(
        f"{url}/fault", json={"server": "salesforce", "kind": kind, "match": match, **more}, timeout=5
    )
    assert answer.status_code == 200, answer.text


def asked(sandbox: Sandbox, operation: str) -> int:
    url = sandbox.launch_info()["control"]["endpoint_url"]
    return int(requests.get(f"{url}/requests", timeout=5).json().get("salesforce", {}).get(operation, 0))


def count(door: SalesforceDoor, object_name: str, where: str) -> int:
    [row] = door.query(f"SELECT COUNT(Id) n FROM {object_name} WHERE {where}")
    return int(row["n"])


def opportunity(door: SalesforceDoor, name: str = "Migration", **fields: Any) -> str:
    return door.create("Opportunity", {"Name": name, "StageName": "Prospecting", "CloseDate": "2027-01-31", **fields})


def stamp_of(door: SalesforceDoor, object_name: str, record: str) -> datetime:
    return datetime.fromisoformat(door.rows(object_name, [record], ["LastModifiedDate"])[record]["LastModifiedDate"])


@pytest.mark.parametrize("auth", ["jwt", "client_credentials", "password"])
def test_every_way_to_log_in_ends_as_the_same_user(sandbox: Sandbox, auth: str) -> None:
    info = sandbox.launch_info()["salesforce"]
    changes = {"auth": auth, "client_secret": info["client_secret"], "password": info["password"]}
    with closing(open_door(sandbox, **changes)) as opened:
        who = opened.identity()
    assert (who.org_id, who.username, who.is_sandbox) == (info["org_id"], info["username"], True)


def test_bad_credentials_say_so_and_good_ones_write_as_the_integration_user(
    sandbox: Sandbox, door: SalesforceDoor
) -> None:
    with closing(open_door(sandbox, client_id="another app")) as stranger, pytest.raises(AuthFailed, match="client_id"):
        opportunity(stranger)
    record = opportunity(door)
    row = door.rows("Opportunity", [record], ["LastModifiedById"])[record]
    assert row["LastModifiedById"] == door.identity().user_id


def test_an_expired_session_is_renewed_in_passing(sandbox: Sandbox, door: SalesforceDoor) -> None:
    record = opportunity(door)
    before = asked(sandbox, "token")
    fault(sandbox, "expire_session", "row_update")
    [outcome] = door.update_unless_modified(
        "Opportunity", [({"Id": record, "NextStep": "x"}, datetime(2050, 1, 1, tzinfo=UTC))]
    )
    assert outcome.error is None
    assert asked(sandbox, "token") == before + 1


def test_values_come_back_as_they_were_sent(door: SalesforceDoor) -> None:
    name = "Zürich – 東京 'quoted' \\ \"double\""
    record = opportunity(
        door, name, Amount=Decimal("1234567890123.45"), CloseDate=datetime(2027, 1, 31, tzinfo=UTC).date()
    )
    row = door.rows("Opportunity", [record], ["Name", "Amount", "CloseDate", "NextStep"])[record]
    assert row["Name"] == name and row["CloseDate"] == "2027-01-31" and row["NextStep"] is None
    assert row["Amount"] == Decimal("1234567890123.45")


def test_a_person_who_edits_first_wins(sandbox: Sandbox, door: SalesforceDoor) -> None:
    info = sandbox.launch_info()["salesforce"]
    record = opportunity(door, NextStep="ours")
    seen = stamp_of(door, "Opportunity", record)
    sandbox.clock.advance(5)
    edit = requests.patch(
        f"{info['instance_url']}/services/data/v{info['api_version']}/sobjects/Opportunity/{record}",
        json={"NextStep": "theirs"},
        headers={"Authorization": f"Bearer {info['users']['seller']['access_token']}"},
        timeout=5,
    )
    assert edit.status_code == 204, edit.text
    [late] = door.update_unless_modified("Opportunity", [({"Id": record, "NextStep": "covering"}, seen)])
    assert isinstance(late.error, StaleRecord)
    assert door.rows("Opportunity", [record], ["NextStep"])[record]["NextStep"] == "theirs"
    [fresh] = door.update_unless_modified(
        "Opportunity", [({"Id": record, "Description": "after"}, stamp_of(door, "Opportunity", record))]
    )
    assert fresh.error is None


@pytest.mark.parametrize("key", ["..", "a/b c+d?e#f", "O'Neil", "ünï – 東京", "%2F"])
def test_an_upsert_by_any_key_creates_once_and_updates_then(door: SalesforceDoor, key: str) -> None:
    [first] = door.upsert(LOG, KEY, [{KEY: key, "Status__c": "Error"}])
    [second] = door.upsert(LOG, KEY, [{KEY: key, "Status__c": "Partial"}])
    assert first.created and not second.created and first.id == second.id
    assert door.rows(LOG, [first.id], [KEY, "Status__c"])[first.id] == {
        "Id": first.id,
        KEY: key,
        "Status__c": "Partial",
    }


def test_concurrent_first_upserts_make_one_record_each(sandbox: Sandbox, door: SalesforceDoor) -> None:
    rows = [{KEY: f"race-{number}", "Status__c": "Error"} for number in range(40)]
    doors = [door.sibling() for _ in range(3)]
    outcomes: list[Any] = []
    threads = [threading.Thread(target=lambda one=one: outcomes.extend(one.upsert(LOG, KEY, rows))) for one in doors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in doors:
        one.close()
    assert len(outcomes) == 120 and not any(outcome.error for outcome in outcomes)
    assert count(door, LOG, f"{KEY} LIKE 'race-%'") == 40


def test_each_row_of_a_collection_has_its_own_fate(sandbox: Sandbox, door: SalesforceDoor) -> None:
    good, gone = opportunity(door), opportunity(door)
    sandbox.org.delete("Opportunity", gone)
    rows = [
        {"Id": good, "NextStep": "written"},
        {"Id": gone, "NextStep": "x"},
        {"Id": opportunity(door), "Name": "x" * 300},
        {"Id": opportunity(door), "Amount": "lots"},
        {"Id": opportunity(door), "Nope__c": 1},
    ]
    outcomes = door.update("Opportunity", rows)
    assert [type(outcome.error) for outcome in outcomes] == [type(None), RecordGone, *[RecordRejected] * 3]
    codes = [outcome.error.problems[0].code for outcome in outcomes[1:]]  # type: ignore[union-attr]
    assert codes == ["ENTITY_IS_DELETED", "STRING_TOO_LONG", "JSON_PARSER_ERROR", "INVALID_FIELD"]
    assert door.rows("Opportunity", [good], ["NextStep"])[good]["NextStep"] == "written"


def test_walks_meet_every_row_once_over_several_pages(door: SalesforceDoor) -> None:
    rows = [{KEY: f"walk-{number:04d}", "Status__c": "Error", "Message__c": "–" * 50} for number in range(2100)]
    assert not any(outcome.error for outcome in door.upsert(LOG, KEY, rows))
    now = door.server_time()
    where = f"{KEY} LIKE 'walk-%'"
    pages = list(door.changed(LOG, [KEY], since=now - timedelta(days=1), until=now + timedelta(days=1), where=where))
    met = [(row["SystemModstamp"], row["Id"]) for page in pages for row in page]
    assert len(pages) > 1 and len(met) == len(set(met)) == 2100 and met == sorted(met)
    assert len(list(door.query(f"SELECT Id FROM {LOG} WHERE {where}"))) == 2100
    found = door.rows(LOG, [key for _, key in met], [KEY])
    assert {row[KEY] for row in found.values()} == {row[KEY] for row in rows}


def test_windows_that_touch_meet_every_row_exactly_once(sandbox: Sandbox, door: SalesforceDoor) -> None:
    start = door.server_time()
    for number in range(6):
        door.upsert(LOG, KEY, [{KEY: f"window-{number}", "Status__c": "Error"}])
        sandbox.clock.advance(1)
    edges = [start + timedelta(seconds=3 * number) for number in range(-1, 6)]
    met = [
        row[KEY]
        for since, until in pairwise(edges)
        for page in door.changed(LOG, [KEY], since=since, until=until, where=f"{KEY} LIKE 'window-%'")
        for row in page
    ]
    assert sorted(met) == [f"window-{number}" for number in range(6)]


def test_a_query_longer_than_any_address_is_answered(door: SalesforceDoor) -> None:
    [outcome] = door.upsert(LOG, KEY, [{KEY: "long-query", "Status__c": "Error"}])
    others = ",".join(f"'{'x' * 60}{number}'" for number in range(400))
    [row] = door.query(f"SELECT Id FROM {LOG} WHERE {KEY} IN ({others},'long-query')")
    assert row["Id"] == outcome.id


@pytest.mark.requirement("SEC-05")
def test_an_id_that_tries_to_widen_the_query_matches_nothing(door: SalesforceDoor) -> None:
    opportunity(door)
    bad = "O1' OR Name!='"
    assert door.rows("Opportunity", [bad], ["Name"]) == {}
    assert door.deleted("Opportunity", [bad]) == set()
    [update] = door.update("Opportunity", [{"Id": bad, "Name": "x"}])
    assert isinstance(update.error, RecordRejected)
    [upsert] = door.upsert(LOG, KEY, [{KEY: bad, "Status__c": "Error"}])
    assert upsert.created and count(door, LOG, f"Id = '{upsert.id}'") == 1


def test_only_deleted_rows_are_reported_as_deleted(door: SalesforceDoor) -> None:
    alive, gone = (door.create(LOG, {KEY: f"deleted {name}", "Status__c": "Error"}) for name in ("no", "yes"))
    [first] = door.delete([gone])
    [again] = door.delete([gone])
    assert first.error is None and again.error is None
    never = gone[:6] + "0000zzzzz"
    assert door.deleted(LOG, [alive, gone, never]) == {gone}


def test_who_has_a_value_is_asked_for_many_values_at_once(sandbox: Sandbox, door: SalesforceDoor) -> None:
    """The recycle bin's rows too, regardless of case, and each value by the name that it was asked by."""
    alive, gone = (door.create(LOG, {KEY: f"held {name}", "Status__c": "Error"}) for name in ("on", "off"))
    door.delete([gone])
    values = ["HELD on", "held off", "held O'Neill", *(f"nobody {number}" for number in range(250))]
    calls = ("query_all", "composite/query_all")
    before = sum(asked(sandbox, one) for one in calls)
    found = door.holders_of(LOG, KEY, values)
    assert sum(asked(sandbox, one) for one in calls) == before + 2
    assert list(found) == values
    assert {value: of for value, of in found.items() if of} == {"HELD on": {alive: False}, "held off": {gone: True}}
    assert door.holders_of(LOG, KEY, []) == {}


def test_describe_knows_the_package_and_names_what_is_missing(sandbox: Sandbox, door: SalesforceDoor) -> None:
    found = door.describe("ace_opportunity__c")
    has_updates, apn_id = found.field("ACE_Has_Updates__c"), found.field("ACE_APN_Unique_Identifier__c")
    assert has_updates is not None and has_updates.calculated and has_updates.formula
    assert apn_id is not None and apn_id.unique and apn_id.external_id and not apn_id.case_sensitive
    with closing(open_door(sandbox, describe_max_age=0.0)) as eager:
        first = eager.describe(LOG)
        before = asked(sandbox, "describe")
        assert eager.describe(LOG) is first, "the answer was 304: nothing was parsed again"
        assert asked(sandbox, "describe") == before + 1
    with pytest.raises(ConfigError, match="does not exist in the org, or"):
        door.describe("Nope__c")


def test_access_checks_name_the_field(door: SalesforceDoor) -> None:
    need = Need(
        "ACE_Opportunity__c", read=("Owner.Name", "Nope__c"), edit=("ACE_Has_Updates__c", "ACE_Last_Sync_Date__c")
    )
    found = {(problem.code, problem.field) for problem in door.check_access([need])}
    assert found == {
        ("FIELD_MISSING", "ACE_Opportunity__c.Nope__c"),
        ("FIELD_NO_EDIT", "ACE_Opportunity__c.ACE_Has_Updates__c"),
    }


@pytest.mark.parametrize("soql", ["SELECT Nope__c FROM Account", "SELEC Id FROM Account", "SELECT Id FROM Nope__c"])
def test_a_query_that_does_not_fit_the_org_is_a_matter_of_the_mapping(door: SalesforceDoor, soql: str) -> None:
    with pytest.raises(MappingError):
        list(door.query(soql))
    with pytest.raises(MappingError):
        door.queries(["SELECT Id FROM Account LIMIT 1", soql])


def test_passing_faults_are_survived(sandbox: Sandbox, door: SalesforceDoor) -> None:
    record = opportunity(door)
    fault(sandbox, "status", "query", status=503, times=2)
    assert list(door.query(f"SELECT Id FROM Opportunity WHERE Id = '{record}'"))
    fault(sandbox, "row_lock", "collections_update", times=2)
    [outcome] = door.update("Opportunity", [{"Id": record, "NextStep": "x"}])
    assert outcome.error is None


@pytest.mark.parametrize(("kind", "made"), [("timeout_before", 0), ("timeout_after", 1)])
def test_a_creation_that_times_out_is_uncertain_and_happens_at_most_once(
    sandbox: Sandbox, door: SalesforceDoor, kind: str, made: int
) -> None:
    name = f"Times out {kind}"
    with closing(open_door(sandbox, read_timeout=2.0)) as hasty:
        hasty.identity()
        fault(sandbox, kind, "row_create")
        with pytest.raises(Retriable) as caught:
            opportunity(hasty, name)
    assert caught.value.outcome_unknown
    assert count(door, "Opportunity", f"Name = '{name}'") == made


@pytest.mark.parametrize("kind", ["timeout_before", "timeout_after"])
def test_an_upsert_that_times_out_can_simply_be_sent_again(sandbox: Sandbox, door: SalesforceDoor, kind: str) -> None:
    row = {KEY: f"again-{kind}", "Status__c": "Error"}
    fault(sandbox, kind, "collections_upsert")
    with closing(open_door(sandbox, read_timeout=2.0)) as hasty:
        outcomes = hasty.upsert(LOG, KEY, [row])
        if outcomes[0].error:
            outcomes = hasty.upsert(LOG, KEY, [row])
    assert outcomes[0].error is None
    assert count(door, LOG, f"{KEY} = 'again-{kind}'") == 1


def test_conditional_updates_hold_whether_or_not_the_org_takes_them_together(
    sandbox: Sandbox, door: SalesforceDoor
) -> None:
    records = [opportunity(door, f"Guarded {number}") for number in range(8)]
    steps = ["x"] * 7 + ["see @{part0.id}, as written"]
    future = door.server_time() + timedelta(hours=1)
    past = door.server_time() - timedelta(hours=1)
    with closing(open_door(sandbox, conditional_composite=True)) as together:
        outcomes = together.update_unless_modified(
            "Opportunity",
            [({"Id": key, "NextStep": steps[n]}, past if n == 3 else future) for n, key in enumerate(records)],
        )
    assert [isinstance(outcome.error, StaleRecord) for outcome in outcomes] == [n == 3 for n in range(8)]
    rows = door.rows("Opportunity", records, ["NextStep"])
    assert [rows[key]["NextStep"] for key in records] == [None if n == 3 else steps[n] for n in range(8)]


def test_a_thousand_rows_cost_a_handful_of_calls_and_the_use_is_visible(door: SalesforceDoor) -> None:
    door.identity()
    before = door.own_usage()
    outcomes = door.upsert(LOG, KEY, [{KEY: f"bulk-{number}", "Status__c": "Error"} for number in range(1000)])
    assert not any(outcome.error for outcome in outcomes)
    assert door.own_usage() - before == 5
    used, limit = door.api_usage()
    assert 0 < used < limit
