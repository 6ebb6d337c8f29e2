"""Files of AWS as no sample shows them, and at moments nobody expects: each is told, and none breaks another."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from engine.salesforce import PERSON
from file_arrivals import LEAD, ArrivalWorld, lead, opportunity

from connector.ace.export_shape import read_entry
from connector.errors import ConfigError, Problem, RecordRejected
from connector.names import Detail, Log
from connector.sync import logs, queueing
from connector.sync.arrival import canonical
from connector.sync.corrections import changes_of
from connector.sync.exchange.exported import arrival_of
from connector.sync.exchange.replay import replay
from connector.sync.ports import Row

FLAG, NEXT, COMPANY = "ACE_Sync_with_AWS__c", "Next_Step__c", "Customer_Company_Name__c"
WEBSITE, STATE, AWS_STAGE = "Customer_Website__c", "State_or_Region__c", "AWS_Stage__c"
SURROGATE, NUL, ARABIC = "half a \ud83d pair", "a\u0000b", "\u202eabc \U0001f600 \u0645\u0631\u062d\u0628\u0627"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ArrivalWorld]:
    opened = ArrivalWorld(tmp_path)
    yield opened
    opened.close()


def deliver(world: ArrivalWorld, *entries: Any, name: str = "", content: bytes = b"") -> str:
    name = name or f"export-{world.exchange.listings}.json"
    world.exchange.aws_exports(name, *entries, content=content)
    world.fetch()
    return name


def deliver_lead(world: ArrivalWorld, *entries: Any) -> None:
    world.exchange.aws_exports(f"lead-{world.exchange.listings}.json", *entries, of="lead")
    world.fetch("lead")


def text_of(*entries: Any) -> str:
    return json.dumps({"version": "2.0", "spmsId": "spms", "opportunities": list(entries)})


def told(world: ArrivalWorld, status: str = logs.ERROR) -> list[str]:
    return [str(row[Detail.ERROR_MESSAGE]) for row in world.told(status=status)]


# -- values


@pytest.mark.parametrize("value", [SURROGATE, NUL, ARABIC, "&lt;b&gt; &amp; B"])
def test_a_text_of_any_characters_comes_in_as_it_is(world: ArrivalWorld, value: str) -> None:
    deliver(world, opportunity("O1", nextStep=value), opportunity("O2"))
    assert world.rows()["O1"][NEXT] == value.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert set(world.rows()) == {"O1", "O2"} and world.exchange.left() == []


@pytest.mark.parametrize("value", [{"$decimal": "abc"}, {"$decimal": "NaN"}, {"$decimal": ["x"]}, [[[]]], {"a": 1}])
def test_what_is_no_text_fails_its_record_alone(world: ArrivalWorld, value: Any) -> None:
    """Also what looks like the state's own writing."""
    deliver(world, opportunity("O1", nextStep=value), opportunity("O2"))
    assert set(world.rows()) == {"O2"} and world.exchange.left() == []
    [why] = told(world)
    assert "Next Step in opportunities[0] takes values of type text" in why


def test_a_key_that_nobody_knows_may_hold_anything(world: ArrivalWorld) -> None:
    deliver(world, opportunity("O1", other={"$decimal": "abc"}, more=[[{"deep": None}]]))
    assert set(world.rows()) == {"O1"} and world.exchange.left() == []


def test_a_record_of_four_megabytes_is_worked_off_and_logged_as_far_as_it_fits(world: ArrivalWorld) -> None:
    deliver(world, opportunity("O1", additionalComments="x" * 4_000_000), opportunity("O2"))
    assert set(world.rows()) == {"O1", "O2"} and world.exchange.left() == []
    assert max(len(row[Detail.PAYLOAD] or "") for row in world.told()) <= logs.LONG_TEXT


