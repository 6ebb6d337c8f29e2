"""One line of ``connector check``: a prerequisite, whether it holds, and the remedy where it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from connector.errors import ConnectorError, Problem

UNKNOWN_VISIBILITY = "VISIBILITY_UNKNOWN"


@dataclass(frozen=True, slots=True)
class Line:
    """One prerequisite: whether it holds, and what to do where it does not.

    Attributes:
        warning: it could not be found out, or could be better, which is no failure.
    """

    integration: str
    name: str
    ok: bool
    message: str
    warning: bool = False

    @property
    def mark(self) -> str:
        return "FAIL" if not self.ok else "warn" if self.warning else "ok"


class FailedError(ConnectorError):
    """A prerequisite that does not hold."""


class UnknownError(ConnectorError):
    """A prerequisite of which nobody can tell whether it holds, or that could be better."""


def try_line(integration: str, name: str, attempt: Callable[[], str]) -> Line:
    """Return the line that says what the attempt came to."""
    try:
        return Line(integration, name, ok=True, message=attempt())
    except UnknownError as error:
        return Line(integration, name, ok=True, message=str(error), warning=True)
    except ConnectorError as error:
        return Line(integration, name, ok=False, message=str(error))


def none_of(found: Iterable[Problem], good: str) -> str:
    """Return that it is good, where there is no problem.

    Raises:
        UnknownError: nobody could find out.
        FailedError: there are others.
    """
    problems = list(found)
    text = "; ".join(map(str, problems))
    if any(problem.code != UNKNOWN_VISIBILITY for problem in problems):
        raise FailedError(text)
    if problems:
        raise UnknownError(text)
    return good
