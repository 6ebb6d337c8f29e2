"""An edit of a related record alone: found by a window of its own, sent once, asked for no more often than needed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from engine.fields import FLAG, OPPORTUNITY
from engine.salesforce import INTEGRATION
from engine.world import MAPPING
from related_world import ACCOUNT, DESCRIBES, GROUP, MAIL, STEP, USER, RelatedWorld, described, reference

from connector.errors import MappingError, Retriable
from connector.mapping.model import Fallback, FieldMapping
from connector.mapping.paths import Lookup, lookups_on
from connector.sync import related_changes
from connector.sync.observe import OVERLAP, require_settled
from connector.sync.related_changes import CURSOR, TROUBLE, changed_parents, watched_objects

pytestmark = pytest.mark.usefixtures("quiet_log")

ROUTINE = "SystemModstamp", "LastModifiedDate", "LastModifiedById"


@pytest.fixture
def deal(world: RelatedWorld, account: str) -> str:
    record_id = world.shared(account)
    world.salesforce.asked.clear()
    return record_id


def parents(world: RelatedWorld) -> list[dict[str, bool]]:
    return list(changed_parents(world.engine, world.salesforce.server_time(), overlap=OVERLAP))


# -- what is watched


def test_every_lookup_on_the_way_is_watched_on_every_object_that_it_may_lead_to() -> None:
    """An account's other owner changes the owner's e-mail as much as the owner does (MAP-10)."""
    org = {
        "Deal__c": described(
            "Deal__c", reference("OwnerId", "Owner", GROUP, USER), reference("Site__c", "Site__r", ACCOUNT)
        ),
        ACCOUNT: described(ACCOUNT, "Plan__c", reference("OwnerId", "Owner", USER)),
        USER: described(USER, "Email", "Title"),
        GROUP: described(GROUP, "Email"),
    }
    assert lookups_on("Owner.Email", "Deal__c", org.get) == (Lookup("OwnerId", (GROUP, USER)),)
    assert lookups_on("owner.title", "Deal__c", org.get) == (Lookup("OwnerId", (USER,)),)
    two = (Lookup("Site__c", (ACCOUNT,)), Lookup("Site__r.OwnerId", (USER,)))
    assert lookups_on("site__r.owner.email", "Deal__c", org.get) == two
    assert lookups_on("Name", "Deal__c", org.get) == ()
    assert lookups_on("Gone__r.Name", "Deal__c", org.get) == ()


def test_only_what_goes_to_aws_is_watched(world: RelatedWorld) -> None:
    assert watched_objects(world.engine) == {ACCOUNT: ("Account__c",), USER: ("Account__r.OwnerId",)}
    mapping = world.engine.mapping
    fields = [replace(one, path=f"Account__r.{one.path}") for one in mapping.fields if one.ace_field == "status"]
    world.engine.mapping = replace(mapping, fields=tuple(fields))
    assert fields and watched_objects(world.engine) == {}, "AWS's own fields are never sent"


def test_a_mapping_without_related_fields_asks_nothing_more(world: RelatedWorld) -> None:
    world.engine.mapping = MAPPING
    assert parents(world) == []
    assert world.salesforce.asked == []
    assert [name for name in world.state.cursors.all() if name.startswith(CURSOR)] == []


# -- cursors


def test_the_first_look_only_remembers_where_the_next_one_begins(world: RelatedWorld, account: str) -> None:
    world.clock.advance(timedelta(minutes=1))
    assert parents(world) == []
    assert world.salesforce.asked == []
    now = world.salesforce.server_time().isoformat()
    assert {name: at for name, at in world.state.cursors.all().items() if name.startswith(CURSOR)} == {
        f"{CURSOR}{ACCOUNT}": now,
        f"{CURSOR}{USER}": now,
    }


def test_a_quiet_cycle_costs_one_call_per_related_object(world: RelatedWorld, deal: str) -> None:
    world.turn()
    world.salesforce.asked.clear()
    world.poll()
    assert world.salesforce.asked == [f"window {OPPORTUNITY}", f"window {ACCOUNT}", f"window {USER}"]


def test_an_object_that_is_no_longer_mapped_begins_anew(world: RelatedWorld, deal: str) -> None:
    mapping = world.engine.mapping
    world.engine.mapping = replace(mapping, fields=tuple(one for one in mapping.fields if one.path != MAIL))
    world.poll()
    assert world.state.cursors.get(CURSOR + ACCOUNT) and not world.state.cursors.get(CURSOR + USER)


def test_a_look_that_was_cut_off_is_repeated(world: RelatedWorld, account: str, deal: str) -> None:
    """The cursor moves only after everything that the window listed was looked at."""
    before = world.state.cursors.get(CURSOR + ACCOUNT)
    world.salesforce.saves(ACCOUNT, account, Plan__c="Sign")
    world.clock.advance(timedelta(seconds=30))
    walk = changed_parents(world.engine, world.salesforce.server_time(), overlap=OVERLAP)
    assert next(walk) == {deal: True}
    walk.close()
    assert world.state.cursors.get(CURSOR + ACCOUNT) == before
    assert parents(world) == [{deal: True}]


def test_related_records_are_followed_in_chunks(
    world: RelatedWorld, owner: str, account: str, deal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(related_changes, "IDS_PER_QUERY", 2)
    for number in range(4):
        world.salesforce.user_adds(ACCOUNT, Plan__c=f"Step {number}", OwnerId=owner)
    world.salesforce.saves(ACCOUNT, account, Plan__c="Sign")
    world.salesforce.asked.clear()
    world.clock.advance(timedelta(seconds=30))
    assert parents(world) == [{deal: True}]
    # Pages of two, five accounts: three questions after their flagged records.
    assert world.salesforce.asked == [f"window {ACCOUNT}", *["parents by Account__c"] * 3, f"window {USER}"]


# -- what is sent


@pytest.mark.parametrize("object_name", [ACCOUNT, USER])
def test_an_edit_of_a_related_record_alone_reaches_aws_with_the_next_look(
    world: RelatedWorld, owner: str, account: str, deal: str, object_name: str
) -> None:
    assert world.at_aws(deal) == ("Call them", "kim@partner.example")
    before = world.salesforce.row(deal)
    if object_name == ACCOUNT:
        world.salesforce.saves(ACCOUNT, account, Plan__c="Sign")
    else:
        world.salesforce.saves(USER, owner, Email="lee@partner.example")
    assert world.salesforce.row(deal) == before, "the record itself did not move"
    world.poll()
    wanted = ("Sign", "kim@partner.example") if object_name == ACCOUNT else ("Call them", "lee@partner.example")
    assert world.at_aws(deal) == wanted


def test_another_owner_of_the_account_is_an_edit_as_well(world: RelatedWorld, account: str, deal: str) -> None:
    world.clock.advance(timedelta(days=1))
    other = world.salesforce.user_adds(USER, Email="lee@partner.example")
    world.turn()
    world.salesforce.saves(ACCOUNT, account, OwnerId=other)
    world.poll()
    assert world.at_aws(deal) == ("Call them", "lee@partner.example")


def test_a_related_record_that_moved_without_a_mapped_value_sends_and_reads_nothing(
    world: RelatedWorld, owner: str, account: str, deal: str
) -> None:
    """A user's row moves at each login, an account's at each roll-up."""
    world.turn()
    writes = world.writes()
    world.salesforce.saves(USER, owner, Title="Seller")
    world.salesforce.saves(ACCOUNT, account, Rating="Hot")
    world.salesforce.asked.clear()
    world.poll()
    assert world.writes() == writes
    assert not any(one.startswith("rows") for one in world.salesforce.asked)


def test_what_a_fallback_formula_reads_of_a_related_record_is_followed_while_it_stands_in(
    world: RelatedWorld, account: str, deal: str
) -> None:
    """The record's own field is empty, and a formula over the account's rating speaks for it."""
    item = FieldMapping("nextStep", "Next_Step__c", False, to_aws=Fallback(formula='"Rated " & Account__r.Rating'))
    world.engine.mapping = world.engine.mapping.with_field(item)
    world.salesforce.saves(ACCOUNT, account, Rating="Cold")
    world.salesforce.user_edits(deal, {"Next_Step__c": None})
    world.turn()
    assert world.at_aws(deal)[0] == "Rated Cold"
    world.poll()
    world.salesforce.saves(ACCOUNT, account, Rating="Hot")
    world.poll()
    assert world.at_aws(deal)[0] == "Rated Hot"
    world.salesforce.user_edits(deal, {"Next_Step__c": "Sign"})
    world.poll()
    world.poll()
    world.salesforce.saves(ACCOUNT, account, Rating="Warm")
    world.salesforce.asked.clear()
    world.poll()
    assert world.at_aws(deal)[0] == "Sign"
    assert not any(one.startswith("rows") for one in world.salesforce.asked), "what does not stand in is not looked at"


def test_it_is_sent_once(world: RelatedWorld, account: str, deal: str) -> None:
    world.salesforce.saves(ACCOUNT, account, Plan__c="Sign")
    world.poll()
    writes = world.partner_central.writes
    for _ in range(4):
        world.poll(40)
    world.turn()
    assert world.partner_central.writes == writes


def test_a_record_that_is_not_shared_is_left_alone(world: RelatedWorld, account: str, deal: str) -> None:
    world.salesforce.user_edits(deal, {FLAG: False})
    world.salesforce.saves(ACCOUNT, account, Plan__c="Sign")
    world.poll()
    world.turn()
    assert world.at_aws(deal)[0] == "Call them"


def test_two_edits_of_one_second_are_both_seen(world: RelatedWorld, account: str, deal: str) -> None:
    """The second one was committed after our look, with the stamp of the first: the next window meets it again."""
    world.salesforce.saves(ACCOUNT, account, Plan__c="Sign")
    stamp = {name: world.salesforce.tables[ACCOUNT][account][name] for name in ROUTINE}
    world.poll()
    assert world.at_aws(deal)[0] == "Sign"
    world.poll()  # Our own stamp on the record is seen as well: from here on only the account's window can tell.
    world.salesforce.tables[ACCOUNT][account] |= {"Plan__c": "Send the offer", **stamp}
    world.poll()
    assert world.at_aws(deal)[0] == "Send the offer"


def test_an_edit_that_another_turn_read_without_judging_it_is_not_lost(
    world: RelatedWorld, account: str, deal: str
) -> None:
    """A turn towards Salesforce reads the row anew and remembers it, before the look for changes came by."""
    world.salesforce.saves(ACCOUNT, account, Plan__c="Sign")
    world.clock.advance(timedelta(seconds=30))
    link = world.state.links.require(deal)
    link.row = world.salesforce.rows(OPPORTUNITY, [deal], world.engine.row_fields())[deal]
    require_settled(world.engine, link.row)
    world.state.links.save(link)
    world.poll(1)
    assert world.at_aws(deal)[0] == "Sign"


def test_it_waits_for_the_review_and_then_goes_out(world: RelatedWorld, account: str, deal: str) -> None:
    [apn_id] = world.partner_central.opportunities
    world.partner_central.aws_reviews(apn_id, "In review")
    world.turn()
    world.salesforce.saves(ACCOUNT, account, Plan__c="Sign")
    world.poll()
    assert world.at_aws(deal)[0] == "Call them"
    world.partner_central.aws_reviews(apn_id, "Approved")
    world.turn()
    assert world.at_aws(deal)[0] == "Sign"


def test_many_edits_by_people_are_no_round_trips(world: RelatedWorld, account: str, deal: str) -> None:
    for number in range(8):
        world.salesforce.saves(ACCOUNT, account, Plan__c=f"Step {number}")
        world.poll()
        assert world.at_aws(deal)[0] == f"Step {number}"
    assert world.codes() == set()


def test_automation_that_keeps_rewriting_the_account_is_parked_and_a_person_frees_it(
    world: RelatedWorld, account: str, deal: str
) -> None:
    for number in range(8):
        world.salesforce.saves(ACCOUNT, account, by=INTEGRATION, Plan__c=f"Step {number}")
        world.poll()
    assert world.codes() == {"PARKED_ROUND_TRIPS"}
    assert world.at_aws(deal)[0] == "Step 2", "three turns that nobody's edit caused"
    world.salesforce.saves(ACCOUNT, account, Plan__c="Sign")
    world.poll()
    world.poll()
    assert world.at_aws(deal)[0] == "Sign"
    assert world.codes() == set()


def test_changes_hours_apart_are_no_round_trips(world: RelatedWorld, account: str, deal: str) -> None:
    """What AWS says of one opportunity reaches another by the account that both have, however often."""
    for number in range(8):
        world.clock.advance(timedelta(hours=2))
        world.salesforce.saves(ACCOUNT, account, by=INTEGRATION, Plan__c=f"Step {number}")
        world.poll()
        assert world.at_aws(deal)[0] == f"Step {number}"
    assert world.codes() == set()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_records_of_one_account_with_other_values_at_aws_come_to_rest(
    world: RelatedWorld, account: str, order: tuple[int, int]
) -> None:
    """Each brings its own value to the account; the account has one in the end, and AWS the same for both."""
    world.engine.mapping = world.engine.mapping.with_field(FieldMapping("nextStep", STEP, True))
    both = (world.shared(account), world.shared(account))
    for place, text in zip(order, ("Theirs", "Also theirs"), strict=True):
        world.edits_at_aws(both[place], text)
    for _ in range(6):
        world.poll()
        world.turn()
    there = {world.at_aws(one)[0] for one in both} | {world.salesforce.tables[ACCOUNT][account]["Plan__c"]}
    assert len(there) == 1 and there <= {"Theirs", "Also theirs"}
    writes = world.writes()
    for _ in range(5):
        world.poll()
        world.turn()
    assert world.writes() == writes, "nothing moves any more"
    assert world.codes() == set()


def test_what_aws_says_of_one_record_reaches_the_other_and_a_persons_word_both(
    world: RelatedWorld, account: str
) -> None:
    world.engine.mapping = world.engine.mapping.with_field(FieldMapping("nextStep", STEP, True))
    first, second = world.shared(account), world.shared(account)
    world.edits_at_aws(first, "Theirs")
    for _ in range(3):
        world.turn()
    assert world.salesforce.tables[ACCOUNT][account]["Plan__c"] == "Theirs"
    assert (world.at_aws(first)[0], world.at_aws(second)[0]) == ("Theirs", "Theirs")
    world.salesforce.saves(ACCOUNT, account, Plan__c="Sign")
    world.poll()
    assert (world.at_aws(first)[0], world.at_aws(second)[0]) == ("Sign", "Sign")
    assert world.codes() == set()


def test_our_own_write_of_a_related_record_is_no_change(world: RelatedWorld, account: str, deal: str) -> None:
    link = world.state.links.require(deal)
    link.written = {STEP: "From AWS"}
    world.state.links.save(link)
    writes = world.partner_central.writes
    world.salesforce.saves(ACCOUNT, account, by=INTEGRATION, Plan__c="From AWS")
    world.poll()
    world.turn()
    assert world.partner_central.writes == writes
    assert world.state.links.require(deal).seen[STEP] == "From AWS"


# -- what cannot be asked


def unqueryable(world: RelatedWorld, how: str) -> None:
    known = world.salesforce.describes[USER]
    if how == "no stamp":
        fields = {key: one for key, one in known.fields.items() if key != "systemmodstamp"}
        world.salesforce.describes[USER] = replace(known, fields=fields)
    elif how == "not queryable":
        world.salesforce.describes[USER] = replace(known, queryable=False)
    else:
        fault = MappingError("INVALID_TYPE: User.") if how == "refused" else Retriable("Salesforce did not answer.")
        world.salesforce.faults[USER] = fault


@pytest.mark.parametrize("how", ["no stamp", "not queryable", "refused", "too slow"])
def test_an_object_that_cannot_be_asked_is_told_and_holds_up_nothing(
    world: RelatedWorld, owner: str, account: str, deal: str, how: str
) -> None:
    cursor = world.state.cursors.get(CURSOR + USER)
    unqueryable(world, how)
    world.salesforce.saves(USER, owner, Email="lee@partner.example")
    world.salesforce.saves(ACCOUNT, account, Plan__c="Sign")
    world.poll()
    assert world.at_aws(deal)[0] == "Sign"
    told = world.engine.troubles[TROUBLE + USER]
    assert "User" in told and "all flagged records" in told
    assert world.state.cursors.get(CURSOR + USER) == cursor, "what was missed is asked for once it can be"
    world.salesforce.describes[USER] = DESCRIBES[USER]
    world.salesforce.faults.clear()
    world.poll()
    assert TROUBLE + USER not in world.engine.troubles


def test_the_look_over_all_flagged_records_finds_what_no_window_could(
    world: RelatedWorld, owner: str, deal: str
) -> None:
    unqueryable(world, "refused")
    world.salesforce.saves(USER, owner, Email="lee@partner.example")
    world.turn()
    assert world.at_aws(deal)[1] == "lee@partner.example"
