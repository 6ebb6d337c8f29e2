"""One request's visit to the desk: who asks, of which record type, with which form, and where they go afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hmac import compare_digest
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import urlencode

from fastapi import Depends, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from connector.admin.web.access import Session
from connector.admin.web.drafts import DraftDesk, StaleDraft
from connector.admin.web.guard import MOST_BYTES
from connector.admin.web.office import Office
from connector.admin.web.rendering import render
from connector.errors import ConfigError, MappingError, Problem, Refused
from connector.mapping.fit import is_blocking
from connector.mapping.model import RecordType
from connector.service.runtime import Runtime

T = TypeVar("T")
MOST_FIELDS = 4000
"""Fields of a form: the largest has two per country."""
SEE_OTHER = 303


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form that was sent, and the text of a file that went along."""

    values: tuple[tuple[str, str], ...] = ()
    content: bytes = b""

    @property
    def file(self) -> str:
        """The text of the file, empty where none came. Raises ConfigError where it is no text in UTF-8."""
        try:
            return self.content.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise ConfigError("The file is no text in UTF-8. Choose the file as it was exported.") from None

    def get(self, name: str) -> str:
        """Return a field's text without white space around it, empty where it was not sent."""
        return next((text.strip() for key, text in self.values if key == name), "")

    def all(self, name: str) -> list[str]:
        return [text for key, text in self.values if key == name]

    def table(self, prefix: str) -> dict[str, str]:
        """Return the fields whose name begins so, by the rest of the name. Values count as they are."""
        return {key.removeprefix(prefix): text for key, text in self.values if key.startswith(prefix)}


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """What came of something tried: a result, or what kept it from being done and with which status that is told."""

    result: T | None = None
    refusal: str = ""
    status: int = 200


@dataclass(slots=True)
class Visit:
    """A request by someone who is logged in."""

    request: Request
    session: Session
    office: Office
    kind: RecordType = "opportunity"

    def ask(self, work: Callable[[DraftDesk], T]) -> T:
        """Return what the work at the desk comes to."""
        return self.office.ask(lambda runtime: work(self._desk(runtime)))

    def attempt(self, work: Callable[[DraftDesk], T]) -> Outcome[T]:
        """Do the work; what cannot be done is told on the form, with everything entered still there."""
        try:
            return Outcome(self.ask(work))
        except StaleDraft as error:
            return Outcome(refusal=str(error), status=409)
        except (MappingError, ConfigError, Refused) as error:
            return Outcome(refusal=str(error), status=422)

    def page(self, template: str, *, status: int = 200, refusal: str = "", **values: Any) -> HTMLResponse:
        """Return the page, with what is to be told."""
        notices = self.session.taken()
        text = render(
            template, session=self.session, kind=self.kind, notices=notices, refusal=refusal,
            here=self.request.url.path, **values,
        )  # fmt: skip
        return HTMLResponse(text, status)

    def go(self, path: str, **parameters: str) -> RedirectResponse:
        """Return the way to another page after something was done."""
        query = urlencode({name: text for name, text in parameters.items() if text})
        return RedirectResponse(f"{path}?{query}" if query else path, SEE_OTHER)

    def tell_problems(self, problems: tuple[Problem, ...]) -> None:
        """Tell on the next page what a change brought, blocking problems first."""
        for problem in sorted(problems, key=lambda one: not is_blocking(one)):
            self.session.tell("problem" if is_blocking(problem) else "note", str(problem))

    def _desk(self, runtime: Runtime) -> DraftDesk:
        return DraftDesk(runtime, self.kind, self.session.who)


def visit_of(request: Request) -> Visit:
    """Return the visit of a page that belongs to no record type."""
    return Visit(request, request.state.session, request.app.state.office)


def visit_of_kind(request: Request, kind: RecordType) -> Visit:
    """Return the visit of a page about opportunities or leads."""
    return Visit(request, request.state.session, request.app.state.office, kind)


async def read_form(request: Request) -> Form:
    """Return the form of a request whose token is the session's.

    Raises:
        HTTPException: 403 for a wrong token: the form is not one that these pages gave this browser.
    """
    async with request.form(max_files=1, max_fields=MOST_FIELDS, max_part_size=MOST_BYTES) as sent:
        values = tuple((key, text.replace("\r\n", "\n")) for key, text in sent.multi_items() if isinstance(text, str))
        files = [part for _, part in sent.multi_items() if not isinstance(part, str)]
        content = b"".join([await part.read() for part in files])
    form = Form(values, content)
    session: Session | None = request.state.session
    if session is None or not _same(form.get("csrf"), session.csrf):
        raise HTTPException(403, "The form has no valid token. Nothing was changed: open the page anew and send again.")
    return form


def _same(given: str, wanted: str) -> bool:
    return compare_digest(given.encode(), wanted.encode())


Here = Annotated[Visit, Depends(visit_of)]
OfKind = Annotated[Visit, Depends(visit_of_kind)]
Sent = Annotated[Form, Depends(read_form)]
