"""A person's corrections of what came from AWS: taken once, of values only, and held until AWS's own value is good."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from new_record_desk import APN_ID, MAPPING, Desk, open_desk
from new_record_org import NOW

from connector.errors import ConfigError
from connector.mapping.model import FieldMapping
from connector.names import SYNC_LOG_DETAIL, Detail, Log
from connector.store.corrections import Correction
from connector.store.links import Link
from connector.store.queue import Item
from connector.sync import logs
from connector.sync.corrections import changes_of, corrected, in_force, remember, take_ticked, translatable
from connector.sync.engine import Priority
from connector.sync.queueing import INBOUND, OUTBOUND

RECORD_ID, KEY = "006100000000001AAA", "a-detail"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with open_desk(tmp_path) as opened:
        yield opened


@pytest.fixture
def strict(desk: Desk) -> Desk:
    """An org that takes no city of more than three letters."""
    desk.org.change("Opportunity", "City__c", length=3)
    return desk


def payload(city: str | None = "Bergen", website: str = "", **members: Any) -> str:
    account: dict[str, Any] = {"Address": {"City": city} if city else {}}
    if website:
        account["WebsiteUrl"] = website
    return json.dumps({"Id": APN_ID, "Customer": {"Account": account}, "Project": {"Title": "Port"}, **members})


def correct(desk: Desk, before: str = "Bergen", after: str = "Ulm") -> Correction:
    """Let a person correct the city; return what is kept."""
    remember(desk.engine, APN_ID, payload(before), payload(after))
    [kept] = desk.engine.state.corrections.of(APN_ID)
    return kept


def city_of(desk: Desk, at_aws: str | None) -> Any:
    """Return the city that a payload with AWS's word comes to."""
    return corrected(desk.engine, APN_ID, {"city": at_aws})[0]["city"]


def ticked(direction: str = logs.FROM_AWS, **values: Any) -> dict[str, Any]:
    return {
        Detail.KEY: KEY,
        Detail.RECORD_ID: RECORD_ID,
        Detail.APN_ID: APN_ID,
        Detail.PAYLOAD: payload(),
        Detail.CORRECTED_PAYLOAD: None,
        Detail.LOG_REF: {Log.DIRECTION: direction},
        **values,
    }


def queued(desk: Desk) -> Item | None:
    return desk.engine.state.queue.claim(NOW, "worker")


def answer(desk: Desk) -> dict[str, Any]:
    """Return what is to be written to the detail."""
    waiting = desk.engine.state.outbox.get(SYNC_LOG_DETAIL, KEY)
    assert waiting is not None
    return dict(waiting.body)


# -- how long a correction holds


def test_a_value_that_the_mapping_refused_stays_corrected_until_it_can_translate_what_aws_sends(strict: Desk) -> None:
    """IN-16: another bad value is still replaced."""
    assert not correct(strict).translatable
    assert [city_of(strict, at_aws) for at_aws in ("Bergen", "Tromso")] == ["Ulm", "Ulm"]
    assert city_of(strict, "Bo") == "Bo"
    assert strict.engine.state.corrections.of(APN_ID) == []
    assert city_of(strict, "Bergen") == "Bergen", "what is forgotten does not come back"


def test_a_value_that_salesforce_refused_stays_corrected_until_aws_sends_another(desk: Desk) -> None:
    assert correct(desk).translatable
    assert [city_of(desk, at_aws) for at_aws in ("Bergen", "Bergen", "Tromso")] == ["Ulm", "Ulm", "Tromso"]
    assert desk.engine.state.corrections.of(APN_ID) == []


@pytest.mark.parametrize("refused_by", ["mapping", "Salesforce"])
def test_a_correction_that_aws_takes_over_itself_has_done_its_work(desk: Desk, refused_by: str) -> None:
    if refused_by == "mapping":
        desk.org.change("Opportunity", "City__c", length=3)
    correct(desk)
    assert city_of(desk, "Ulm") == "Ulm"
    assert desk.engine.state.corrections.of(APN_ID) == []


