"""AWS's rules for what partners send (developer guide and data model), so that a person hears of all problems at once.

They hold outbound only. What AWS sends is never checked against them, for AWS does not keep all of its own rules.
The customer's AWS account is asked for at stage Launched of every partner, though AWS insists on it with some only: no
API tells which. The software revenue at that stage, which only special programs need, is left to AWS. The monthly
revenue is a whole number, as AWS's data model has it, though the Selling API would take decimals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

from connector.ace import api_shape, lifecycle, requirements
from connector.ace.catalogue import AceField, Moment, opportunity_fields
from connector.ace.formats import check, check_postal_code, problem
from connector.ace.lifecycle import CO_SELL, NO_SUPPORT
from connector.ace.record import AceRecord, Value
from connector.ace.spend import EUROPEAN_PARTITION
from connector.ace.text import outgoing, same
from connector.ace.values import match_value
from connector.errors import Problem

__all__ = ["REQUIRED_BY_RULE", "Moment", "problems"]

REQUIRED_BY_RULE = frozenset({"postalCode", "solutionOffered", "salesActivities", "offers"})
"""Fields that some records must have by a rule of this file, although the catalogue does not say when."""
_YEARS_AHEAD = 60
_LONGEST_CONTRACT = 144
_COMPANIONS = (
    "isMarketingDevelopmentFunded",
    "awsSFCampaignName",
    "marketingActivityChannel",
    "marketingActivityUsecase",
)
_EXCLUSIVE = ("offers", "relatedEntityIdentifiers.awsMarketplaceOfferSets")
_NEEDS_SOLUTION = ("Committed", "Launched")
_LAUNCHED = "Launched"
_FOR_MARKETPLACE = "isThisForMarketplace"
"""AWS dropped the field, and never says what it was; an org that maps it still says what an opportunity is about."""
_MARKETPLACE_CAMPAIGN = "AWS Marketplace Campaign"


def problems(
    record: AceRecord,
    *,
    moment: Moment,
    today: date,
    before: AceRecord | None = None,
    review_status: str = "",
    has_solution: bool,
) -> tuple[Problem, ...]:
    """Return everything that AWS would refuse, in the order of the catalogue.

    Args:
        record: what the opportunity is to be. Fields that it lacks are taken from ``before``.
        moment: before which call: CREATE, SUBMIT (which is CREATE and more) or UPDATE.
        today: the current date in UTC.
        before: the opportunity as AWS has it, from :func:`connector.ace.api_shape.from_get`. At UPDATE only what the
            record makes worse counts: a record that AWS itself left incomplete stays editable.
        review_status: at AWS. Edits that AWS has locked count as not made.
        has_solution: whether a solution or an AWS Marketplace product is, or is about to be, associated.
    """
    known = before or {}
    wanted = {**known, **_takeable(outgoing(record), known, review_status)}
    found = list(_all_problems(wanted, moment, today, has_solution=has_solution))
    if moment is Moment.UPDATE and _becomes_co_sell(known, wanted):
        # Whom AWS shows the opportunity to cannot be changed any more, so that nobody could mend it.
        found += _co_sell({name: value for name, value in wanted.items() if name != "visibility"})
    if moment is not Moment.UPDATE or before is None:
        return tuple(found)
    unseen = {_FOR_MARKETPLACE: record.get(_FOR_MARKETPLACE)}
    old = set(_all_problems({**unseen, **known}, moment, today, has_solution=has_solution))
    return tuple(trouble for trouble in found if trouble not in old)


def _takeable(record: AceRecord, before: AceRecord, review_status: str) -> dict[str, Value]:
    """Return the record without the edits that AWS does not take now, and without those that are none."""
    stage, delivery = str(before.get("stage") or ""), before.get("deliveryModel")

    def takes(field: AceField, value: Value) -> bool:
        old = before.get(field.name)
        if value is None and field.never_empty and field.name in before:
            return False
        return (
            not review_status
            or same(old, value)
            or lifecycle.change_allowed(field, review_status, stage, before=old, after=value, delivery=delivery)
        )

    writable, fields = api_shape.update_fields(), opportunity_fields()
    return {name: value for name, value in record.items() if name not in writable or takes(fields[name], value)}


def _all_problems(record: AceRecord, moment: Moment, today: date, *, has_solution: bool) -> Iterator[Problem]:
    for field in _sent_fields():
        yield from check(field, record.get(field.name))
    for field, need in requirements.missing(record, moment):
        rule = f"{field.label} is required{requirements.reason(need)}."
        yield problem(
            field, "REQUIRED_FIELD_MISSING", None, rule, "Fill in the field, or map a Salesforce field to it."
        )
    for rule_of_record in _RECORD_RULES:
        yield from rule_of_record(record)
    yield from _close_date(record, today)
    yield from _solution(record, moment, has_solution=has_solution)
    if moment is Moment.SUBMIT:
        yield from _involvement(record)


def _sent_fields() -> Iterator[AceField]:
    for field in opportunity_fields().values():
        if field.create_path or field.update_path or field.associate or field.assign or field.submit:
            yield field


def _trouble(name: str, code: str, record: AceRecord, rule: str, remedy: str) -> Problem:
    return problem(opportunity_fields()[name], code, record.get(name), rule, remedy)


def _postal_code(record: AceRecord) -> Iterator[Problem]:
    yield from check_postal_code(opportunity_fields()["postalCode"], record)


def _state(record: AceRecord) -> Iterator[Problem]:
    state = record.get("state")
    classified = record.get("doesOppBelongToNatSec") == "Yes"
    if record.get("country") != "US" or classified or not isinstance(state, str):
        return
    meant = match_value("usState", state)
    if meant != state:
        remedy = f"Write it as AWS does: {meant!r}." if meant else "Write the state's full name, not its abbreviation."
        yield _trouble("state", "INVALID_ENUM_VALUE", record, "AWS takes states of the US by full name.", remedy)


def _national_security(record: AceRecord) -> Iterator[Problem]:
    if record.get("doesOppBelongToNatSec") != "Yes":
        return
    if record.get("industry") not in (None, "Government"):
        rule = "A national security opportunity belongs to the industry Government."
        yield _trouble("industry", "INVALID_VALUE", record, rule, "Choose Government, or set National Security to No.")
    if record.get("visibility") == "Limited":
        rule = "A national security opportunity cannot have limited visibility."
        yield _trouble("visibility", "INVALID_VALUE", record, rule, "Set the visibility to Full.")
    if NO_SUPPORT in _many(record, "partnerPrimaryNeedFromAws"):
        rule = "A national security opportunity cannot go without support from AWS."
        yield _trouble("partnerPrimaryNeedFromAws", "INVALID_VALUE", record, rule, "Choose Co-Sell needs.")


def _needs(record: AceRecord) -> Iterator[Problem]:
    needs = _many(record, "partnerPrimaryNeedFromAws")
    if NO_SUPPORT in needs and len(needs) > 1:
        rule = f"{NO_SUPPORT!r} excludes every other need."
        yield _trouble(
            "partnerPrimaryNeedFromAws", "INVALID_VALUE", record, rule, "Keep either it or the Co-Sell needs."
        )


def _marketing(record: AceRecord) -> Iterator[Problem]:
    if record.get("IsOppFromMarketingActivity") not in (None, "None"):
        return
    for name in _COMPANIONS:
        if record.get(name) is not None:
            rule = "AWS takes marketing details only with the source Marketing Activity."
            remedy = "Set the marketing source to Marketing Activity, or clear this field."
            yield _trouble(name, "INVALID_VALUE", record, rule, remedy)


def _spend(record: AceRecord) -> Iterator[Problem]:
    for name in ("expectedMonthlyAwsRevenue", "project.expectedCustomerSpend.self.amount"):
        if record.get(name) == 0:
            yield _trouble(name, "VALUE_OUT_OF_RANGE", record, "The amount must be above zero.", "Enter an amount.")
    european = record.get("project.awsPartition") == EUROPEAN_PARTITION
    currency, taken = "project.expectedCustomerSpend.currencyCode", "EUR" if european else "USD"
    if record.get(currency) not in (None, taken):
        rule = f"AWS takes expected spend in {taken} only{' in the European partition' if european else ''}."
        yield _trouble(
            currency,
            "INVALID_VALUE",
            record,
            rule,
            f"Convert the amount to {taken} in a field of its own and map that.",
        )
    address = "project.expectedCustomerSpend.estimationUrl"
    if record.get(address) and record.get("project.expectedCustomerSpend.self.amount") is not None:
        rule = "An estimate and a total contract value cannot go together."
        yield _trouble(address, "INVALID_VALUE", record, rule, "Clear one of the two.")
    months = record.get("project.expectedContractDuration.value")
    if isinstance(months, int) and not 1 <= months <= _LONGEST_CONTRACT:
        rule = f"A contract lasts from 1 to {_LONGEST_CONTRACT} months."
        yield _trouble(
            "project.expectedContractDuration.value",
            "VALUE_OUT_OF_RANGE",
            record,
            rule,
            "Correct the number of months.",
        )


def _software_revenue(record: AceRecord) -> Iterator[Problem]:
    start, end = record.get("contractStartDate"), record.get("contractEndDate")
    if isinstance(start, date) and isinstance(end, date) and end < start:
        rule = f"The contract cannot end before it starts ({start.isoformat()})."
        yield _trouble("contractEndDate", "INVALID_VALUE", record, rule, "Correct one of the two dates.")


def _offers(record: AceRecord) -> Iterator[Problem]:
    if all(record.get(name) for name in _EXCLUSIVE):
        rule = "An opportunity has either an offer or an offer set."
        yield _trouble(_EXCLUSIVE[0], "INVALID_VALUE", record, rule, "Clear one of the two fields.")


def _marketplace_offer(record: AceRecord) -> Iterator[Problem]:
    """Yield that an opportunity about AWS Marketplace is closed as Launched without its offer (OUT-13)."""
    about = record.get(_FOR_MARKETPLACE) == "Yes" or _MARKETPLACE_CAMPAIGN in _many(record, "campaignName")
    if about and record.get("stage") == _LAUNCHED and not any(record.get(name) for name in _EXCLUSIVE):
        rule = "An opportunity about AWS Marketplace needs an AWS Marketplace offer to be Launched."
        remedy = "Link the private offer (AWS Marketplace Offers or Offer Sets) before closing the opportunity."
        yield _trouble(_EXCLUSIVE[0], "REQUIRED_FIELD_MISSING", record, rule, remedy)


_RECORD_RULES: tuple[Callable[[AceRecord], Iterator[Problem]], ...] = (
    _postal_code,
    _state,
    _national_security,
    _needs,
    _marketing,
    _spend,
    _software_revenue,
    _offers,
    _marketplace_offer,
)


def _close_date(record: AceRecord, today: date) -> Iterator[Problem]:
    closing = record.get("targetCloseDate")
    if not isinstance(closing, date):
        return
    if closing <= today:
        rule = f"The target close date must be after today ({today.isoformat()}, UTC)."
        yield _trouble("targetCloseDate", "INVALID_VALUE", record, rule, "Set it to a later day.")
    elif (closing.year - _YEARS_AHEAD, closing.month, closing.day) > (today.year, today.month, today.day):
        rule = f"The target close date lies more than {_YEARS_AHEAD} years ahead."
        yield _trouble("targetCloseDate", "VALUE_OUT_OF_RANGE", record, rule, "Set it to an earlier day.")


def _solution(record: AceRecord, moment: Moment, *, has_solution: bool) -> Iterator[Problem]:
    if has_solution:
        return
    if record.get("stage") in _NEEDS_SOLUTION:
        rule = f"At stage {record.get('stage')} a solution or an AWS Marketplace product must be associated."
        yield _trouble(
            "solutionOffered", "REQUIRED_FIELD_MISSING", record, rule, "Associate one; a description is not enough."
        )
    elif moment is Moment.SUBMIT and record.get("otherSolutionOffered") is None:
        rule = "An opportunity needs a solution before it can be submitted."
        yield _trouble(
            "solutionOffered",
            "REQUIRED_FIELD_MISSING",
            record,
            rule,
            "Associate a solution or fill in Other Solution Offered.",
        )


def _involvement(record: AceRecord) -> Iterator[Problem]:
    """Yield what keeps the record from being submitted with its involvement, visibility and needs."""
    chosen = api_shape.involvement(record)
    if record.get("involvementType") not in (None, chosen):
        rule = f"The primary needs ask for {chosen}."
        yield _trouble("involvementType", "INVALID_VALUE", record, rule, "Make the involvement and the needs agree.")
    if chosen == CO_SELL:
        yield from _co_sell(record)


def _becomes_co_sell(before: AceRecord, record: AceRecord) -> bool:
    """Whether an update asks AWS to co-sell what it only saw before: what a submission needs then, it needs too."""
    needs = "partnerPrimaryNeedFromAws"
    return NO_SUPPORT in _many(before, needs) and lifecycle.is_co_sell(record.get(needs))


def _co_sell(record: AceRecord) -> Iterator[Problem]:
    if record.get("visibility") == "Limited":
        rule = "A Co-Sell opportunity cannot have limited visibility."
        yield _trouble("visibility", "INVALID_VALUE", record, rule, "Set it to Full, or share for visibility only.")
    if not lifecycle.is_co_sell(record.get("partnerPrimaryNeedFromAws")):
        rule = "Co-Sell needs at least one Co-Sell need from AWS."
        yield _trouble(
            "partnerPrimaryNeedFromAws", "NOT_ENOUGH_VALUES", record, rule, "Choose what AWS is to help with."
        )
    if not record.get("salesActivities"):
        rule = "Co-Sell needs at least one sales activity."
        yield _trouble("salesActivities", "NOT_ENOUGH_VALUES", record, rule, "Choose the activities done so far.")


def _many(record: AceRecord, name: str) -> tuple[str, ...]:
    value = record.get(name)
    return value if isinstance(value, tuple) else ()
