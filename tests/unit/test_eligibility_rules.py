"""Which records are due, why the others are not, and how that is told to people."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.eligibility.candidate import SETUP_USER, Candidate
from connector.eligibility.formula import Context, FormulaError, compile_formula, row_resolver
from connector.eligibility.rules import decide, default_formula, is_dummy_identifier
from connector.eligibility.verdict import Code, Verdict, explain
from connector.names import AWSAPN, PACKAGED, SyncFields

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
WORKER, WORKER_SHORT = "0051x00000WORKRAA5", "0051x00000WORKR"
PERSON = "0051x00000PERSNAA5"
SYNCED = datetime(2026, 11, 20, 8, 0, 0, tzinfo=UTC)
METADATA = Path(__file__).parents[2] / "salesforce_metadata"


def stamp(moment: datetime | None) -> str | None:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000+0000") if moment else None


def candidate(
    *,
    names: SyncFields = PACKAGED,
    flag: bool = True,
    synced: datetime | None = SYNCED,
    modified: datetime = SYNCED + timedelta(hours=1),
    by: str = PERSON,
    row: dict[str, Any] | None = None,
    **facts: Any,
) -> Candidate:
    """Return a record without a formula field of its own, unless ``row`` or ``formula_text`` say otherwise."""
    own = {
        "Id": "a0B1x000000AAAAEAA",
        names.sync_with_aws: flag,
        names.last_sync_date: stamp(synced),
        "LastModifiedDate": stamp(modified),
        "LastModifiedById": by,
    }
    settings: dict[str, Any] = {"integration_users": frozenset({WORKER}), "now": NOW, **facts}
    return Candidate(row={**own, **(row or {})}, names=names, **settings)


def with_formula(value: object, text: str = "TRUE", **facts: Any) -> Candidate:
    """Return a record whose org has the formula field, which gave ``value``."""
    row = {PACKAGED.has_updates: value, **facts.pop("row", {})}
    return candidate(formula_text=text, row=row, **facts)


def condition(verdict: Verdict, name: str) -> Any:
    return next(condition for condition in verdict.conditions if condition.name == name)


LATER, SAME, EARLIER = SYNCED + timedelta(seconds=1), SYNCED, SYNCED - timedelta(seconds=1)


class TestWithoutFormulaField:
    """Objects without the formula field follow the same rule, under both profiles of names."""

    @pytest.mark.parametrize("names", [PACKAGED, AWSAPN])
    @pytest.mark.parametrize(
        ("modified", "by", "code"),
        [
            (LATER, PERSON, Code.DUE),
            (SAME, PERSON, Code.DUE),
            (EARLIER, PERSON, Code.NO_UPDATES),
            (LATER, WORKER, Code.OWN_WRITE),
            (SAME, WORKER, Code.OWN_WRITE),
            (EARLIER, WORKER, Code.OWN_WRITE),
        ],
    )
    def test_time_and_user(self, names: SyncFields, modified: datetime, by: str, code: Code) -> None:
        verdict = decide(candidate(names=names, modified=modified, by=by))
        assert (verdict.code, verdict.due) == (code, code is Code.DUE)

    @pytest.mark.parametrize("by", [PERSON, WORKER])
    def test_the_first_send_does_not_depend_on_the_user(self, by: str) -> None:
        assert decide(candidate(synced=None, by=by)).code is Code.DUE

    @pytest.mark.parametrize("synced", [None, SYNCED])
    def test_nothing_goes_without_the_flag(self, synced: datetime | None) -> None:
        verdict = decide(candidate(flag=False, synced=synced, changed=("Name",)))
        assert verdict.code is Code.NOT_FLAGGED
        assert PACKAGED.sync_with_aws in verdict.reason
        assert not verdict.edit_waits

    @pytest.mark.parametrize("configured", [WORKER, WORKER_SHORT, f" {WORKER_SHORT} "])
    @pytest.mark.parametrize("by", [WORKER, WORKER_SHORT])
    def test_user_ids_of_15_and_18_characters_are_the_same_user(self, configured: str, by: str) -> None:
        assert decide(candidate(by=by, integration_users=frozenset({configured}))).code is Code.OWN_WRITE

    def test_ids_of_15_characters_differ_by_case(self) -> None:
        users = frozenset({WORKER_SHORT})
        assert decide(candidate(by=WORKER_SHORT.swapcase(), integration_users=users)).code is Code.DUE

    def test_every_integration_user_is_excluded(self) -> None:
        users = frozenset({WORKER, "0051x00000OTHERAA5"})
        assert decide(candidate(by="0051x00000OTHERAA5", integration_users=users)).code is Code.OWN_WRITE


class TestOrgsOwnFormula:
    """The formula field's value is obeyed; what it leaves out is asked on top."""

    @pytest.mark.parametrize(("value", "code"), [(True, Code.DUE), (False, Code.NO_UPDATES), (None, Code.NO_UPDATES)])
    @pytest.mark.parametrize("synced", [None, SYNCED])
    def test_its_value_is_obeyed(self, value: object, code: Code, synced: datetime | None) -> None:
        assert decide(with_formula(value, synced=synced)).code is code

    def test_a_formula_without_a_user_test_sends_nothing_back(self) -> None:
        assert decide(with_formula(True, by=WORKER)).code is Code.OWN_WRITE

    def test_a_formula_without_a_time_test_sends_nothing_twice(self) -> None:
        verdict = decide(with_formula(True, modified=EARLIER))
        assert verdict.code is Code.NO_UPDATES
        assert "2026-11-20 07:59:59 is before" in verdict.reason

    def test_the_flag_is_asked_besides_the_formula(self) -> None:
        assert decide(with_formula(True, flag=False)).code is Code.NOT_FLAGGED

    def test_a_field_that_the_row_lacks_is_an_error_that_names_it(self) -> None:
        with pytest.raises(FormulaError, match=PACKAGED.has_updates):
            decide(candidate(formula_text="TRUE"))
        bare = candidate()
        for name in (PACKAGED.sync_with_aws, PACKAGED.last_sync_date, "LastModifiedDate", "LastModifiedById"):
            row = {key: value for key, value in bare.row.items() if key != name}
            with pytest.raises(FormulaError, match=name):
                decide(replace(bare, row=row))


