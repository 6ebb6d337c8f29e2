"""The canonical record as the Selling API's structures, and back.

An update replaces the whole opportunity. It is therefore the last known answer with our own fields laid over it,
never a structure built from Salesforce alone, and keeps every member and list element that is not ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import cache
from typing import Any

from connector.ace import lifecycle, paths, spend
from connector.ace.catalogue import AceField, opportunity_fields
from connector.ace.formats import shown
from connector.ace.lifecycle import CO_SELL, NO_SUPPORT, VISIBILITY_ONLY
from connector.ace.paths import Json
from connector.ace.record import AceRecord, Value
from connector.ace.text import UnreadableValueError, from_api, outgoing, same, to_api, unescaped
from connector.errors import Problem

UPDATE_MEMBERS = (
    "PrimaryNeedsFromAws",
    "NationalSecurity",
    "PartnerOpportunityIdentifier",
    "Customer",
    "Project",
    "OpportunityType",
    "Marketing",
    "SoftwareRevenue",
    "LifeCycle",
)
"""What UpdateOpportunity takes besides the identifier, the catalog and the lock; the SDK refuses anything else."""

SOLUTION_TYPES = ("Solutions", "AwsMarketplaceSolutions", "AwsMarketplaceProducts")
"""Entity types of which an opportunity needs at least one before it is submitted."""
_READ_ONLY = ("NextStepsHistory", "ReviewComments", "ReviewStatusReason")
"""Members of LifeCycle that only AWS writes and that stay where they are left out."""
_DESCRIPTION = "otherSolutionOffered"
_DURATION = "project.expectedContractDuration.value"
_CONTRACT_VALUE = "project.expectedCustomerSpend.self.amount"
_REVENUE = "expectedMonthlyAwsRevenue"
_ESTIMATE = "project.expectedCustomerSpend.estimationUrl"
_CURRENCY = "project.expectedCustomerSpend.currencyCode"


def to_create(record: AceRecord, *, catalog: str, client_token: str) -> Json:
    """Return the CreateOpportunity request for the record.

    Fields of AWS, associations, the owner and the involvement are no part of it: they go out by other operations. A
    description in place of a solution stays behind where a solution is to be associated, since AWS clears it then, and
    at late stages refuses it.
    """
    request: Json = {}
    idle = {_DESCRIPTION} if has_solution(record) else set()
    for name, value in outgoing(record).items():
        path = _field_path(name, "create")
        if path and value is not None and name not in idle:
            paths.put(request, path, to_api(value))
    _complete(request, record)
    body = paths.pruned(request) or {}
    return {"Catalog": catalog, "ClientToken": client_token, **body}


def to_update(record: AceRecord, base: Mapping[str, Any], *, catalog: str) -> Json:
    """Return the UpdateOpportunity request that brings the opportunity to the record.

    A key of the record that is None clears the field. The marketing source goes along always, since AWS refuses an
    update without it; where there is none it is AWS's own default. A field that AWS has locked keeps AWS's value;
    :func:`locked_changes` names it. ``Project.ExpectedContractDuration`` may be None in the request: the door sends
    it as an explicit null.

    Args:
        record: what the opportunity is to be; fields that it does not have stay as they are at AWS.
        base: the last known answer of GetOpportunity.
        catalog: ``AWS`` or ``Sandbox``.
    """
    body = unescaped({name: deepcopy(base[name]) for name in UPDATE_MEMBERS if base.get(name) is not None})
    for name in _READ_ONLY:
        body.get("LifeCycle", {}).pop(name, None)
    changes = {name: after for name, (_, after) in changed_fields(record, base).items()}
    for name, value in changes.items():
        paths.put(body, opportunity_fields()[name].update_path, to_api(value))
    _let_estimate_count(body, changes)
    _complete(body, changes)
    body["Marketing"] = body.get("Marketing") or {"Source": "None"}
    cleared = _clear_contract_value(body, changes)
    body = paths.pruned(body) or {}
    if cleared:
        body.setdefault("Project", {})["ExpectedContractDuration"] = None
    return {
        "Catalog": catalog,
        "Identifier": base["Id"],
        "LastModifiedDate": base["LastModifiedDate"],
        **body,
    }


def locked_changes(record: AceRecord, base: Mapping[str, Any]) -> tuple[Problem, ...]:
    """Return one problem for each edit that AWS does not take in the opportunity's present state."""
    status, stage = _review_status(base), str((base.get("LifeCycle") or {}).get("Stage") or "")
    launched = lifecycle.phase(status, stage) is lifecycle.Phase.LAUNCHED
    when = "once the stage is Launched" if launched else f"while the review status is {status}"
    return tuple(
        Problem(
            "FIELD_LOCKED",
            field.name,
            shown(after),
            f"AWS does not take this change {when}; it keeps {shown(before)!r}.",
            "Set the field back to AWS's value, or ask AWS to change it in Partner Central.",
        )
        for field, before, after in _changes(record, base, allowed=False)
    )


