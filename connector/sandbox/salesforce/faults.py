"""How Salesforce says no: the error of a call or a row, in its own codes and words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class ApiError(Exception):
    """A refusal of a whole call (answered as a list of one error) or of one row of many.

    Attributes:
        code: Salesforce's error code, such as ``REQUIRED_FIELD_MISSING``.
        fields: the API names concerned, or None where Salesforce's answer has no such member.
        status: HTTP status when the call as a whole is refused.
    """

    def __init__(self, code: str, message: str, fields: Sequence[str] | None = None, *, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.fields, self.status = code, message, fields, status

    def body(self) -> dict[str, Any]:
        """Return the error as single-row and call-level answers show it."""
        body: dict[str, Any] = {"message": self.message, "errorCode": self.code}
        return body if self.fields is None else body | {"fields": list(self.fields)}

    def row_body(self) -> dict[str, Any]:
        """Return the error as collections show it: ``statusCode`` instead of ``errorCode``."""
        return {"statusCode": self.code, "message": self.message, "fields": list(self.fields or ())}


class RowErrors(Exception):
    """Everything that is wrong with one row."""

    def __init__(self, errors: Sequence[ApiError]) -> None:
        super().__init__("; ".join(str(error) for error in errors))
        self.errors = list(errors)

    @property
    def status(self) -> int:
        return self.errors[0].status


class AmbiguousKey(Exception):
    """Several rows carry the external id of an upsert; nothing was written."""

    def __init__(self, ids: Sequence[str]) -> None:
        super().__init__("several rows carry the external id")
        self.ids = list(ids)


def not_found() -> ApiError:
    return ApiError("NOT_FOUND", "The requested resource does not exist", status=404)


def no_such_column(name: str, sobject: str) -> ApiError:
    return ApiError("INVALID_FIELD", f"No such column '{name}' on sobject of type {sobject}")
