"""What the service answers when it refuses: one exception per error type of the service model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Code = Literal[
    "REQUIRED_FIELD_MISSING",
    "INVALID_ENUM_VALUE",
    "INVALID_STRING_FORMAT",
    "INVALID_VALUE",
    "NOT_ENOUGH_VALUES",
    "TOO_MANY_VALUES",
    "INVALID_RESOURCE_STATE",
    "DUPLICATE_KEY_VALUE",
    "VALUE_OUT_OF_RANGE",
    "ACTION_NOT_PERMITTED",
]
SHAPES = "com.amazonaws.partnercentralselling#"


@dataclass(frozen=True, slots=True)
class FieldError:
    """One entry of a ValidationException's ErrorList; ``field`` is empty on some of the service's."""

    code: Code
    field: str
    message: str

    def wire(self) -> dict[str, str]:
        """Return the entry as the service sends it."""
        entry: dict[str, str] = {"Code": self.code, "Message": self.message}
        return {**entry, "FieldName": self.field} if self.field else entry


class ServiceError(Exception):
    """An error answer of the service.

    Attributes:
        type: the shape's name.
        status: the HTTP status.
    """

    type = "InternalServerException"
    status = 400

    def body(self) -> dict[str, Any]:
        """Return the JSON body."""
        return {"__type": SHAPES + self.type, "Message": str(self)}


class ValidationError(ServiceError):
    """ValidationException with all its entries."""

    type = "ValidationException"

    def __init__(self, errors: list[FieldError], reason: str = "BUSINESS_VALIDATION_FAILED") -> None:
        noun = "error" if len(errors) == 1 else "errors"
        super().__init__(f"{len(errors)} validation {noun} detected: " + "; ".join(error.message for error in errors))
        self.errors = errors
        self.reason = reason

    def body(self) -> dict[str, Any]:
        return {**super().body(), "Reason": self.reason, "ErrorList": [error.wire() for error in self.errors]}


class ConflictError(ServiceError):
    """ConflictException: a stale lock, a token with another body, or a state that does not allow the call."""

    type = "ConflictException"


class NotFoundError(ServiceError):
    """ResourceNotFoundException."""

    type = "ResourceNotFoundException"


class AccessDeniedError(ServiceError):
    """AccessDeniedException."""

    type = "AccessDeniedException"


class ThrottlingError(ServiceError):
    """ThrottlingException."""

    type = "ThrottlingException"


class FrontDoorError(ServiceError):
    """An error of the common AWS front end, which no service model declares."""

    def __init__(self, error_type: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.type = error_type
        self.status = status


def refuse(code: Code, field: str, message: str) -> ValidationError:
    """Return a business ValidationException with one entry."""
    return ValidationError([FieldError(code, field, message)])


def not_found(identifier: str) -> NotFoundError:
    """Return the answer for an id that does not exist here or is not visible."""
    return NotFoundError(f"Resource with Identifier {identifier} does not exist or is not accessible")