def test_a_payload_without_the_field_says_nothing_of_it(desk: Desk) -> None:
    kept = correct(desk)
    assert corrected(desk.engine, APN_ID, {"partnerProjectTitle": "Port"}) == ({"partnerProjectTitle": "Port"}, "")
    assert desk.engine.state.corrections.of(APN_ID) == [kept]


def test_what_was_replaced_is_told_with_both_values_and_the_day(desk: Desk) -> None:
    correct(desk)
    _, note = corrected(desk.engine, APN_ID, {"city": "Bergen"})
    assert note == f"city: Ulm in place of Bergen, as corrected {NOW:%Y-%m-%d}."


def test_a_correction_counts_for_its_own_record_only(desk: Desk) -> None:
    correct(desk)
    assert corrected(desk.engine, "O7654321", {"city": "Bergen"}) == ({"city": "Bergen"}, "")


def test_a_preview_forgets_nothing(desk: Desk) -> None:
    kept = correct(desk)
    assert in_force(desk.engine, APN_ID, {"city": "Bergen", "nextStep": None}) == {"city": "Ulm"}
    assert in_force(desk.engine, APN_ID, {"city": "Tromso"}) == {}
    assert desk.engine.state.corrections.of(APN_ID) == [kept]


def test_a_later_correction_of_the_field_replaces_the_earlier(desk: Desk) -> None:
    correct(desk)
    assert (correct(desk, after="Linz").corrected, city_of(desk, "Bergen")) == ("Linz", "Linz")


# -- what the mapping can translate


def test_values_for_a_related_record_are_judged_as_the_records_own(desk: Desk) -> None:
    """Otherwise such a correction would end with the next payload, although that is as bad as the last one."""
    desk.org.change("Account", "Website", length=20)
    long, short = "https://harbour-holding.example", "https://ha.example"
    assert not translatable(desk.engine, "customerWebsite", long)
    assert translatable(desk.engine, "customerWebsite", short)
    remember(desk.engine, APN_ID, payload(website=long), payload(website=short))
    other = "https://port-authority.example"
    record, _ = corrected(desk.engine, APN_ID, {"customerWebsite": other})
    assert record["customerWebsite"] == short


def test_a_field_that_is_not_mapped_is_refused_by_nothing(desk: Desk) -> None:
    assert translatable(desk.engine, "nextStep", "Call them")


def test_what_inbound_updates_are_off_for_is_refused_by_nothing(strict: Desk) -> None:
    strict.engine.mapping = replace(MAPPING, fields=(FieldMapping("city", "City__c", False),))
    assert translatable(strict.engine, "city", "Bergen")


# -- what may be corrected


def test_only_what_differs_is_taken_from_the_corrected_payload() -> None:
    changes = changes_of(APN_ID, payload("Bergen"), payload("Ulm"))
    assert changes == {"city": ("Bergen", "Ulm")}


@pytest.mark.parametrize(
    "members",
    [{"PartnerOpportunityIdentifier": "006100000000009AAA"}, {"Unheard": "of"}, {"Id": APN_ID}],
)
def test_identifiers_and_unknown_members_are_no_values_to_correct(members: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="says the same as the payload"):
        changes_of(APN_ID, payload(), payload(**members))