def changed_fields(record: AceRecord, base: Mapping[str, Any]) -> dict[str, tuple[Value, Value]]:
    """Return the fields that :func:`to_update` changes: (value at AWS, value to be) by name."""
    return {field.name: (before, after) for field, before, after in _changes(record, base, allowed=True)}


@cache
def update_fields() -> frozenset[str]:
    """Return the names of the fields that UpdateOpportunity writes."""
    return frozenset(name for name, field in opportunity_fields().items() if field.update_path)


def from_get(answer: Mapping[str, Any]) -> dict[str, Value]:
    """Return the record of a GetOpportunity answer: every field that it can carry, None where it has no value.

    A value that is not of its field's type is left out, as if it were not known.
    """
    return _record(answer, "get")


def from_summary(answer: Mapping[str, Any]) -> dict[str, Value]:
    """Return the record of a GetAwsOpportunitySummary answer, in the way of :func:`from_get`."""
    return _record(answer, "summary")


def created_answer(request: Mapping[str, Any], response: Mapping[str, Any]) -> Json:
    """Return what GetOpportunity must say after a create, as far as that is certain."""
    body = deepcopy({name: value for name, value in request.items() if name not in ("ClientToken", "Tags", "Origin")})
    body.setdefault("LifeCycle", {})["ReviewStatus"] = "Pending Submission"
    return {**body, "RelatedEntityIdentifiers": {}, **_stamps(response)}


def merged_answer(base: Mapping[str, Any], request: Mapping[str, Any], response: Mapping[str, Any]) -> Json:
    """Return what GetOpportunity must say after the update, so that nobody needs to ask.

    AWS drops the estimate's address when the amount changes without it, keeps a contract duration that is left out, and
    reviews an opportunity anew that had been sent back. What an estimate is worth only AWS knows: see
    :func:`needs_reading`.
    """
    answer = {name: deepcopy(value) for name, value in base.items() if name not in UPDATE_MEMBERS}
    answer |= {name: deepcopy(request[name]) for name in UPDATE_MEMBERS if name in request}
    _keep_duration(answer, base, request)
    _drop_stale_estimate(answer, base)
    life_cycle = answer.setdefault("LifeCycle", {})
    kept = base.get("LifeCycle") or {}
    life_cycle |= {name: deepcopy(kept[name]) for name in _READ_ONLY if kept.get(name) is not None}
    if lifecycle.phase(_review_status(base)) is lifecycle.Phase.ACTION_REQUIRED:
        life_cycle["ReviewStatus"] = "Submitted"
    return answer | _stamps(response)


def needs_reading(base: Mapping[str, Any], request: Mapping[str, Any]) -> bool:
    """Return whether the opportunity must be read after this update.

    AWS computes the monthly amount from an estimate that is new or stands without an amount, keeps an estimate only
    where the amount agrees with it, makes an amount of its own from a total contract value, moves a national security
    opportunity to the United States, and may take back what a reviewer said once the answer is in.
    """
    if request.get("NationalSecurity") == "Yes":
        return True
    if lifecycle.phase(_review_status(base)) is lifecycle.Phase.ACTION_REQUIRED:
        return True
    fields = opportunity_fields()

    def given(name: str) -> bool:
        return paths.get(request, fields[name].update_path) is not None

    watched: tuple[str, ...] = (_REVENUE, _ESTIMATE) if given(_ESTIMATE) else ()
    if given(_CONTRACT_VALUE):
        watched = (_REVENUE, _CURRENCY, _CONTRACT_VALUE, _DURATION)
    places = (fields[name].update_path for name in watched)
    return any(paths.get(request, place) != paths.get(base, place) for place in places)


def has_solution(record: AceRecord) -> bool:
    """Return whether the record names a solution or AWS Marketplace product; a description alone is none."""
    fields = opportunity_fields().values()
    return any(record.get(field.name) for field in fields if field.associate in SOLUTION_TYPES)