class TestCoveredUpEdits:
    """A person's edit is found although an integration user wrote the row afterwards."""

    TEXT = default_formula(PACKAGED)

    def test_a_changed_field_is_due_although_the_org_says_no(self) -> None:
        verdict = decide(with_formula(False, self.TEXT, by=WORKER, changed=("Next_Step__c",)))
        assert verdict.code is Code.DUE
        assert "Next_Step__c" in condition(verdict, "Last modified by a person").detail

    def test_it_is_due_even_when_our_stamp_is_later_than_the_row(self) -> None:
        assert decide(with_formula(False, self.TEXT, by=WORKER, modified=EARLIER, changed=("Name",))).due

    def test_the_setting_that_names_the_integration_user_is_honoured(self) -> None:
        own = with_formula(False, self.TEXT, by=WORKER, changed=("Name",), formula_extra={SETUP_USER: WORKER})
        assert decide(own).due

    @pytest.mark.parametrize(("stage", "code"), [("Qualified", Code.DUE), ("Prospect", Code.NO_UPDATES)])
    def test_an_admins_other_conditions_still_hold(self, stage: str, code: Code) -> None:
        text = f"AND({self.TEXT}, ISPICKVAL(StageName, 'Qualified'))"
        row = {"StageName": stage}
        types = {"stagename": "picklist"}
        verdict = decide(with_formula(False, text, by=WORKER, changed=("Name",), row=row, formula_types=types))
        assert verdict.code is code

    @pytest.mark.parametrize(
        "text",
        [
            "MYSTERY(Name)",
            "AND(",
            "Unread__c = 'x'",
            "LastModifiedBy.Profile.Name <> 'Integration'",
            "1 / 0 > 1",
            "'yes'",
        ],
    )
    def test_a_formula_that_cannot_be_evaluated_here_loses_no_edit(self, text: str) -> None:
        row = {"LastModifiedBy": {"Profile": {"Name": "Integration"}}}
        verdict = decide(with_formula(False, text, by=WORKER, changed=("Name",), row=row))
        assert verdict.due
        assert "cannot be evaluated here" in condition(verdict, "Has Updates").detail

    @pytest.mark.parametrize("value", [True, False])
    def test_a_field_that_is_no_formula_counts_as_it_stands(self, *, value: bool) -> None:
        assert decide(with_formula(value, "", by=WORKER, changed=("Name",))).due is value

    def test_objects_without_the_field_find_it_too(self) -> None:
        assert decide(candidate(by=WORKER, changed=("Name",), formula_extra={SETUP_USER: WORKER})).due

    def test_a_record_that_was_never_compared_waits_for_the_comparison(self) -> None:
        verdict = decide(candidate(by=WORKER, known=False))
        assert verdict.code is Code.NOT_COMPARED
        assert not verdict.edit_waits