def test_a_key_with_two_values_fails_its_record_alone(world: ArrivalWorld) -> None:
    body = text_of(opportunity("O1", nextStep="A"), opportunity("O2")).replace(
        '"nextStep": "A"', '"nextStep": "A", "nextStep": "B"'
    )
    deliver(world, content=body.encode())
    assert set(world.rows()) == {"O2"} and world.exchange.left() == []
    assert '["A", "B"]' in told(world)[0]


def test_a_key_that_is_repeated_with_the_same_value_does_no_harm(world: ArrivalWorld) -> None:
    body = text_of(opportunity("O1", nextStep="A")).replace('"nextStep": "A"', '"nextStep": "A", "nextStep": "A"')
    deliver(world, content=body.encode())
    assert world.rows()["O1"][NEXT] == "A"


# -- files


@pytest.mark.parametrize("second", ["opportunities", "Opportunities"])
def test_of_two_lists_in_one_file_none_is_dropped_silently(world: ArrivalWorld, second: str) -> None:
    one, two = json.dumps([opportunity("O1")]), json.dumps([opportunity("O2")])
    content = f'{{"version": "2.0", "opportunities": {one}, "{second}": {two}}}'
    name = deliver(world, content=content.encode())
    assert world.exchange.left() == [name] and world.rows() == {}
    assert "several times" in world.file_log(name)[Log.MESSAGE]


@pytest.mark.parametrize(
    "content",
    [
        text_of(opportunity("O1")).encode("utf-16"),
        gzip.compress(text_of(opportunity("O1")).encode()),
        b" ",
        b"[" * 100_000,
        b'{"opportunities":[' + b'{"a":' * 500 + b"1" + b"}" * 500 + b"]}",
        b'{"opportunities":[' + b"1" * 5000 + b"]}",
        json.dumps({"version": "1", "leads": [lead("L1")]}).encode(),
    ],
)
def test_a_file_of_another_kind_stays_and_holds_up_no_other(world: ArrivalWorld, content: bytes) -> None:
    name = deliver(world, content=content)
    deliver(world, opportunity("O2"))
    assert set(world.rows()) == {"O2"} and world.exchange.left() == [name]
    assert world.file_log(name)[Log.STATUS] == logs.ERROR


def test_a_file_of_no_records_is_worked_off(world: ArrivalWorld) -> None:
    name = deliver(world)
    assert world.exchange.left() == [] and world.file_log(name)[Log.STATUS] == logs.PROCESSED


def test_a_name_is_logged_as_far_as_it_fits(world: ArrivalWorld) -> None:
    """The bucket's keys are longer than Salesforce's field: a log that is refused would keep the file for ever."""
    deliver(world, opportunity("O1"), name="x" * 900 + ".json")
    assert world.exchange.left() == [] and set(world.rows()) == {"O1"}
    assert all(len(row[Log.FILE_NAME]) <= 255 for row in world.sync_logs())


def test_a_file_that_vanishes_while_it_is_worked_off_and_comes_back_makes_nothing_twice(world: ArrivalWorld) -> None:
    made = world.exchange.aws_exports("a.json", opportunity("O1"))
    queueing.enqueue_job(world.engine, queueing.RETRIEVE)
    world.execute(2)
    world.exchange.objects.pop(made.key)
    world.settle()
    world.exchange.objects[made.key] = replace(made, modified_at=world.clock.now())
    world.fetch()
    assert len(world.salesforce.all()) == 1 and world.exchange.left() == []


# -- identifiers


@pytest.mark.parametrize("identifier", ["o1", "O", 17, "O" + "1" * 30, "x" * 100_000, "O1' OR Name != '"])
def test_an_identifier_that_is_none_is_told_in_few_words(world: ArrivalWorld, identifier: Any) -> None:
    deliver(world, opportunity(identifier), opportunity("O2"))
    assert set(world.rows()) == {"O2"} and world.exchange.left() == []
    [why] = told(world)
    assert "AWS names opportunities by one letter and digits" in why and len(why) < 500