def involvement(record: AceRecord) -> str:
    """Return how AWS is to be involved: ``Co-Sell``, ``For Visibility Only``, or "" when the record does not say."""
    needs = record.get("partnerPrimaryNeedFromAws")
    if lifecycle.is_co_sell(needs):
        return CO_SELL
    if isinstance(needs, tuple) and NO_SUPPORT in needs:
        return VISIBILITY_ONLY
    return str(record.get("involvementType") or "")


def visibility(record: AceRecord) -> str:
    """Return whom the opportunity is shown to at AWS: ``Limited`` or, as AWS itself takes it, ``Full``."""
    return str(record.get("visibility") or "Full")


def _changes(record: AceRecord, base: Mapping[str, Any], *, allowed: bool) -> Iterator[tuple[AceField, Value, Value]]:
    """Yield the fields that differ from AWS's value, with both values: what AWS takes now, or what it does not."""
    before = from_get(base)
    status, stage, delivery = _review_status(base), str(before.get("stage") or ""), before.get("deliveryModel")
    solved = has_solution({**before, **record})
    for name, after in outgoing(record).items():
        field = opportunity_fields().get(name)
        if field is None or not field.update_path or same(before.get(name), after):
            continue
        value = before.get(name)
        if (field.never_empty and after is None) or (solved and name == _DESCRIPTION):
            continue
        if lifecycle.change_allowed(field, status, stage, before=value, after=after, delivery=delivery) is allowed:
            yield field, value, after


def _let_estimate_count(body: Json, changes: AceRecord) -> None:
    """Leave the amount out where only the estimate changed.

    AWS computes it then; of an amount and an estimate that differ it would drop the estimate.
    """
    if changes.get(_ESTIMATE) is not None and _REVENUE not in changes:
        paths.put(body, opportunity_fields()[_REVENUE].update_path, None)


def _complete(body: Json, changes: AceRecord) -> None:
    """Add what belongs to the values set: units, fixed members, companions."""
    project = body.get("Project")
    if project:
        if currency := changes.get(_CURRENCY):
            spend.align_currency(project, str(currency))
        spend.complete_duration(project)
        spend.complete_spend(project)
    if body.get("Marketing"):
        spend.complete_marketing(body["Marketing"])


def _clear_contract_value(body: Json, changes: AceRecord) -> bool:
    """Take the contract value away where the duration or the amount is cleared; return whether it was."""
    cleared = any(name in changes and changes[name] is None for name in (_DURATION, _CONTRACT_VALUE))
    if cleared:
        spend.leave_contract_value(body.setdefault("Project", {}))
    return cleared


def _keep_duration(answer: Json, base: Mapping[str, Any], request: Mapping[str, Any]) -> None:
    project = answer.get("Project") or {}
    kept = (base.get("Project") or {}).get("ExpectedContractDuration")
    if "ExpectedContractDuration" not in (request.get("Project") or {}) and kept:
        answer.setdefault("Project", {})["ExpectedContractDuration"] = deepcopy(kept)
    elif project.get("ExpectedContractDuration", "") is None:
        del project["ExpectedContractDuration"]


def _drop_stale_estimate(answer: Json, base: Mapping[str, Any]) -> None:
    fields = opportunity_fields()
    amount = fields[_REVENUE].get_path
    address = fields[_ESTIMATE].get_path
    if paths.get(answer, amount) != paths.get(base, amount) and paths.get(answer, address) == paths.get(base, address):
        paths.put(answer, address, None)


def _record(answer: Mapping[str, Any], operation: str) -> dict[str, Value]:
    plain = unescaped(answer)
    record: dict[str, Value] = {}
    for name, field in opportunity_fields().items():
        if path := _path(field, operation):
            try:
                record[name] = from_api(field, paths.get(plain, path))
            except UnreadableValueError:
                continue
    return record


def _field_path(name: str, operation: str) -> str:
    field = opportunity_fields().get(name)
    return _path(field, operation) if field else ""


def _path(field: AceField, operation: str) -> str:
    path: str = getattr(field, f"{operation}_path")
    return path


def _review_status(base: Mapping[str, Any]) -> str:
    return str((base.get("LifeCycle") or {}).get("ReviewStatus") or "")


def _stamps(response: Mapping[str, Any]) -> Json:
    return {name: response[name] for name in ("Id", "LastModifiedDate") if name in response}