class TestRelatedChanges:
    """An edit of a related record moves no date of the row; the row is due all the same (MAP-09)."""

    TEXT = default_formula(PACKAGED)
    SITE, MAIL = "Account.Website", "Account.Owner.Email"

    @pytest.mark.parametrize("by", [PERSON, WORKER])
    @pytest.mark.parametrize("modified", [SAME, EARLIER])
    def test_it_is_due_whoever_modified_the_row_last(self, by: str, modified: datetime) -> None:
        verdict = decide(with_formula(False, self.TEXT, by=by, modified=modified, changed=(self.SITE, self.MAIL)))
        assert verdict.due
        told = condition(verdict, "Last modified by a person").detail
        assert "fields of related records changed: Account.Website, Account.Owner.Email" in told

    def test_fields_of_the_row_and_of_related_records_are_told_apart(self) -> None:
        verdict = decide(with_formula(False, self.TEXT, by=WORKER, changed=("Next_Step__c", self.SITE)))
        told = condition(verdict, "Last modified by a person").detail
        assert told.endswith("these fields changed besides: Next_Step__c; of related records: Account.Website.")

    def test_an_earlier_edit_of_the_row_itself_stays_what_it_is(self) -> None:
        assert decide(with_formula(False, self.TEXT, modified=EARLIER, changed=("Next_Step__c",))).code is (
            Code.NO_UPDATES
        )

    @pytest.mark.parametrize("by", [PERSON, WORKER])
    @pytest.mark.parametrize(("stage", "code"), [("Qualified", Code.DUE), ("Prospect", Code.NO_UPDATES)])
    def test_an_admins_other_conditions_still_hold(self, by: str, stage: str, code: Code) -> None:
        text = f"AND({self.TEXT}, ISPICKVAL(StageName, 'Qualified'))"
        facts = {"row": {"StageName": stage}, "formula_types": {"stagename": "picklist"}, "modified": EARLIER}
        assert decide(with_formula(False, text, by=by, changed=(self.SITE,), **facts)).code is code

    def test_a_formula_that_asks_for_a_later_second_sees_one(self) -> None:
        text = self.TEXT.replace(">=", ">")
        assert decide(with_formula(False, text, modified=SAME, changed=(self.SITE,))).due

    def test_reviews_and_the_flag_keep_it_back_like_any_edit(self) -> None:
        held = decide(candidate(by=WORKER, changed=(self.SITE,), review_status="In review"))
        assert (held.code, held.edit_waits) == (Code.HELD_REVIEW, True)
        assert decide(candidate(flag=False, changed=(self.SITE,))).code is Code.NOT_FLAGGED


OWN = SyncFields("Send_to_AWS__c", "AWS_Synced__c", "", "AWS_Id__c", "")


class TestOwnFieldNames:
    """An object of the org's own: its own names, no formula field, no invitation id (ELIG-08, ELIG-12)."""

    @pytest.mark.parametrize("synced", [None, SYNCED])
    @pytest.mark.parametrize("modified", [LATER, SAME, EARLIER])
    @pytest.mark.parametrize("by", [PERSON, WORKER])
    @pytest.mark.parametrize("flag", [True, False])
    def test_the_truth_table_holds(self, synced: datetime | None, modified: datetime, by: str, *, flag: bool) -> None:
        facts: dict[str, Any] = {"flag": flag, "synced": synced, "modified": modified, "by": by}
        own, packaged = decide(candidate(names=OWN, **facts)), decide(candidate(**facts))
        assert (own.code, own.due) == (packaged.code, packaged.due)
        assert own.due is (flag and (synced is None or (modified >= synced and by == PERSON)))

    def test_what_is_told_bears_the_orgs_own_names(self) -> None:
        assert decide(candidate(names=OWN, flag=False)).reason.startswith("Send_to_AWS__c is not ticked")
        assert decide(candidate(names=OWN, by=WORKER, changed=("Customer__r.Name",))).due


