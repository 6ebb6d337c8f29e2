"""AWS's rules for opportunities in the ACE bucket, so that a person hears of all problems before a file goes out.

They are the rules of the Selling API, save where the bucket differs: it knows other fields, lengths and requirements,
takes a file that creates an opportunity as its submission, too, and takes states of the United States only. Version 1.0
has none of the rules that version 2.0 brought (MAP-52), and older standard values for three fields, which AWS
translates and does not publish any more; they go unchecked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

from connector.ace import lifecycle, requirements, rules
from connector.ace.catalogue import AceField, Moment, opportunity_fields
from connector.ace.file_fields import DECISION, REASON, FileField, Sent, Version, file_fields
from connector.ace.formats import check, problem, shown
from connector.ace.lifecycle import NO_SUPPORT
from connector.ace.record import AceRecord, Value
from connector.ace.text import outgoing, same
from connector.errors import Problem

_NEW_IN_2 = {"postalCode": ("INVALID_VALUE", "INVALID_STRING_FORMAT"), "state": ("INVALID_ENUM_VALUE",)}
"""Codes of rules that version 1.0 lacks, by field."""
_CURRENCY, _MISSING = "project.expectedCustomerSpend.currencyCode", "REQUIRED_FIELD_MISSING"
_TWICE_TOLD = (_MISSING, "NOT_ENOUGH_VALUES")


def problems(
    record: AceRecord,
    *,
    version: Version,
    creates: bool,
    today: date,
    before: AceRecord | None = None,
    review_status: str = "",
) -> tuple[Problem, ...]:
    """Return everything that AWS would refuse in a file, in the order of the rules.

    Args:
        record: what the opportunity is to be. Fields that it lacks are taken from ``before``.
        version: of the payload.
        creates: whether AWS does not know the opportunity yet.
        today: the current date in UTC.
        before: the opportunity as AWS last exported it. Of an update only what the record makes worse counts.
        review_status: at AWS. Edits that AWS has locked count as not made; :func:`locked_changes` names them.
    """
    known = before or {}
    wanted = {**known, **_takeable(record, known, version, review_status)}
    found = [*_all_problems(wanted, version, today, creates=creates), *_way_back(wanted, known)]
    if creates or before is None:
        return tuple(found)
    old = set(_all_problems(known, version, today, creates=creates))
    return tuple(trouble for trouble in found if trouble not in old)


def decision_problems(decision: str, reason: str | None, *, version: Version) -> tuple[Problem, ...]:
    """Return what keeps an AWS referral from being answered: a word that is none, a rejection without reason (OUT-14).

    Version 1.0 has no field for the reason; AWS enters its own there.
    """
    fields = file_fields("opportunity", version)
    found = list(check(fields[DECISION].ace, decision))
    if REASON in fields and reason is not None:
        found += check(fields[REASON].ace, reason)
    elif REASON in fields and decision == "Rejected":
        rule = "A rejection needs a reason."
        found.append(problem(fields[REASON].ace, _MISSING, None, rule, "Choose one of AWS's reasons."))
    return tuple(found)


def locked_changes(
    record: AceRecord, before: AceRecord, *, version: Version, review_status: str
) -> tuple[Problem, ...]:
    """Return one problem for each edit that AWS does not take in the opportunity's present state.

    Args:
        record: what the opportunity is to be.
        before: the opportunity as AWS last exported it.
        version: of the payload.
        review_status: at AWS.
    """
    takes = _takeable(record, before, version, review_status)
    when = f"while the review status is {review_status} and the stage is {before.get('stage') or 'not set'}"
    return tuple(
        problem(
            field.ace,
            "FIELD_LOCKED",
            value,
            f"AWS does not take this change {when}; it keeps {shown(before.get(name))!r}.",
            "Set the field back to AWS's value, or ask AWS to change it in Partner Central.",
        )
        for name, value, field in _sent(record, version)
        if name not in takes and not same(before.get(name), value)
    )


def _sent(record: AceRecord, version: Version) -> Iterator[tuple[str, Value, FileField]]:
    fields = file_fields("opportunity", version)
    for name, value in outgoing(record).items():
        field = fields.get(name)
        if field and field.sent in (Sent.ALWAYS, Sent.AFTER_CREATION):
            yield name, value, field


def _takeable(record: AceRecord, before: AceRecord, version: Version, review_status: str) -> dict[str, Value]:
    """Return what a file of the version would carry of the record, without the edits that AWS does not take now."""
    stage, delivery = str(before.get("stage") or ""), before.get("deliveryModel")

    def takes(ace: AceField, value: Value) -> bool:
        old = before.get(ace.name)
        if value is None and ace.never_empty and ace.name in before:
            return False
        return (
            not review_status
            or same(old, value)
            or lifecycle.change_allowed(ace, review_status, stage, before=old, after=value, delivery=delivery)
        )

    taken = {name: value for name, value, field in _sent(record, version) if takes(field.ace, value)}
    return taken | ({_CURRENCY: record[_CURRENCY]} if _CURRENCY in record else {})


def _all_problems(record: AceRecord, version: Version, today: date, *, creates: bool) -> Iterator[Problem]:
    fields = file_fields("opportunity", version)
    missing = list(_missing(record, fields, creates=creates))
    absent = {trouble.field for trouble in missing}
    yield from _values(record, fields)
    yield from missing
    for trouble in _rules_of_the_api(record, fields, today, creates=creates):
        told = trouble.field in absent and trouble.code in _TWICE_TOLD
        if not told and not (version is Version.V1 and trouble.code in _NEW_IN_2.get(trouble.field, ())):
            yield trouble
    yield from _currency(record)
    if version is Version.V2:
        yield from _state(record)


def _values(record: AceRecord, fields: Mapping[str, FileField]) -> Iterator[Problem]:
    for name, field in fields.items():
        if field.sent in (Sent.ALWAYS, Sent.AFTER_CREATION):
            yield from check(field.ace, record.get(name))


def _missing(record: AceRecord, fields: Mapping[str, FileField], *, creates: bool) -> Iterator[Problem]:
    """Yield what the file must have. A value that only goes after the creation is not asked for at the creation."""
    moments = (Moment.CREATE,) if creates else (Moment.CREATE, Moment.UPDATE)
    for name, field in fields.items():
        if record.get(name) is not None:
            continue
        needs = (need for need in field.ace.required if need.moment in moments and requirements.applies(need, record))
        if need := next(needs, None):
            rule = f"{field.ace.label} is required{requirements.reason(need)}."
            yield problem(field.ace, _MISSING, None, rule, "Fill in the field, or map a Salesforce field to it.")


def _rules_of_the_api(
    record: AceRecord, fields: Mapping[str, FileField], today: date, *, creates: bool
) -> Iterator[Problem]:
    """Yield the API's rules about several fields, of the fields that the file has.

    What the API asks of single values and requires is left out: the bucket has facts of its own for both.
    """
    moment = Moment.SUBMIT if creates else Moment.UPDATE
    found = rules.problems(record, moment=moment, today=today, has_solution=bool(record.get("solutionOffered")))
    single = {trouble for field in opportunity_fields().values() for trouble in check(field, record.get(field.name))}
    needed = {field.name for field, _ in requirements.missing(record, moment)}
    for trouble in found:
        by_catalogue = trouble in single or (trouble.code == _MISSING and trouble.field in needed)
        if trouble.field in fields and not by_catalogue:
            yield trouble


def _currency(record: AceRecord) -> Iterator[Problem]:
    """Yield that the monthly revenue is in another currency: a file says no currency, and AWS reads US dollars."""
    if record.get(_CURRENCY) not in (None, "USD"):
        rule = "AWS reads the monthly revenue of a file as USD."
        remedy = "Convert the amount to USD in a field of its own and map that."
        yield problem(opportunity_fields()[_CURRENCY], "INVALID_VALUE", record.get(_CURRENCY), rule, remedy)


def _way_back(record: AceRecord, before: AceRecord) -> Iterator[Problem]:
    """Yield that an opportunity is to leave co-selling, which AWS does not allow."""
    name = "partnerPrimaryNeedFromAws"
    needs = record.get(name)
    if lifecycle.is_co_sell(before.get(name)) and isinstance(needs, tuple) and NO_SUPPORT in needs:
        rule = "An opportunity that AWS co-sells stays so."
        yield problem(opportunity_fields()[name], "INVALID_VALUE", needs, rule, "Choose what AWS is to help with.")


def _state(record: AceRecord) -> Iterator[Problem]:
    state, country = record.get("state"), record.get("country")
    if state is not None and country not in (None, "US"):
        rule = "AWS takes a state in the United States only."
        remedy = "Clear the state, or map a field that is filled for the United States only."
        yield problem(opportunity_fields()["state"], "INVALID_VALUE", state, rule, remedy)