@pytest.mark.parametrize(
    ("named", "meant"), [("a0X000000000001", "a0X000000000001EAA"), ("CRM000000000001", "CRM000000000001")]
)
def test_a_partner_identifier_of_fifteen_characters_is_the_records(world: ArrivalWorld, named: str, meant: str) -> None:
    """As reports of Salesforce show it, and people type it into Partner Central: no second record is made."""
    exported = read_entry(opportunity("O2", named), "opportunity", "opportunities[0]")
    assert arrival_of(world.engine, exported).answer["PartnerOpportunityIdentifier"] == meant


def test_an_opportunity_that_names_a_lead_and_a_lead_that_names_an_opportunity_take_neither(
    world: ArrivalWorld,
) -> None:
    deliver_lead(world, lead("L1"))
    [known] = world.salesforce.all(LEAD)
    deliver(world, opportunity("O1", known["Id"]))
    deliver_lead(world, lead("L2", world.rows()["O1"]["Id"]))
    assert len(world.salesforce.all(LEAD)) == 2 and set(world.rows()) == {"O1"}


# -- replays, and what is known already


def test_after_a_loss_of_the_state_an_old_file_overwrites_nothing_newer(world: ArrivalWorld) -> None:
    """The record itself says how new it is, where AWS's date is mapped."""
    deliver(world, opportunity("O1", nextStep="Old", aWSStage="Prospect"), name="old.json")
    deliver(world, opportunity("O1", day=5, nextStep="New", aWSStage="Won"))
    world.empty_state()
    replay(world.engine, "old.json")
    world.settle()
    assert (world.rows()["O1"][NEXT], world.rows()["O1"][AWS_STAGE]) == ("New", "Won")
    assert any("Skipped: it is older" in str(row[Detail.ERROR_MESSAGE]) for row in world.told())
    deliver(world, opportunity("O1", day=6, nextStep="Newest", aWSStage="Won"))
    assert world.rows()["O1"][AWS_STAGE] == "Won" and len(world.salesforce.all()) == 1


def test_after_a_loss_of_the_state_an_old_file_brings_no_deleted_record_back(world: ArrivalWorld) -> None:
    deliver(world, opportunity("O1"), name="old.json")
    world.salesforce.user_deletes(world.rows()["O1"]["Id"])
    world.empty_state()
    replay(world.engine, "old.json")
    world.settle()
    assert world.salesforce.all() == []


def test_of_three_files_in_one_listing_the_newest_word_counts(world: ArrivalWorld) -> None:
    for day, text in ((2, "B"), (3, "C"), (1, "A")):
        world.exchange.aws_exports(f"{text}.json", opportunity("O1", day=day, nextStep=text))
    world.fetch()
    assert world.rows()["O1"][NEXT] == "C" and len(world.salesforce.all()) == 1 and world.exchange.left() == []


def test_what_is_hidden_again_is_not_emptied_also_when_it_is_applied_anew(world: ArrivalWorld) -> None:
    deliver_lead(world, lead("L1", company="Acme", fullName="Ada Ray", currentLeadStage="Accepted"))
    deliver_lead(world, lead("L1", day=2, currentLeadStage="Accepted"))
    queueing.enqueue_inbound(world.leads, "L1", "", fresh=True)
    world.settle()
    [row] = world.salesforce.all(LEAD)
    assert (row["Company"], row["LastName"]) == ("Acme", "Ada Ray")


def test_what_aws_redacts_of_a_classified_opportunity_empties_nothing(world: ArrivalWorld) -> None:
    deliver(world, opportunity("O1", industry="Government", doesOppBelongToNatSec="No"))
    redacted = dict.fromkeys(("customerCompanyName", "customerWebsite", "postalCode", "state"))
    deliver(world, opportunity("O1", day=2, doesOppBelongToNatSec="Yes", **redacted))
    row = world.rows()["O1"]
    assert (row[COMPANY], row[WEBSITE]) == ("Example Freight", "https://freight.example")
    deliver(world, opportunity("O1", day=3, doesOppBelongToNatSec="No", customerWebsite=None))
    assert world.rows()["O1"][WEBSITE] is None, "what is not redacted is emptied"