class TestHolds:
    """A record that would be due is kept back with its reason, which says that an edit waits."""

    @pytest.mark.parametrize(
        ("facts", "code", "words"),
        [
            ({"review_status": "Submitted"}, Code.HELD_REVIEW, "Submitted"),
            ({"review_status": "In review"}, Code.HELD_REVIEW, "In review"),
            ({"review_status": "In Review"}, Code.HELD_REVIEW, "In Review"),
            ({"review_status": "Rejected"}, Code.AWS_REJECTED, "share a new one"),
            ({"review_status": "Disqualified"}, Code.AWS_REJECTED, "share a new one"),
            ({"pending_invitation": True}, Code.PENDING_INVITATION, "accept or reject"),
            ({"identifier_holder": "a0B1x000000BBBBEAA"}, Code.CLONE, "a0B1x000000BBBBEAA"),
            ({"partner_identifier": "X0007"}, Code.DUMMY_ID, "X0007"),
            ({"stuck_log": "LOG-0042"}, Code.STUCK_LOG, "LOG-0042"),
            ({"awaits_result": "edits_1.json"}, Code.AWAITS_RESULT, "edits_1.json"),
            ({"awaits_result": "edits_1.json", "pending_invitation": True}, Code.AWAITS_RESULT, "after the answer"),
            ({"failures": 4, "retry_limit": 3}, Code.RETRIES_EXHAUSTED, "failed 4 times"),
        ],
    )
    @pytest.mark.parametrize("synced", [None, SYNCED])
    def test_reason(self, facts: dict[str, Any], code: Code, words: str, synced: datetime | None) -> None:
        verdict = decide(candidate(synced=synced, **facts))
        assert (verdict.due, verdict.code, verdict.edit_waits) == (False, code, True)
        assert verdict.reason.startswith("An edit is waiting: ")
        assert words in verdict.reason

    @pytest.mark.parametrize("status", ["", "Pending Submission", "Action Required", "Approved"])
    def test_other_review_states_let_edits_through(self, status: str) -> None:
        assert decide(candidate(review_status=status)).due

    def test_covered_up_edits_wait_for_the_review_too(self) -> None:
        verdict = decide(candidate(by=WORKER, changed=("Name",), review_status="In review"))
        assert verdict.code is Code.HELD_REVIEW
        assert verdict.edit_waits

    def test_without_an_edit_nothing_waits(self) -> None:
        verdict = decide(candidate(by=WORKER, review_status="In review"))
        assert (verdict.code, verdict.edit_waits) == (Code.OWN_WRITE, False)

    def test_a_deleted_record_is_told_as_that_before_all_else(self) -> None:
        verdict = decide(candidate(tombstone=True, flag=False, review_status="Rejected"))
        assert (verdict.code, verdict.edit_waits) == (Code.DELETED, False)


class TestRetries:
    """An unchanged failed record is tried again so many times, for so many days; a corrected one starts anew."""

    @pytest.mark.parametrize(("failures", "due"), [(0, True), (1, True), (2, True), (3, True), (4, False)])
    def test_three_retries_follow_the_first_failure(self, failures: int, *, due: bool) -> None:
        facts = {"failures": failures, "retry_limit": 3, "first_failure": NOW}
        assert decide(candidate(**facts)).due is due

    @pytest.mark.parametrize(
        ("age", "days", "code"),
        [
            (timedelta(days=2), 2, Code.DUE),
            (timedelta(days=2, seconds=1), 2, Code.RETRY_CUTOFF),
            (timedelta(days=400), None, Code.DUE),
        ],
    )
    def test_the_cutoff_counts_from_the_first_failure(self, age: timedelta, days: int | None, code: Code) -> None:
        facts = {"failures": 1, "first_failure": NOW - age, "retry_cutoff_days": days}
        assert decide(candidate(**facts)).code is code

    def test_no_retries_means_none(self) -> None:
        assert decide(candidate(failures=1, retry_limit=0)).code is Code.RETRIES_EXHAUSTED

    def test_a_correction_starts_anew(self) -> None:
        facts = {"failures": 9, "first_failure": NOW - timedelta(days=99), "retry_cutoff_days": 1}
        assert decide(candidate(**facts, changed_since_failure=True)).due


