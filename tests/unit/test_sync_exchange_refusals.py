"""AWS's errors in results, as people read them on the record."""

from __future__ import annotations

import pytest

from connector.ace.result_shape import FileRefusal, ResultError
from connector.sync.exchange.refusals import file_errors, problems_of


@pytest.mark.parametrize(
    ("message", "code", "kind"),
    [
        ("No new update identified for this record", "NO_NEW_UPDATE", "data"),
        ("User not found for Opportunity Owner email:xyz.abc@test.com", "USER_NOT_FOUND", "data"),
        ("additionalComments: data value too large (max length=255)", "REFUSED_BY_AWS", "data"),
        ("You do not have permission for this partner account", "NO_PERMISSION", "permission"),
        ("An internal error occurred. Please try again later.", "SERVICE_FAILED", "service"),
        ("[...] is not of type object", "FILE_REFUSED", "data"),
    ],
)
def test_an_error_has_its_code_its_class_and_a_remedy(message: str, code: str, kind: str) -> None:
    """FAQ-09: data, permission or service; AWS's words stay whole."""
    [problem] = problems_of([ResultError(message)])
    assert problem.code == code and message in problem.rule and f"({kind} error)" in problem.rule and problem.remedy


def test_errors_of_one_code_and_field_share_a_problem_and_none_is_lost() -> None:
    """S3-25: details are open once per code and field."""
    errors = [ResultError("One"), ResultError("Two"), ResultError("One"), ResultError("stage: no", field="stage")]
    problems = problems_of(errors)
    assert [(one.code, one.field) for one in problems] == [("REFUSED_BY_AWS", ""), ("REFUSED_BY_AWS", "stage")]
    assert "One; Two" in problems[0].rule


def test_awss_own_code_is_kept_but_not_a_mere_number() -> None:
    assert [one.code for one in problems_of([ResultError("x", "Invalid-Value"), ResultError("y", "400")])] == [
        "INVALID_VALUE",
        "REFUSED_BY_AWS",
    ]


def test_a_refused_file_is_an_error_of_its_records() -> None:
    """S3-11."""
    [problem] = problems_of(file_errors(FileRefusal("a", "Only .json is accepted.")))
    assert (problem.code, problem.field) == ("FILE_REFUSED", "") and "Only .json is accepted." in problem.rule
