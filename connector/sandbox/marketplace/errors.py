"""What the Catalog API answers when it refuses."""

from __future__ import annotations

from typing import Any

from connector.sandbox.partner_central import errors as shared

REASON = "FieldValidationFailed"
_STATUSES = {
    "AccessDeniedException": 403,
    "InternalServiceException": 500,
    "ResourceInUseException": 423,
    "ResourceNotFoundException": 404,
    "ResourceNotSupportedException": 415,
    "ServiceQuotaExceededException": 402,
    "ThrottlingException": 429,
    "ValidationException": 422,
}
BY_STATUS = {status: name for name, status in _STATUSES.items()}
REFUSALS = frozenset(_STATUSES) - {"ResourceInUseException", "ServiceQuotaExceededException", "ValidationException"}
"""What describing one entity can be refused with."""


class CatalogError(Exception):
    """An error answer of the service.

    Attributes:
        type: the error's name, as header ``x-amzn-ErrorType`` tells it.
        status: the HTTP status.
        fields: the entries of a ValidationException.
    """

    def __init__(
        self, error_type: str, message: str, *, status: int = 0, fields: list[dict[str, str]] | None = None
    ) -> None:
        super().__init__(message)
        self.type = error_type
        self.status = status or _STATUSES[error_type]
        self.fields = fields

    def body(self) -> dict[str, Any]:
        """Return the JSON body."""
        if self.fields is None:
            return {"Message": str(self)}
        return {"Message": str(self), "ValidationExceptionFieldList": self.fields}


def invalid(field: str, message: str, reason: str = REASON) -> CatalogError:
    """Return a ValidationException about one field; empty: about the request as a whole."""
    entry = {"Reason": reason, "Message": message}
    return CatalogError("ValidationException", message, fields=[{**entry, "Field": field} if field else entry])


def not_found(identifier: str) -> CatalogError:
    """Return the answer for an entity that does not exist."""
    return CatalogError("ResourceNotFoundException", f"The entity {identifier} was not found.")


def access_denied(account: str, operation: str) -> CatalogError:
    """Return the answer for what the account may not do."""
    action = "DescribeEntity" if operation == "BatchDescribeEntities" else operation
    return CatalogError(
        "AccessDeniedException", f"Account {account} is not authorized to perform: aws-marketplace:{action}"
    )


def translate(error: shared.ServiceError) -> CatalogError:
    """Return what this service says of an error that the parts shared with Partner Central raised."""
    if isinstance(error, shared.ValidationError):
        entries = [{"Reason": REASON, "Message": one.message, "Field": one.field} for one in error.errors]
        told = [{name: value for name, value in entry.items() if value} for entry in entries]
        return CatalogError("ValidationException", str(error), fields=told)
    if isinstance(error, shared.ThrottlingError):
        return CatalogError("ThrottlingException", str(error))
    return CatalogError(error.type, str(error), status=403)