class TestExplanation:
    """People get every condition with its answer, in the order in which they look for the cause."""

    def test_order_and_marks(self) -> None:
        lines = explain(decide(candidate(flag=False, review_status="In review"))).splitlines()
        assert lines[0].startswith("NOT_FLAGGED: ACE_Sync_with_AWS__c is not ticked")
        assert [line[:4] for line in lines[1:]] == ["FAIL", "FAIL", "pass", "pass", "FAIL", *["pass"] * 5]
        assert [line[6:].partition(":")[0] for line in lines[1:7]] == [
            "Sync with AWS",
            "Has Updates",
            "Last modified by a person",
            "No sync log holds the record",
            "Approval state allows edits",
            "Retries left",
        ]

    def test_questions_that_do_not_arise_are_marked_so(self) -> None:
        assert "  -   Last modified by a person: never sent yet" in explain(decide(candidate(synced=None)))

    @given(
        st.fixed_dictionaries(
            {
                "flag": st.booleans(),
                "synced": st.sampled_from([None, SYNCED]),
                "modified": st.sampled_from([LATER, SAME, EARLIER]),
                "by": st.sampled_from([PERSON, WORKER]),
                "changed": st.sampled_from([(), ("Name",), ("Account.Name",)]),
                "known": st.booleans(),
                "review_status": st.sampled_from(["", "In review", "Approved", "Rejected"]),
                "pending_invitation": st.booleans(),
                "identifier_holder": st.sampled_from(["", PERSON]),
                "partner_identifier": st.sampled_from(["", "X0001"]),
                "stuck_log": st.sampled_from(["", "LOG-1"]),
                "awaits_result": st.sampled_from(["", "edits_1.json"]),
                "failures": st.integers(0, 5),
                "tombstone": st.booleans(),
            }
        )
    )
    def test_a_record_is_due_exactly_if_no_condition_fails(self, facts: dict[str, Any]) -> None:
        verdict = decide(candidate(**facts))
        failed = [one.code for one in verdict.conditions if one.passed is False]
        assert verdict.due is (not failed)
        assert verdict.code is (min(failed, key=list(Code).index) if failed else Code.DUE)
        if verdict.due or verdict.edit_waits:
            assert facts["flag"] and not facts["tombstone"]
            person = facts["by"] == PERSON and facts["modified"] >= SYNCED
            related = facts["by"] == PERSON and facts["changed"] == ("Account.Name",)
            assert facts["synced"] is None or person or related or (facts["known"] and facts["changed"])


@pytest.mark.parametrize(
    ("identifier", "dummy"),
    [("X0001", True), ("x0007", True), (" X12345 ", True), ("X001", False), ("", False), ("0061x00000ABCDEAA5", False)],
)
def test_placeholders_of_historical_data(identifier: str, *, dummy: bool) -> None:
    assert is_dummy_identifier(identifier) is dummy


def packaged_formulas() -> list[tuple[str, str]]:
    tags = {"formula", "errorConditionFormula"}
    return sorted(
        (path.name, element.text or "")
        for path in METADATA.rglob("*-meta.xml")
        if "objects" in path.parts
        for element in ElementTree.parse(path).iter()
        if element.tag.rpartition("}")[2] in tags
    )


def test_every_formula_of_the_package_is_understood() -> None:
    formulas = packaged_formulas()
    assert "ACE_Has_Updates__c.field-meta.xml" in [name for name, _ in formulas]
    for name, text in formulas:
        assert compile_formula(text).fields or name == "Package_Version__c.field-meta.xml", name


def test_the_packages_formula_and_our_rule_agree() -> None:
    """The rule for objects without the formula field says what the shipped formula field says."""
    texts = {text for name, text in packaged_formulas() if name == "ACE_Has_Updates__c.field-meta.xml"}
    ours = compile_formula(default_formula(PACKAGED))
    for text, flag, synced, modified, by in product(
        texts, [True, False], [None, SYNCED], [LATER, SAME, EARLIER], [PERSON, WORKER]
    ):
        one = candidate(flag=flag, synced=synced, modified=modified, by=by, formula_extra={SETUP_USER: WORKER})
        assert compile_formula(text).holds(one.context) is ours.holds(one.context)


def test_our_rule_sees_the_same_whether_the_setting_has_15_or_18_characters() -> None:
    row = {
        PACKAGED.sync_with_aws: True,
        PACKAGED.last_sync_date: stamp(SAME),
        "LastModifiedDate": stamp(LATER),
        "LastModifiedById": WORKER,
    }
    rule = compile_formula(default_formula(PACKAGED))
    types = {PACKAGED.last_sync_date.lower(): "datetime"}
    for setting, expected in ((WORKER_SHORT, False), (WORKER, False), (PERSON, True)):
        assert rule.holds(Context(row_resolver(row, {SETUP_USER: setting}), NOW, types)) is expected
