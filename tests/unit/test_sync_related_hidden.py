"""A related record that is taken out of our sight: nothing is cleared at AWS, sent by guess, or lost."""

from __future__ import annotations

from typing import Any

import pytest
from engine.fields import FLAG, sound_values
from related_world import ACCOUNT, STEP, USER, RelatedSalesforce, RelatedWorld

from connector.mapping.outbound import snapshot
from connector.names import SYNC_LOG_DETAIL, Detail
from connector.sync.edits import changed_paths, user_edits

pytestmark = pytest.mark.usefixtures("quiet_log")

HIDDEN = "RELATED_NOT_VISIBLE"


@pytest.fixture
def deal(world: RelatedWorld, account: str) -> str:
    return world.shared(account)


@pytest.fixture
def hide(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Takes an object's rows out of the integration user's sight: what leads to them reads as empty, as in SOQL."""

    def hiding(object_name: str) -> None:
        follow = RelatedSalesforce._follow

        def blind(self: RelatedSalesforce, row: dict[str, Any], path: str) -> Any:
            kept, self.tables[object_name] = self.tables[object_name], {}
            try:
                return follow(self, row, path)
            finally:
                self.tables[object_name] = kept

        monkeypatch.setattr(RelatedSalesforce, "_follow", blind)

    return hiding


@pytest.mark.parametrize("hidden", [ACCOUNT, USER])
def test_what_becomes_hidden_is_not_cleared_at_aws(world: RelatedWorld, deal: str, hide: Any, hidden: str) -> None:
    """Promise 5, one and two relationships away: a person edits something else, which waits with a reason."""
    before = world.at_aws(deal)
    hide(hidden)
    world.salesforce.user_edits(deal, {"Use_Case__c": "Blockchain"})
    for _ in range(3):
        world.turn()
    assert world.at_aws(deal) == before == ("Call them", "kim@partner.example")
    assert world.codes() == {HIDDEN}


def test_the_reason_names_field_lookup_and_remedy(world: RelatedWorld, deal: str, hide: Any) -> None:
    """Promise 4."""
    hide(USER)
    world.salesforce.user_edits(deal, {"Use_Case__c": "Blockchain"})
    world.turn()
    [problem] = world.state.problems.open_for(deal)
    [told] = [one for one in world.salesforce.all(SYNC_LOG_DETAIL) if one[Detail.KEY] == problem.detail_key]
    assert (problem.code, problem.field) == (HIDDEN, "additionalComments")
    for words in ("Account__r.Owner.Email", "Account__r.OwnerId", "Give the integration user"):
        assert words in told[Detail.ERROR_MESSAGE]


def test_losing_sight_is_no_edit(world: RelatedWorld, deal: str, hide: Any) -> None:
    """Nobody changed anything: nothing becomes due, however the row is looked at."""
    hide(ACCOUNT)
    writes = world.partner_central.writes
    for _ in range(3):
        world.turn()
    link = world.state.links.require(deal)
    row = world.salesforce.rows(world.engine.mapping.object_name, [deal], world.engine.row_fields())[deal]
    snap = snapshot(world.engine.mapping, row)
    assert STEP not in snap and row["Account__c"]
    assert changed_paths(link, snap) == () and user_edits(world.engine, link, row) == set()
    assert (world.partner_central.writes, world.codes()) == (writes, set())


def test_once_visible_again_everything_that_waited_goes_out(
    world: RelatedWorld, account: str, deal: str, monkeypatch: pytest.MonkeyPatch, hide: Any
) -> None:
    """Promise 1: what was edited meanwhile, on the record and on the hidden one."""
    hide(ACCOUNT)
    world.salesforce.user_edits(deal, {"Use_Case__c": "Blockchain"})
    world.salesforce.saves(ACCOUNT, account, Plan__c="Sign")
    for _ in range(2):
        world.turn()
    monkeypatch.undo()
    for _ in range(3):
        world.turn()
    assert world.at_aws(deal) == ("Sign", "kim@partner.example")
    [answer] = world.partner_central.opportunities.values()
    assert answer["Project"]["CustomerUseCase"] == "Blockchain"
    assert world.codes() == set()


def test_an_empty_lookup_is_an_edit_as_ever(world: RelatedWorld, deal: str) -> None:
    """A person takes the account away: what was read from it is cleared."""
    world.salesforce.user_edits(deal, {"Account__c": None})
    for _ in range(2):
        world.turn()
    assert world.at_aws(deal) == (None, None)


def test_a_record_whose_account_is_hidden_is_not_shared_in_part(world: RelatedWorld, account: str, hide: Any) -> None:
    hide(ACCOUNT)
    world.salesforce.user_creates({**sound_values(), FLAG: True, "Name": "A deal", "Account__c": account})
    world.turn()
    assert world.partner_central.opportunities == {} and world.codes() == {HIDDEN}


def test_after_the_state_was_lost_the_hidden_account_clears_nothing(
    world: RelatedWorld, account: str, deal: str, monkeypatch: pytest.MonkeyPatch, hide: Any
) -> None:
    before = world.at_aws(deal)
    hide(ACCOUNT)
    world.empty_state()
    for _ in range(3):
        world.turn()
    assert world.at_aws(deal) == before
    monkeypatch.undo()
    for _ in range(2):
        world.turn()
    world.salesforce.saves(ACCOUNT, account, Plan__c="Sign")
    for _ in range(3):
        world.turn()
    assert world.at_aws(deal) == ("Sign", before[1])


def test_every_lookup_on_the_way_is_read_with_the_row(world: RelatedWorld) -> None:
    """Without it, hidden and empty look alike."""
    assert {"Account__c", "Account__r.OwnerId"} <= set(world.engine.row_fields())
