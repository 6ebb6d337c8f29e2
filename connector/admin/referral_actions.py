"""AWS's referrals from the command line: ``connector action accept``, ``action reject``, ``referrals list``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from connector.admin.context import JsonFlag, open_state
from connector.admin.output import people, print_json
from connector.admin.records import action_app
from connector.admin.selections import Chosen, ChosenRecord, SelectionFile, act, chosen_records
from connector.errors import ConfigError
from connector.store.queue import Work
from connector.store.referrals import Referral
from connector.sync.queueing import decision_work
from connector.sync.referral_decisions import ACCEPT, REJECT, reason_problem

referrals_app = typer.Typer(no_args_is_help=True, help="The opportunities that AWS referred.")


@action_app.command("accept")
def accept_referrals(record_id: ChosenRecord = "", *, file: SelectionFile = None, as_json: JsonFlag = False) -> None:
    """Accept opportunities that AWS referred, and bring in what AWS shows only then.

    With a worker running, the worker does it, ahead of everything else.
    """
    act(chosen_records(record_id, file), lambda one: decision_work(one.record_id, ACCEPT), as_json=as_json)


@action_app.command("reject")
def reject_referrals(
    record_id: ChosenRecord = "",
    *,
    reason: Annotated[str, typer.Option("--reason", help="One of AWS's reasons, such as 'Unable to support'.")] = "",
    file: SelectionFile = None,
    as_json: JsonFlag = False,
) -> None:
    """Reject opportunities that AWS referred, with a reason. AWS shows nothing of them afterwards.

    A file may have a column reason, which goes before the option. With a worker running, the worker does it, ahead of
    everything else.
    """

    def work_of(one: Chosen) -> Work:
        given = one.details.get("reason") or reason
        problem = reason_problem(given)
        if problem is not None:
            raise ConfigError(f"{one.record_id}: {problem}")
        return decision_work(one.record_id, REJECT, reason=given)

    act(chosen_records(record_id, file), work_of, as_json=as_json)


@referrals_app.command("list")
def list_referrals(*, as_json: JsonFlag = False) -> None:
    """List the referrals that wait for an answer, or for their opportunity; the most urgent first."""
    with open_state() as state:
        found = sorted(state.referrals.open(), key=_urgency)
    if as_json:
        return print_json([_as_json(one) for one in found])
    console = people()
    for one in found:
        until = f"{one.expires:%Y-%m-%d %H:%M} UTC" if one.expires else "no end"
        console.print(f"{one.record_id or 'no record yet'}  {one.invitation_id}  {one.status}  until {until}")
    if not found:
        console.print("No referral waits for an answer.")
    return None


def _urgency(one: Referral) -> tuple[datetime, str]:
    return one.expires or datetime.max.replace(tzinfo=UTC), one.invitation_id


def _as_json(one: Referral) -> dict[str, str | None]:
    return {
        "record": one.record_id,
        "invitation": one.invitation_id,
        "status": one.status,
        "accept_by": one.expires.isoformat() if one.expires else None,
        "opportunity": one.opportunity_id,
    }
