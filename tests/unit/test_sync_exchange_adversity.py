"""Files where the world is unkind: rights that lack, settings that change while a file waits, people who type over."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from engine.fields import APN_ID, FLAG, OPPORTUNITY
from engine.files import FILES, LET_OUT, Files
from engine.turns import open_codes

from connector.ace.file_fields import Version
from connector.errors import AuthFailed, Problem, RecordRejected, Retriable
from connector.names import Detail, Log
from connector.sync.exchange.settlement import release
from connector.sync.exchange.stuck import find_released

pytestmark = pytest.mark.usefixtures("quiet_log")
NEXT_STEP = "Next_Step__c"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Files]:
    world = Files(tmp_path)
    yield world
    world.close()


def root(world: Files, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(next(content for one, content in world.exchange.submitted if one == name))
    return found


def test_answers_that_may_not_be_deleted_keep_no_other_answer_back(world: Files) -> None:
    """The user has no right to delete: each answer is worked off all the same, and the trouble is told."""
    world.use(replace(LET_OUT, files=replace(FILES, batch_size=1)))
    ids = [world.deal(Customer_Company_Name__c=f"Example {number}") for number in range(3)]
    world.turn()
    world.exchange.aws_takes()

    def refuse(_: Any) -> None:
        raise AuthFailed("s3:DeleteObject is denied")

    world.exchange.delete = refuse  # type: ignore[method-assign]
    world.turn()
    world.turn()
    assert all(world.state.links.require(one).apn_id for one in ids)
    assert "DeleteObject" in " ".join(world.engine.troubles.values())


def test_an_identifier_typed_while_the_creation_is_in_flight_gives_way_to_awss(world: Files) -> None:
    """OUT-08: what AWS made of our record is its own; the typed one is refused with the original."""
    record_id = world.deal()
    world.turn()
    world.salesforce.user_edits(record_id, {APN_ID: "O999"})
    world.turn()
    world.take()
    world.turn()
    link = world.state.links.require(record_id)
    assert link.apn_id == "O7000000"
    assert len(world.exchange.records) == 1
    assert (world.salesforce.row(record_id) or {})[APN_ID] == "O7000000" and open_codes(world, record_id) == []
    assert any("O999" in str(row.get(Detail.ERROR_MESSAGE)) for row in world.details(record_id, "Processed"))


def until_stored(world: Files) -> None:
    world.exchange.trouble = AuthFailed("denied")
    world.turn()
    assert world.state.uploads.counts() == {"stored": 1}
    world.exchange.trouble = None


def test_a_file_that_certainly_never_went_out_follows_the_settings(world: Files) -> None:
    """SET-14: what is uploaded bears the Partner ID of that moment."""
    record_id = world.deal()
    until_stored(world)
    world.use(replace(LET_OUT, files=replace(FILES, partner_id="2222222")))
    world.turn()
    world.turn()
    [name] = world.files()
    assert root(world, name)["spmsId"] == "2222222"
    world.take()
    assert open_codes(world, record_id) == [] and len(world.exchange.records) == 1


def test_a_file_of_version_1_that_never_went_out_is_packed_anew_for_version_2(world: Files) -> None:
    """OUT-27: after the change no file of version 1 is uploaded."""
    world.state.meta.set("files:version looked", '["", ""]')
    world.use(replace(LET_OUT, files=replace(FILES, opportunity_version=Version.V1)))
    world.deal()
    until_stored(world)
    world.use(LET_OUT)
    world.turn()
    world.turn()
    [name] = world.files()
    assert root(world, name)["version"] == "2.0"


def test_without_partner_id_a_kept_file_waits_too(world: Files) -> None:
    """SET-14: blank means that nothing is uploaded."""
    world.deal()
    until_stored(world)
    world.use(replace(LET_OUT, files=replace(FILES, partner_id="")))
    world.turn()
    world.turn()
    assert world.files() == []


def test_a_file_that_may_be_at_aws_is_repeated_as_it_was_whatever_the_settings_say(world: Files) -> None:
    """FAQ-10: two files with one change would be worse than an old label."""
    world.deal()
    submit = world.exchange.submit

    def lost(*given: Any) -> None:
        submit(*given)
        raise Retriable("no answer", outcome_unknown=True)

    world.exchange.submit = lost  # type: ignore[method-assign]
    world.turn()
    world.exchange.submit = submit  # type: ignore[method-assign]
    world.use(replace(LET_OUT, files=replace(FILES, partner_id="2222222")))
    world.turn()
    assert len(world.files()) == 1 and root(world, world.files()[0])["spmsId"] == FILES.partner_id


def test_every_record_that_waits_for_a_bucket_says_so(world: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """Promise 4, also of more records than are packed at a time."""
    monkeypatch.setattr("connector.sync.exchange.uploads.AT_ONCE", 2)
    ids = [world.deal(Customer_Company_Name__c=f"Example {number}") for number in range(7)]
    world.exchange.trouble = AuthFailed("denied")
    world.turn()
    assert [len(open_codes(world, one)) for one in ids] == [1] * 7


def test_a_deal_deleted_in_flight_and_restored_goes_on_as_the_same(world: Files) -> None:
    """Taken out of the recycle bin, it gets the identifier of what AWS made of it, and nothing is created twice."""
    record_id = world.deal()
    world.turn()
    row = dict(world.salesforce.row(record_id) or {})
    world.salesforce.user_deletes(record_id)
    world.turn()
    world.take()
    world.salesforce.tables[OPPORTUNITY][record_id] = row
    world.salesforce.user_edits(record_id, {NEXT_STEP: "Back again"})
    world.turn()
    world.take()
    world.turn()
    assert len(world.exchange.records) == 1
    assert (world.salesforce.row(record_id) or {})[APN_ID] == "O7000000"


def test_a_flag_taken_away_and_set_again_in_flight_loses_no_edit(world: Files) -> None:
    """Promise 1: what was edited while the flag was away goes out when it is back."""
    record_id, apn_id = world.shared(**{NEXT_STEP: "Call"})
    world.salesforce.user_edits(record_id, {NEXT_STEP: "Meet"})
    world.turn()
    world.salesforce.user_edits(record_id, {FLAG: False, NEXT_STEP: "Sign"})
    world.turn()
    world.take()
    assert world.exchange.records[apn_id]["nextStep"] == "Meet"
    world.salesforce.user_edits(record_id, {FLAG: True})
    world.turn()
    world.take()
    assert world.exchange.records[apn_id]["nextStep"] == "Sign"


def test_a_forgotten_record_in_flight_settles(world: Files) -> None:
    """Its result comes to a record of which nothing is known: nothing is told as an edit that AWS refuses."""
    record_id, _ = world.shared(**{NEXT_STEP: "Call"})
    world.salesforce.user_edits(record_id, {NEXT_STEP: "Meet"})
    world.turn()
    world.state.forget(record_id)
    world.take()
    world.turn()
    world.take()
    world.turn()
    assert len(world.exchange.records) == 1
    assert open_codes(world, record_id) == []


@pytest.mark.parametrize("spell", [str.lower, str.upper, lambda text: text[:15]])
def test_an_answer_may_spell_the_identifier_otherwise(world: Files, spell: Any) -> None:
    """An id of 18 characters is the same in any case; one of 15 is its beginning."""
    record_id = world.deal()
    world.turn()
    [name] = world.files()
    world.exchange.aws_takes(answer=False)
    world.exchange.aws_answers(name, [
        {"partnerCrmUniqueIdentifier": spell(record_id), "isSuccess": True, "apnCrmUniqueIdentifier": "O7000000"}
    ])  # fmt: skip
    world.turn()
    assert world.state.links.require(record_id).apn_id == "O7000000"


def test_a_late_refusal_of_a_file_given_up_leaves_the_later_file_its_say(world: Files) -> None:
    """What AWS refused in the first file it took in the second: nothing stays open."""
    record_id, apn_id = world.shared(**{NEXT_STEP: "Call"})
    world.salesforce.user_edits(record_id, {NEXT_STEP: "Meet"})
    world.turn()
    first = world.files()[-1]
    world.exchange.aws_takes(answer=False)
    release(world.engine, first)
    world.turn()
    world.exchange.aws_answers(first, [
        {"partnerCrmUniqueIdentifier": record_id, "isSuccess": False, "errors": ["x"], "apnCrmUniqueIdentifier": apn_id}
    ])  # fmt: skip
    world.turn()
    world.take()
    world.turn()
    assert world.exchange.records[apn_id]["nextStep"] == "Meet"
    assert open_codes(world, record_id) == []


@pytest.mark.parametrize("how", ["settings", "refused", "channel"])
def test_an_edit_behind_a_file_that_is_not_sent_after_all_goes_out(world: Files, how: str) -> None:
    """Promise 1: its turn waited for the file's result, which never comes."""
    record_id, apn_id = world.shared(**{NEXT_STEP: "Call"})
    world.salesforce.user_edits(record_id, {NEXT_STEP: "Meet"})
    world.exchange.trouble = AuthFailed("denied")
    world.turn()
    world.salesforce.user_edits(record_id, {NEXT_STEP: "Sign"})
    world.turn()
    if how == "refused":
        world.exchange.trouble = RecordRejected((Problem("FILE_TOO_LARGE", "", "x", "Too large.", "Fewer."),))
        world.turn()
    world.exchange.trouble = None
    if how == "settings":
        world.use(replace(LET_OUT, files=replace(FILES, partner_id="2222222")))
    if how == "channel":
        world.use(replace(LET_OUT, files=replace(FILES, opportunities_over_files=False)))
        world.turn()
        assert world.state.queue.list("held") == []
        return
    world.turn()
    world.turn()
    world.take()
    world.turn()
    assert world.exchange.records[apn_id]["nextStep"] == "Sign"


