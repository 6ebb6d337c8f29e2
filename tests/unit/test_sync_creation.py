"""New records: what they hold, what they lack, and what becomes of an answer that was lost; nothing is made twice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from new_record_desk import APN_ID, COMPANY, MAPPING, RECORD, Desk
from new_record_org import (
    DEFAULT_ACCOUNT,
    DEFAULT_OWNER,
    INTEGRATION,
    OPPORTUNITY,
    TEMPLATE,
    describe,
    text,
)

from connector.errors import DuplicateValue, Problem, RecordRejected, Retriable
from connector.mapping.model import Fallback, FieldMapping
from connector.mapping.outbound import snapshot
from connector.names import PACKAGED, Detail, TemplateSettings
from connector.store.links import Link
from connector.sync import creation, logs
from connector.sync.adoption import adopt, restore_seen
from connector.sync.arrival import Arrival
from connector.sync.creation import create_record
from connector.sync.edits import changed_at_aws, changed_paths, user_edits
from connector.sync.ports import Row
from connector.sync.templates import copied_fields

# -- values and the connector's own fields


def test_a_record_holds_what_aws_says_and_the_connectors_own_fields(desk: Desk) -> None:
    row = desk.receive()
    assert (row["Name"], row["StageName"], row["CloseDate"], row["City__c"]) == (
        "Port at last", "Qualified", "2027-03-31", "Oslo",
    )  # fmt: skip
    assert (row[PACKAGED.apn_id], row[PACKAGED.sync_with_aws]) == (APN_ID, True)
    assert row[PACKAGED.last_sync_date] == "2026-03-01T12:00:00.000+0000"
    assert "OwnerId" not in row and "AccountId" not in row


def test_masked_personal_data_leaves_a_typed_field_empty(desk: Desk) -> None:
    """Before acceptance AWS shows a text in their place, which no e-mail field takes."""
    assert "Email__c" not in desk.receive()


def test_a_name_is_taken_from_the_title_where_none_is_mapped_and_from_the_identifier_where_aws_has_none(
    desk: Desk,
) -> None:
    desk.engine.mapping = replace(MAPPING, fields=MAPPING.fields[1:])
    assert desk.receive()["Name"] == "Port at last"
    desk.record["partnerProjectTitle"] = "Accept to view"
    assert desk.receive("O2")["Name"] == "O2"


def test_a_mapped_name_is_not_replaced_by_the_title(desk: Desk) -> None:
    fields = (FieldMapping("customerCompanyName", "Name", True), *MAPPING.fields[1:])
    desk.engine.mapping = replace(MAPPING, fields=fields)
    assert desk.receive()["Name"] == COMPANY


def test_an_automatic_number_is_not_written(desk: Desk) -> None:
    desk.engine.mapping = replace(MAPPING, fields=MAPPING.fields[1:])
    desk.org.change("Opportunity", "Name", createable=False, updateable=False)
    assert "Name" not in desk.receive()


def test_what_could_not_be_translated_is_told_with_the_payload_and_stays_to_be_applied(desk: Desk) -> None:
    desk.org.change("Opportunity", "City__c", length=3)
    row = desk.receive()
    assert "City__c" not in row
    payloads = {one[Detail.ERROR_CODE]: one[Detail.PAYLOAD] for one in desk.details(row["Id"], logs.ERROR)}
    assert APN_ID in payloads["TEXT_TOO_LONG"]
    applied = desk.link(row).applied or {}
    assert (applied["city"], applied["stage"]) == (None, "Qualified")


def test_what_a_person_corrected_and_what_stood_in_is_noted(desk: Desk) -> None:
    city = FieldMapping("city", "City__c", True, from_aws=Fallback(value="Unknown"))
    desk.engine.mapping = MAPPING.with_field(city)
    arrival = Arrival({"Id": APN_ID}, {}, {**RECORD, "city": None}, note="city was corrected.")
    create_record(desk.engine, arrival, desk.run())
    [row] = desk.org.all("Opportunity")
    assert row["City__c"] == "Unknown"
    assert "city was corrected." in desk.note(row) and "Fallback used for city" in desk.note(row)
    assert (desk.link(row).applied or {})["city"] is None, "AWS's own word is remembered"


def test_a_record_that_salesforce_refuses_is_told_by_the_opportunitys_id_until_it_can_be_created(desk: Desk) -> None:
    rule = Problem("FIELD_CUSTOM_VALIDATION_EXCEPTION", "City__c", "Oslo", "Not in Oslo.", "Correct it.")
    desk.org.refused.append(RecordRejected((rule,)))
    assert "Not in Oslo." in desk.refuse()["FIELD_CUSTOM_VALIDATION_EXCEPTION"]
    desk.receive()
    assert desk.engine.state.problems.open_for(APN_ID) == []


# -- required fields


def test_a_required_field_that_stays_empty_is_named_with_its_remedy_and_nothing_is_sent(desk: Desk) -> None:
    desk.engine.mapping = replace(MAPPING, fields=MAPPING.fields[:1])
    told = desk.refuse()["REQUIRED_FIELD_MISSING"]
    assert TemplateSettings.DEFAULT_OPPORTUNITY_ID in told
    names = {body[Detail.ERROR_MESSAGE].partition(":")[0] for body in desk.details(APN_ID, logs.ERROR)}
    assert names == {"StageName", "CloseDate"}
    assert "upsert" not in desk.org.calls


def test_the_template_fills_what_a_required_field_lacks(desk: Desk) -> None:
    desk.engine.mapping = replace(MAPPING, fields=MAPPING.fields[:1])
    desk.org.add("Opportunity", TEMPLATE, Name="Template", StageName="Prospecting", CloseDate="2030-12-31")
    desk.set(default_opportunity_id=TEMPLATE)
    row = desk.receive()
    assert (row["StageName"], row["CloseDate"], row["Name"]) == ("Prospecting", "2030-12-31", "Port at last")


# -- the template


@pytest.fixture
def templated(desk: Desk) -> Desk:
    desk.org.add(
        "Opportunity", TEMPLATE, Name="Template", StageName="Prospecting", CloseDate="2030-12-31", City__c="Nowhere",
        Budget_Code__c="B-17", Serial__c="S-1", Secret__c="***", Doubled__c="2", OwnerId=DEFAULT_OWNER, Probability=10,
        RecordTypeId="012000000000001AAA", AccountId=DEFAULT_ACCOUNT, Public__c=True,
    )  # fmt: skip
    desk.set(default_opportunity_id=TEMPLATE)
    return desk


def test_the_template_is_the_base_and_mapped_values_win(templated: Desk) -> None:
    row = templated.receive()
    assert (row["Budget_Code__c"], row["RecordTypeId"]) == ("B-17", "012000000000001AAA")
    assert (row["City__c"], row["StageName"], row["Name"]) == ("Oslo", "Qualified", "Port at last")


def test_what_must_differ_or_is_decided_otherwise_is_not_copied(templated: Desk) -> None:
    row = templated.receive()
    assert {"Serial__c", "Secret__c", "Doubled__c", "OwnerId", "AccountId"}.isdisjoint(row)


def test_the_probability_follows_the_stage_and_not_the_template(templated: Desk) -> None:
    assert "Probability" not in templated.receive()
    templated.record["stage"] = "Prospecting"
    assert templated.receive("O2")["Probability"] == 10


@pytest.mark.parametrize(
    ("name", "field", "value"), [("city", "City__c", "Nowhere"), ("targetCloseDate", "CloseDate", "2030-12-31")]
)
def test_what_aws_leaves_empty_does_not_clear_the_template(templated: Desk, name: str, field: str, value: str) -> None:
    templated.record[name] = None
    assert templated.receive()[field] == value


def test_an_unanswered_question_does_not_uncheck_the_templates_box(templated: Desk) -> None:
    more = FieldMapping("doesOppBelongToNatSec", "Public__c", True)
    templated.engine.mapping = replace(MAPPING, fields=(*MAPPING.fields, more))
    for answer, box in ((None, True), ("No", False), ("Yes", True)):
        templated.record["doesOppBelongToNatSec"] = answer
        assert templated.receive(f"O{answer}")["Public__c"] is box


def test_the_templates_values_are_no_persons_edit(templated: Desk) -> None:
    templated.record["city"] = None
    link = templated.link(templated.receive())
    assert link.seen["City__c"] == "Nowhere" and (link.applied or {})["city"] is None


@pytest.mark.parametrize(
    ("template", "words"),
    [("006000000000009AAA", "sees no Opportunity record"), ("001000000000001AAA", "begin with 006, this one with 001")],
)
def test_a_template_that_cannot_be_used_is_told_and_the_record_made_without_it(
    templated: Desk, template: str, words: str
) -> None:
    templated.set(default_opportunity_id=template)
    row = templated.receive()
    assert "Budget_Code__c" not in row
    assert words in templated.reasons(row["Id"])["SETTING_INVALID"]


def test_a_copy_takes_over_what_may_be_set_and_need_not_differ() -> None:
    names = copied_fields(describe("Opportunity", (*OPPORTUNITY, text("Ref__c", external_id=True))))
    assert set(names) == {
        "StageName", "CloseDate", "AccountId", "Partner__c", "RecordTypeId", "Amount", "Probability", "Public__c",
        "Budget_Code__c", "Email__c", "City__c",
    }  # fmt: skip


# -- unknown outcomes


@pytest.mark.parametrize("clone", [False, True])
def test_an_answer_lost_after_the_fact_leaves_one_record_and_one_account_with_full_memory(
    shared: Desk, *, clone: bool
) -> None:
    shared.set(clone_default_account=clone)
    shared.org.lost.append("after")
    row = shared.receive()
    assert len(shared.org.all("Opportunity")) == 1
    assert len(shared.org.all("Account")) == 1 + clone
    assert shared.link(row).seen["City__c"] == "Oslo"


def test_an_answer_lost_before_the_fact_is_tried_again_and_makes_one_of_each(cloning: Desk) -> None:
    cloning.org.lost.append("before")
    with pytest.raises(Retriable):
        cloning.receive()
    assert cloning.org.all("Opportunity") == []
    cloning.receive()
    assert (len(cloning.org.all("Opportunity")), len(cloning.org.all("Account"))) == (1, 2)


def test_a_record_that_came_into_being_meanwhile_is_looked_up_and_no_account_made(cloning: Desk) -> None:
    """The request before was still under way when we looked: its commit comes between our look and our write."""
    cloning.org.add("Opportunity", **{PACKAGED.apn_id: APN_ID})
    with pytest.raises(Retriable):
        cloning.receive()
    assert len(cloning.org.all("Account")) == 1


def test_a_duplicate_of_the_account_is_refused_and_told(cloning: Desk) -> None:
    taken = Problem("DUPLICATE_VALUE", "Account.Site__c", "", "duplicate value found.", "Choose another.")
    cloning.org.refused.append(DuplicateValue((taken,)))
    assert "DUPLICATE_VALUE" in cloning.refuse()


def test_a_text_that_cannot_go_along_with_an_account_gets_the_default_account_and_says_so(cloning: Desk) -> None:
    odd = Problem("REFERENCE_IN_TEXT", "Opportunity.Name", "@{x}", "Taken for a reference.", "Write it otherwise.")
    cloning.org.refused.append(RecordRejected((odd,)))
    row = cloning.receive()
    assert row["AccountId"] == DEFAULT_ACCOUNT and len(cloning.org.all("Account")) == 1
    assert "REFERENCE_IN_TEXT" in cloning.reasons(row["Id"])
    assert (cloning.link(row).applied or {})["customerWebsite"] is None


# -- a process that died before it remembered what it had made


def made(desk: Desk, monkeypatch: pytest.MonkeyPatch, **stamps: Any) -> Row:
    """Let Salesforce commit a new record, and the process die before the state does; return the row as it is read."""
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(creation, "_link_created", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        create_record(desk.engine, Arrival({"Id": APN_ID}, {}, dict(desk.record)), desk.run())
    [row] = [one for one in desk.org.all("Opportunity") if one.get(PACKAGED.apn_id)]
    moment = "2026-03-01T12:00:07.000+0000"
    row |= {"CreatedDate": moment, "LastModifiedDate": moment, "SystemModstamp": moment}
    row |= {"CreatedById": INTEGRATION, "LastModifiedById": INTEGRATION, **stamps}
    return desk.org.rows("Opportunity", [row["Id"]], desk.engine.row_fields())[row["Id"]]


def restored(desk: Desk, row: Row) -> Link:
    """Let the record be found again by its AWS identifier."""
    link = adopt(desk.engine, row["Id"], APN_ID)
    restore_seen(desk.engine, link, row, desk.record, {"LastModifiedDate": "2025-02-28T09:00:00Z"})
    return link


def test_a_templates_values_are_no_edit_although_the_process_died_before_it_remembered(
    templated: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Promise 7: nothing that a template filled goes to AWS, as in a run that was not interrupted."""
    templated.record["city"] = None
    row = made(templated, monkeypatch)
    link = restored(templated, row)
    assert row["City__c"] == "Nowhere"
    assert changed_paths(link, snapshot(templated.engine.mapping, row)) == ()
    assert user_edits(templated.engine, link, row) == set()
    assert "city" not in changed_at_aws(link.applied or {}, templated.record), "and AWS's empty value clears nothing"


