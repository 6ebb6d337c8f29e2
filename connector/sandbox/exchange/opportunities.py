"""The opportunities of the files: those of one catalog of Partner Central, with what only files know of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from connector.sandbox.exchange import conversion
from connector.sandbox.exchange.checks import Judged, Record, same
from connector.sandbox.exchange.definitions import (
    AWS_KEY,
    MASKED_OPPORTUNITY,
    NEW_FIELDS,
    OPPORTUNITY_FIELDS,
    OPPORTUNITY_FIELDS_1,
    PARTNER_KEY,
)
from connector.sandbox.exchange.opportunity_rules import REDACTED, Situation, fill_defaults, judge
from connector.sandbox.exchange.values import COUNTRIES, NO_SUPPORT, REJECTION_REASONS
from connector.sandbox.partner_central import invitations
from connector.sandbox.partner_central.catalog import Catalog, stamp
from connector.sandbox.partner_central.countries import WITHOUT_POSTAL_CODE
from connector.sandbox.partner_central.engagements import invite_aws
from connector.sandbox.partner_central.locks import phase_of
from connector.sandbox.partner_central.opportunities import MAX_NEXT_STEPS
from connector.sandbox.partner_central.records import Fields, Invitation, Opportunity
from connector.sandbox.partner_central.reviews import decide_invitation, enter_review, run_due_reviews
from connector.sandbox.partner_central.service import PartnerCentral
from connector.sandbox.partner_central.wire import format_timestamp

NO_POSTAL_CODE = "99999"
KEY_SPELLINGS = {"partnerCrmOpportunityId": PARTNER_KEY, "PartnerCrmUniqueIdentifier": PARTNER_KEY}
# Fields of which the files' own memory never tells: Partner Central has them, or nobody has.
_NEVER_KEPT = {"apnCrmUniqueIdentifier", "rejectionReason"}


class Opportunities:
    """Takes records of files into Partner Central and shows its opportunities as records of files.

    What a file said is remembered beside what Partner Central made of it: as long as the latter stands, the file's
    own wording is shown, so that nothing is lost on the way. Callers hold the service's lock.
    """

    def __init__(self, service: PartnerCentral, catalog_name: Callable[[], str]) -> None:
        self._service, self._catalog_name = service, catalog_name
        self._kept: dict[str, tuple[Record, Record]] = {}
        self._by_partner: dict[str, str] = {}
        self._indexed: dict[str, datetime] = {}

    @property
    def _catalog(self) -> Catalog:
        return self._service.account.catalog(self._catalog_name())

    def forget(self) -> None:
        """Forget all that files said."""
        for memory in (self._kept, self._by_partner, self._indexed):
            memory.clear()

    def refresh(self) -> None:
        """Notice what happened at Partner Central since the last look: due reviews, and new identifiers."""
        run_due_reviews(self._service.account)
        for identifier, opportunity in self._catalog.opportunities.items():
            if self._indexed.get(identifier) != opportunity.modified:
                self._indexed[identifier] = opportunity.modified
                partner = opportunity.fields.get("PartnerOpportunityIdentifier")
                if partner:
                    self._by_partner[partner] = identifier

    def _invitation(self, opportunity: Opportunity) -> Invitation | None:
        """Return the referral's invitation."""
        if opportunity.origin != "AWS Referral":
            return None
        found = (each for each in self._catalog.invitations.values() if each.opportunity == opportunity.id)
        return next((each for each in found if each.participant == "RECEIVER"), None)

    def record(self, opportunity: Opportunity) -> Record:
        """Return everything that a file could tell about the opportunity, nothing masked."""
        now = conversion.show(opportunity)
        kept, then = self._kept.get(opportunity.id, ({}, {}))
        record = {**now, **{name: value for name, value in kept.items() if same(now.get(name), then.get(name))}}
        invitation = self._invitation(opportunity)
        if invitation is not None:
            record["acceptBy"] = conversion.stamp_text(format_timestamp(invitation.expires))
            record["partnerAcceptanceStatus"] = invitation.decided.capitalize() or None
            record["aWSStage"] = record["aWSStage"] or "Prospect"
        return record

    def shown(self, opportunity: Opportunity) -> Record:
        """Return the record as AWS exports it to the partner: a referral is masked until it is accepted, and what is
        classified is redacted.
        """
        record = self.record(opportunity)
        if not opportunity.accepted:
            record |= {**MASKED_OPPORTUNITY, "stage": "Prospect", "status": None}
        if record.get("doesOppBelongToNatSec") == "Yes":
            record |= dict.fromkeys(REDACTED)
        return {"partnerAcceptanceStatus": None, "acceptBy": None, **record}

    def export(self, version: str) -> list[Record]:
        """Return all records in the given payload version; a referral that was turned down is no longer told of."""
        self.refresh()
        found = [each for each in self._catalog.opportunities.values() if not self._is_declined(each)]
        names = set(OPPORTUNITY_FIELDS) - {"rejectionReason"}
        records = [{name: value for name, value in self.shown(each).items() if name in names} for each in found]
        return [_older(record) for record in records] if version == "1.0" else records

    def _is_declined(self, opportunity: Opportunity) -> bool:
        invitation = None if opportunity.accepted else self._invitation(opportunity)
        return invitation is not None and invitation.decided == "REJECTED"

    def receive(self, given: Record, version: str) -> tuple[str | None, list[str]]:
        """Take one record of a file; return its AWS identifier, if there is one, and what is wrong with it."""
        given = {KEY_SPELLINGS.get(name, name): value for name, value in given.items()}
        if not given.get(AWS_KEY):
            given.pop(AWS_KEY, None)
        opportunity, errors = self._find(given)
        if errors:
            return given.get(AWS_KEY), errors
        judged = self._judge(given, opportunity, version)
        if judged.errors:
            return opportunity.id if opportunity else None, judged.errors
        return self._write(judged, opportunity), []

    def _find(self, given: Record) -> tuple[Opportunity | None, list[str]]:
        key, partner = given.get(AWS_KEY), given.get(PARTNER_KEY)
        for name, value in ((AWS_KEY, key), (PARTNER_KEY, partner)):
            if value is not None and not isinstance(value, str):
                return None, [f"{name}: Invalid data type: expected text, got {value!r}."]
        if not key:
            return self._catalog.opportunities.get(self._by_partner.get(partner or "", "")), []
        found = self._catalog.opportunities.get(key)
        if found is None:
            return None, [f"{AWS_KEY}: Opportunity {key} was not found."]
        if not partner:
            return None, [f"{PARTNER_KEY}: Required field is missing for updates."]
        if self._by_partner.get(partner, key) != key:
            return None, [f"{PARTNER_KEY}: {partner} belongs to opportunity {self._by_partner[partner]}."]
        return found, []

    def _judge(self, given: Record, opportunity: Opportunity | None, version: str) -> Judged:
        stored = None if opportunity is None else self.record(opportunity)
        if opportunity is not None and not opportunity.accepted:
            shown = self.shown(opportunity)
            given = {name: value for name, value in given.items() if not _repeats_mask(name, value, shown)}
        judged = Judged(given, stored, OPPORTUNITY_FIELDS_1 if version == "1.0" else OPPORTUNITY_FIELDS)
        fill_defaults(judged, version)
        judge(judged, self._situation(opportunity, version))
        return judged

    def _situation(self, opportunity: Opportunity | None, version: str) -> Situation:
        account, now = self._service.account, self._service.account.clock.now()
        invitation = None if opportunity is None else self._invitation(opportunity)
        return Situation(
            version=version,
            phase=self._phase(opportunity, invitation),
            today=now.date(),
            account=account.settings,
            referral=invitation is not None,
            expired=invitation is not None and invitation.status(now) == "EXPIRED",
            solutions=frozenset(each.id for each in account.solutions.values() if each.status == "Active"),
            exists=self._catalog.opportunities.__contains__,
        )

    def _phase(self, opportunity: Opportunity | None, invitation: Invitation | None) -> str:
        if opportunity is None:
            return "new"
        if not opportunity.accepted:
            return "rejected" if invitation is None or invitation.decided else "offered"
        return phase_of(opportunity)

    def _write(self, judged: Judged, opportunity: Opportunity | None) -> str:
        if opportunity is None:
            opportunity = self._create(judged)
        elif not opportunity.accepted and not self._decide(judged, opportunity):
            return opportunity.id
        else:
            self._update(judged, opportunity, set(judged.changed))
        self._keep(judged, opportunity)
        return opportunity.id

    def _create(self, judged: Judged) -> Opportunity:
        catalog, account = self._catalog, self._service.account
        names = set(judged.after)
        fields = conversion.take_over(judged.after, {"LifeCycle": {"Stage": "Prospect"}}, names - {"stage"})
        fields["Customer"]["Account"].setdefault("CompanyName", "")
        fields = self._note_step(fields)
        opportunity = Opportunity(catalog.name, catalog.new_opportunity_id(), fields, stamp(account.clock.now()))
        conversion.write_related(judged.after, opportunity, account.settings, names)
        conversion.write_team(judged.after, opportunity, account.settings, names)
        needs = fields.get("PrimaryNeedsFromAws") or ()
        opportunity.involvement = "For Visibility Only" if NO_SUPPORT in needs else "Co-Sell"
        opportunity.visibility = "Full"
        enter_review(account, opportunity)
        catalog.add(opportunity)
        invite_aws(account, catalog, opportunity)
        return opportunity

    def _decide(self, judged: Judged, opportunity: Opportunity) -> bool:
        """Accept the referral, and change it then as said; or turn it down and return False."""
        invitation = self._invitation(opportunity)
        assert invitation is not None  # a phase is "offered" with an invitation only
        account, catalog = self._service.account, self._catalog
        if judged.given["partnerAcceptanceStatus"] == "Rejected":
            reason = REJECTION_REASONS[judged.given.get("rejectionReason") or "Other"]
            invitations.reject(account, catalog, {"Identifier": invitation.id, "RejectionReason": reason})
            return False
        invitations.accept(account, catalog, invitation)
        self._update(judged, opportunity, set(judged.changed) | {PARTNER_KEY})
        return True

    def _update(self, judged: Judged, opportunity: Opportunity, names: set[str]) -> None:
        account, catalog = self._service.account, self._catalog
        if not names:
            return
        with catalog.changing(opportunity, account.clock.now()):
            fields = conversion.take_over(judged.after, opportunity.fields, names)
            opportunity.fields = self._note_step(fields) if "nextStep" in names else fields
            conversion.write_related(judged.after, opportunity, account.settings, names)
            conversion.write_team(judged.after, opportunity, account.settings, names)
            self._follow_needs(opportunity)
            if phase_of(opportunity) == "action":
                enter_review(account, opportunity)
            decide_invitation(catalog, opportunity)

    def _note_step(self, fields: Fields) -> Fields:
        """Put the next step into its history."""
        life_cycle, now = fields["LifeCycle"], stamp(self._service.account.clock.now())
        if life_cycle.get("NextSteps"):
            entry = {"Value": life_cycle["NextSteps"], "Time": format_timestamp(now)}
            life_cycle["NextStepsHistory"] = [*life_cycle.get("NextStepsHistory", ()), entry][-MAX_NEXT_STEPS:]
        return fields

    def _follow_needs(self, opportunity: Opportunity) -> None:
        needs: list[Any] = opportunity.fields.get("PrimaryNeedsFromAws") or []
        if opportunity.involvement == "For Visibility Only" and needs and NO_SUPPORT not in needs:
            opportunity.involvement = "Co-Sell"

    def _keep(self, judged: Judged, opportunity: Opportunity) -> None:
        now = conversion.show(opportunity)
        kept = {name: judged.after[name] for name in judged.after if _is_kept(name)}
        self._kept[opportunity.id] = (kept, now)
        self._indexed.pop(opportunity.id, None)
        if kept.get(PARTNER_KEY):
            self._by_partner[kept[PARTNER_KEY]] = opportunity.id


def _is_kept(name: str) -> bool:
    defined = OPPORTUNITY_FIELDS_1.get(name) or OPPORTUNITY_FIELDS[name]
    return bool(set(defined.marks) & set("cu")) and name not in _NEVER_KEPT


def _repeats_mask(name: str, value: Any, shown: Record) -> bool:
    return name in MASKED_OPPORTUNITY and value is not None and same(value, shown.get(name))


def _older(record: Record) -> Record:
    """Return a record as version 1.0 tells it."""
    record = {name: value for name, value in record.items() if name not in NEW_FIELDS}
    if COUNTRIES.get(record.get("country") or "") in WITHOUT_POSTAL_CODE:
        record["postalCode"] = NO_POSTAL_CODE
    record["campaignName"] = (record.get("campaignName") or "").partition(";")[0] or None
    solutions: list[str] = record.get("solutionOffered") or []
    record["solutionOffered"] = solutions[0] if solutions else None
    return record