def test_what_aws_redacts_is_not_known_to_be_empty_by_the_api_either() -> None:
    answer = {"Id": "O1", "Project": {"Title": "A"}, "Customer": {"Account": {"Industry": "Government"}}}
    classified = canonical({**answer, "NationalSecurity": "Yes"}, {})
    assert not {"customerCompanyName", "customerWebsite", "state", "postalCode"} & set(classified)
    assert "customerCompanyName" in canonical({**answer, "NationalSecurity": "No"}, {})


def test_of_the_same_field_the_persons_edit_stays_and_another_field_comes_in(world: ArrivalWorld) -> None:
    mine = world.salesforce.user_creates({FLAG: False, "Name": "Mine"})
    deliver(world, opportunity("O1", mine))
    world.clock.advance(timedelta(minutes=5))
    world.salesforce.user_edits(mine, {NEXT: "Mine"})
    deliver(world, opportunity("O1", mine, day=2, nextStep="Theirs", customerWebsite="https://theirs.example"))
    row = world.rows()["O1"]
    assert (row[NEXT], row[WEBSITE]) == ("Mine", "https://theirs.example")
    assert any("AWS changed it to Theirs" in one for one in told(world, logs.PROCESSED))


@pytest.mark.parametrize("corrected", ["[" * 100_000, '{"apnCrmUniqueIdentifier": "O1", "nextStep": ', "", "\ufeff{}"])
def test_a_corrected_payload_that_is_none_is_refused_in_words(corrected: str) -> None:
    with pytest.raises(ConfigError, match="corrected payload is not JSON"):
        changes_of("O1", json.dumps(opportunity("O1")), corrected)


# -- what Salesforce refuses


def test_a_duplicate_rule_of_salesforce_is_told_and_the_file_goes(
    world: ArrivalWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = Problem("DUPLICATES_DETECTED", "", "", "Use one of these records?", "Merge the leads, or relax the rule.")
    save = type(world.salesforce)._save

    def refuse(salesforce: Any, object_name: str, row: Row, *more: Any) -> None:
        if object_name == LEAD:
            raise RecordRejected((problem,))
        save(salesforce, object_name, row, *more)

    monkeypatch.setattr(type(world.salesforce), "_save", refuse)
    deliver_lead(world, lead("L1"))
    assert world.exchange.left("lead") == []
    assert any("Use one of these records?" in one for one in told(world))


@pytest.mark.parametrize("noticed", [False, True])
def test_a_lead_that_a_person_merged_into_another_goes_on_there(world: ArrivalWorld, noticed: bool) -> None:
    """Salesforce deletes the one and lets the other keep what the person chose, AWS's identifier too."""
    deliver_lead(world, lead("L1", currentLeadStage="Accepted"))
    [merged] = world.salesforce.all(LEAD)
    kept = dict.fromkeys(merged) | {FLAG: False, "Company": "Acme", "LastName": "Ray", "Status": "Open"}
    master = world.salesforce._insert(LEAD, {**kept, "IsConverted": False}, PERSON)
    world.clock.advance(timedelta(minutes=5))
    world.salesforce.user_deletes(merged["Id"])
    world.salesforce.user_saves(LEAD, master, PERSON, ACE_APN_Unique_Identifier__c="L1", ACE_Sync_with_AWS__c=True)
    world.clock.advance(timedelta(minutes=5))
    for kind in (queueing.DELETIONS, queueing.POLL) if noticed else ():
        queueing.enqueue_job(world.leads, kind)
        world.settle()
    deliver_lead(world, lead("L1", day=2, currentLeadStage="Accepted", leadStatusReason="Calls back"))
    [row] = world.salesforce.all(LEAD)
    assert (row["Id"], row["Reason__c"]) == (master, "Calls back")
    link = world.state.links.by_apn("L1")
    assert link is not None and (link.record_id, link.status) == (master, "linked")
    assert told(world) == [], "nothing is said any more of the one that was deleted"
