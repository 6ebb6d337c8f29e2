"""What people may ask for where records travel as files of the ACE bucket: leads, and opportunities by the admin's
choice.

AWS can be asked nothing there: it takes files and writes files. What a seller decides goes out by the record's own
fields, so that of all actions only *Share with AWS* and *Send to AWS* do anything; every other one is answered with the
field that does it, or with when AWS's next word comes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC

from connector.errors import ConfigError
from connector.names import ACE_LEAD, ActionRequest
from connector.sync.asking import Request
from connector.sync.engine import Engine
from connector.sync.schedule_memory import in_force_for, scheduled_object

NO_LEADS = (
    "No lead mapping is published, so that leads are not exchanged with AWS. An admin publishes one with "
    "`connector mapping publish --type lead`; `connector mapping automap --type lead` maps the packaged object."
)
_DECISION = {"lead": "currentLeadStage", "opportunity": "partnerAcceptanceStatus"}
_OWNER = {"lead": "leadOwnerEmail", "opportunity": "opportunityOwnerEmail"}


def refused_request(engine: Engine, request: Request) -> str:
    """Return why the request cannot be carried out for its record, because of how the record travels; empty where it
    can.
    """
    if engine.record_type != "lead" and _is_lead(engine, request):
        return NO_LEADS
    return refused_action(engine, request.action)


def refused_action(engine: Engine, action: str) -> str:
    """Return why the action does nothing for the engine's records, and what does it instead; empty where it does."""
    told = _BY_ACTION.get(action)
    return told(engine) if told is not None and engine.channel == "files" else ""


def next_word(engine: Engine) -> str:
    """Return when AWS's next files are fetched, in words."""
    in_force = in_force_for(engine)
    if in_force is None:
        return (
            f"No schedule for {scheduled_object(engine)} is active, so that they are fetched by "
            f"`connector sync inbound --object {engine.record_type}` only."
        )
    if not in_force.inbound:
        return f"The schedule {in_force.name} disables inbound integration: nothing is fetched."
    moment = max(in_force.next, engine.now()).astimezone(UTC)
    return f"The schedule {in_force.name} fetches them next at {moment:%Y-%m-%d %H:%M} UTC."


def _is_lead(engine: Engine, request: Request) -> bool:
    """Whether the request is about a lead although no lead mapping says which object leads are."""
    if engine.leads is not None or engine.owns(request.record_id):
        return False
    if request.row.get(ActionRequest.ACE_LEAD) or request.row.get(ActionRequest.LEAD):
        return True
    return bool(request.record_id) and any(_begins(engine, request.record_id, name) for name in (ACE_LEAD, "Lead"))


def _begins(engine: Engine, record_id: str, object_name: str) -> bool:
    try:
        prefix = engine.salesforce.describe(object_name).key_prefix
    except ConfigError:
        return False
    return bool(prefix) and record_id.startswith(prefix)


def _refresh(engine: Engine) -> str:
    what = "leads" if engine.record_type == "lead" else "opportunities"
    return (
        f"A record cannot be refreshed over S3: AWS writes {what} that changed to the bucket about once an hour, and "
        f"cannot be asked for one. {next_word(engine)}"
    )


def _decide(engine: Engine) -> str:
    return (
        f"Over S3 a referral is answered by a field of the record. {_by_field(engine, _DECISION[engine.record_type])} "
        "to Accepted or Rejected, and save; it goes to AWS with the next run of the schedule, or at once by Send to "
        "AWS."
    )


def _assign(engine: Engine) -> str:
    return f"Over S3 the owner goes to AWS with the record. {_by_field(engine, _OWNER[engine.record_type])}, and save."


def _associate(engine: Engine) -> str:
    if engine.record_type == "lead":
        return "Leads have no solutions, products or offers at AWS."
    return (
        "Over S3 solutions, products and offers go to AWS with the record. "
        f"{_by_field(engine, 'solutionOffered')} or the fields for products and offers, and save."
    )


def _by_field(engine: Engine, name: str) -> str:
    """Return the imperative of setting the field that holds the AWS field, without what to set it to."""
    mapped, known = engine.mapping.field(name), engine.catalogue.get(name)
    label = known.label if known else name
    if mapped is None:
        return f"Have an admin map {name} ({label}), and set its field"
    described = None if mapped.related else engine.describe().field(mapped.path)
    return f"Set {described.label if described else label} ({mapped.path})"


_BY_ACTION: Mapping[str, Callable[[Engine], str]] = {
    "Refresh": _refresh,
    "Approval Status": _decide,
    "Accept": _decide,
    "Reject": _decide,
    "Assign": _assign,
    "Associate": _associate,
    "Disassociate": _associate,
    "Link Private Offer": _associate,
}