def test_what_aws_changed_meanwhile_is_still_brought_in(templated: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    row = made(templated, monkeypatch)
    templated.record["city"] = "Bergen"
    link = restored(templated, row)
    assert "city" in changed_at_aws(link.applied or {}, templated.record)
    assert user_edits(templated.engine, link, row) == set()


def test_what_aws_emptied_meanwhile_is_still_cleared(templated: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """No template filled it: it was AWS's own word."""
    row = made(templated, monkeypatch)
    templated.record["city"] = None
    link = restored(templated, row)
    assert row["City__c"] == "Oslo" and "city" in changed_at_aws(link.applied or {}, templated.record)


@pytest.mark.parametrize(
    "stamps",
    [
        {"LastModifiedById": DEFAULT_OWNER},
        {"LastModifiedDate": "2026-03-01T12:00:09.000+0000"},
        {"CreatedById": DEFAULT_OWNER},
        {PACKAGED.last_sync_date: None},
        {PACKAGED.last_sync_date: "2025-03-01T12:00:00.000+0000"},
        {PACKAGED.apn_id: None},
    ],
)
def test_a_record_that_does_not_stand_as_we_made_it_may_hold_an_edit(
    templated: Desk, monkeypatch: pytest.MonkeyPatch, stamps: dict[str, Any]
) -> None:
    """A person touched it, or somebody loaded it with our user's rights (ELIG-22): a difference is to be sent."""
    templated.record["city"] = "Bergen"
    row = made(templated, monkeypatch, **{"City__c": "Oslo", **stamps})
    link = restored(templated, row)
    assert "City__c" in user_edits(templated.engine, link, row)