def test_very_many_files_leave_others_their_turn(world: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """Promise 8: neither sending nor taking answers goes on without end in one turn; all of them come all the same."""
    for module in ("uploads", "results"):
        monkeypatch.setattr(f"connector.sync.exchange.{module}.AT_A_TURN", 2)
    world.use(replace(LET_OUT, files=replace(FILES, batch_size=1)))
    ids = [world.deal(Customer_Company_Name__c=f"Example {number}") for number in range(5)]
    world.clock.advance(timedelta(minutes=20))
    for job in ("poll", "due-sweep"):
        world.schedule(job)
    most, kinds = 0, []
    while (before := len(world.files()), item := world.executor.run_one())[1] is not None:
        kinds.append(item.kind)
        most = max(most, len(world.files()) - before)
    assert len(world.files()) == 5 and most <= 2
    world.exchange.aws_takes()
    world.schedule("exchange-results")
    answered = [0]
    while world.executor.run_one() is not None:
        answered.append(sum(world.state.links.require(one).apn_id is not None for one in ids))
    assert answered[-1] == 5 and max(after - before for before, after in itertools.pairwise(answered)) <= 2


@pytest.mark.parametrize("succeeded", [True, False])
def test_a_late_answer_behind_a_later_success_opens_nothing(world: Files, succeeded: bool) -> None:
    """What the first file brought is settled by the second: AWS has all of it."""
    record_id, apn_id = world.shared(**{NEXT_STEP: "Call"})
    world.salesforce.user_edits(record_id, {NEXT_STEP: "Meet"})
    world.turn()
    first = world.files()[-1]
    world.exchange.aws_takes(answer=False)
    world.salesforce._remove(world.log(first)["Id"])
    find_released(world.engine)
    world.turn()
    world.take()
    world.turn()
    assert world.exchange.records[apn_id]["nextStep"] == "Meet" and open_codes(world, record_id) == []
    told = {"partnerCrmUniqueIdentifier": record_id, "apnCrmUniqueIdentifier": apn_id}
    errors = None if succeeded else ["No new update identified"]
    world.exchange.aws_answers(first, [told | {"isSuccess": succeeded, "errors": errors}])
    world.schedule("exchange-results")
    world.turn()
    world.turn()
    assert open_codes(world, record_id) == []
    assert world.exchange.results == []


def test_a_refusal_of_a_record_deleted_in_flight_leaves_nothing_open_but_its_end(world: Files) -> None:
    """Nobody can correct it any more: the file's log counts the error, and its detail is closed (OUT-16)."""
    record_id, _ = world.shared(**{NEXT_STEP: "Call"})
    world.salesforce.user_edits(record_id, {NEXT_STEP: "Meet"})
    world.turn()
    world.salesforce.user_deletes(record_id)
    world.turn()
    before = open_codes(world, record_id)
    world.exchange.refuses = lambda _: ["User not found for Opportunity Owner email:xyz.abc@test.com"]
    world.take()
    world.turn()
    assert len(before) == 1 and open_codes(world, record_id) == before
    assert world.log(world.files()[-1])[Log.ERROR_COUNT] == 1
    assert world.state.links.require(record_id).status == "tombstone"