def test_a_payload_of_another_record_is_refused() -> None:
    with pytest.raises(ConfigError, match=f"is of O7654321, the detail of {APN_ID}"):
        changes_of(APN_ID, payload(), payload("Ulm", Id="O7654321"))


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (payload(), "{", "corrected payload is not JSON"),
        ("{", payload(), "payload of the detail is not JSON"),
        (payload(), "[]", "no opportunity of AWS's"),
        (payload(), '{"Id": "O1234567"}', "no opportunity of AWS's"),
    ],
)
def test_what_is_no_payload_is_refused_with_its_place(before: str, after: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        changes_of(APN_ID, before, after)


# -- ticks


def test_a_ticked_detail_is_taken_with_its_correction_ahead_of_everything_else(strict: Desk) -> None:
    """IN-15: remembered and queued at once; the row is read anew, and people do not wait for company."""
    assert take_ticked(strict.engine, [ticked(**{Detail.CORRECTED_PAYLOAD: payload("Ulm")})]) == 1
    item = queued(strict)
    assert item is not None and (item.kind, item.priority) == (INBOUND, Priority.REQUEST)
    assert (item.payload["apn_id"], item.payload["fresh"]) == (APN_ID, True)
    [kept] = strict.engine.state.corrections.of(APN_ID)
    assert (kept.ace_field, kept.source, kept.corrected) == ("city", "Bergen", "Ulm")
    assert answer(strict) == {Detail.REPROCESS: False} and strict.engine.person_waits


def test_a_tick_alone_processes_the_record_again_as_it_is(desk: Desk) -> None:
    assert take_ticked(desk.engine, [ticked()]) == 1
    assert queued(desk) is not None and desk.engine.state.corrections.all() == []


def test_a_tick_is_taken_once_though_salesforce_still_shows_it(desk: Desk) -> None:
    assert [take_ticked(desk.engine, [ticked()]) for _ in range(3)] == [1, 0, 0]
    item = queued(desk)
    assert item is not None
    desk.engine.state.queue.done(item)
    assert take_ticked(desk.engine, [ticked()]) == 0 and queued(desk) is None


def test_a_payload_that_cannot_be_used_is_told_on_its_detail_and_holds_up_no_other(desk: Desk) -> None:
    other = ticked(**{Detail.KEY: "another", Detail.APN_ID: "O7654321"})
    assert take_ticked(desk.engine, [ticked(**{Detail.CORRECTED_PAYLOAD: "{"}), other]) == 1
    told = answer(desk)
    assert told[Detail.REPROCESS] is False and "not JSON" in told[Detail.ERROR_MESSAGE]
    assert told[Detail.ERROR_SUMMARY] and desk.engine.state.corrections.all() == []
    item = queued(desk)
    assert item is not None and item.payload["apn_id"] == "O7654321" and queued(desk) is None


def test_a_record_that_could_not_be_created_is_taken_by_its_aws_identifier(desk: Desk) -> None:
    """Until there is a record, the opportunity's id stands for it."""
    assert take_ticked(desk.engine, [ticked(**{Detail.RECORD_ID: APN_ID, Detail.APN_ID: None})]) == 1
    item = queued(desk)
    assert item is not None and item.payload["apn_id"] == APN_ID


# -- details of what goes to AWS


def link(desk: Desk) -> Link:
    desk.engine.state.links.save(Link(RECORD_ID, "Opportunity", apn_id=APN_ID, status="linked"))
    return desk.engine.state.links.require(RECORD_ID)


def test_what_goes_to_aws_is_corrected_in_the_record_and_not_in_its_payload(desk: Desk) -> None:
    link(desk)
    row = ticked(logs.TO_AWS, **{Detail.CORRECTED_PAYLOAD: payload("Ulm")})
    assert take_ticked(desk.engine, [row]) == 0
    assert "Correct the record itself" in answer(desk)[Detail.ERROR_MESSAGE]
    assert desk.engine.state.corrections.all() == [] and queued(desk) is None


def test_a_tick_on_what_goes_to_aws_sends_the_record_again(desk: Desk) -> None:
    """LOG-20: as if a person had asked for it, so that no switch of the admin's keeps it back."""
    link(desk)
    assert take_ticked(desk.engine, [ticked(logs.TO_AWS)]) == 1
    item = queued(desk)
    assert item is not None and (item.kind, item.key) == (OUTBOUND, RECORD_ID)
    assert desk.engine.state.links.require(RECORD_ID).requested
    assert answer(desk) == {Detail.REPROCESS: False}


def test_a_detail_of_a_record_that_nobody_knows_is_told_what_to_do(desk: Desk) -> None:
    assert take_ticked(desk.engine, [ticked(logs.TO_AWS)]) == 0
    assert "Choose Sync with AWS" in answer(desk)[Detail.ERROR_MESSAGE] and queued(desk) is None
