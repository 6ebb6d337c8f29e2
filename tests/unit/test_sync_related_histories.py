"""Two deals that share an account, under whatever people, networks and power cuts do: both sides end with one word."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from engine.interruptions import FAULTS
from engine.related import RelatedWorld, shared
from engine.turns import open_codes, turn
from engine.world import JOBS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.sync import queueing

pytestmark = pytest.mark.usefixtures("quiet_log")


CITIES = st.sampled_from(["Bremen", "Hamburg", "Kiel"])
EVENT = st.one_of(
    st.tuples(st.just("person"), CITIES),
    st.tuples(st.just("aws"), CITIES, st.integers(0, 1)),
    st.tuples(st.just("job"), st.sampled_from(JOBS)),
    st.tuples(st.just("job"), st.sampled_from([queueing.MODIFIED_SWEEP, queueing.FLUSH, queueing.POLL])),
    st.tuples(st.just("fault"), st.sampled_from(FAULTS), st.integers(1, 30)),
    st.tuples(st.just("lose")),
    st.tuples(st.just("rest")),
)


class History:
    """Two deals of one account, and all that was said of the account's city since both sides last came to rest."""

    def __init__(self, directory: Path) -> None:
        self.world = RelatedWorld(directory)
        self.account = self.world.salesforce.user_adds_account(BillingCity="Berlin")
        self.deals = [shared(self.world, self.account) for _ in range(2)]
        self.said = {"Berlin"}
        self.resting = True

    def happen(self, what: str, *more: Any) -> None:
        self.world.clock.advance(timedelta(seconds=7))
        match what:
            case "person":
                self.say(more[0])
                self.world.salesforce.user_edits_account(self.account, BillingCity=more[0])
            case "aws":
                self.say(more[0])
                self.world.at_aws(self.deals[more[1]][1], city=more[0])
            case "job":
                self.world.alive(lambda: (self.world.schedule(more[0]), self.world.execute(50)))
            case "fault":
                self.world.interruptions.arm(*more)
            case "lose":
                self.resting = False
                self.world.empty_state()
            case "rest":
                self.rest()

    def say(self, city: str) -> None:
        self.said = {city} if self.resting else {*self.said, city}
        self.resting = False

    def rest(self) -> None:
        """End all faults and let every job have its turns; both sides must say the same then, as somebody said."""
        self.world.interruptions.disarm()
        for _ in range(6):
            turn(self.world)
        here = self.world.salesforce.account(self.account)["BillingCity"]
        assert {here, *(self.world.city_at_aws(apn_id) for _, apn_id in self.deals)} == {here}
        assert here in self.said
        assert [open_codes(self.world, record) for record, _ in self.deals] == [[], []]
        assert self.world.state.writebacks.count() == 0
        self.said, self.resting = {here}, True


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(events=st.lists(EVENT, min_size=3, max_size=14))
def test_whatever_happens_account_and_opportunities_end_with_what_somebody_said(events: list[tuple[Any, ...]]) -> None:
    """Two deals share the account; people work on both sides, jobs come and go, calls fail, the state disappears."""
    with TemporaryDirectory() as directory:
        history = History(Path(directory))
        for event in events:
            history.happen(*event)
        history.rest()
        history.world.close()
