"""The application: pages, what stands before them, and how errors are told."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, FastAPI, Form, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles

from connector.admin.web import field_pages, preview_pages, release_pages, setup_pages, value_pages
from connector.admin.web.access import Access, SlowDown
from connector.admin.web.guard import Guard, login_page, safe_path
from connector.admin.web.office import Office
from connector.admin.web.rendering import PLACE, render
from connector.admin.web.site import Site
from connector.admin.web.visits import SEE_OTHER, Here, read_form
from connector.errors import AuthFailed, ConnectorError, Retriable


def create_app(office: Office, access: Access, site: Site) -> Guard:
    """Return the pages as an ASGI application that answers at its own address only."""
    app = FastAPI(title="Connector", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.office, app.state.access, app.state.site = office, access, site
    app.get("/")(_first_page)
    app.get("/login")(_by_link)
    app.post("/login")(_by_password)
    app.post("/logout", dependencies=[Depends(read_form)])(_leave)
    app.mount("/static", StaticFiles(directory=PLACE / "static"))
    for pages in (preview_pages, value_pages, setup_pages, release_pages, field_pages):
        app.include_router(pages.router)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(404, _absent)
    app.add_exception_handler(405, _absent)
    app.add_exception_handler(RequestValidationError, _absent)
    app.add_exception_handler(ConnectorError, _failed)
    # Around everything, so that answers to what nobody foresaw carry the headers too.
    return Guard(app, access, site)


def _first_page(visit: Here) -> Response:
    return visit.go(f"/{visit.kind}")


def _by_link(request: Request, token: str = "", to: str = "/") -> Response:
    """Let in by the printed link, or show the login."""
    if token:
        return _enter(request, token, to)
    if request.state.session is not None:
        return RedirectResponse(safe_path(to), SEE_OTHER)
    return login_page(request.app.state.access, "", status=200, to=safe_path(to))


def _by_password(request: Request, secret: Annotated[str, Form()] = "", to: Annotated[str, Form()] = "/") -> Response:
    """Let in by a password, or by the printed link's token."""
    return _enter(request, secret.strip(), to)


def _enter(request: Request, given: str, to: str) -> Response:
    access: Access = request.app.state.access
    site: Site = request.app.state.site
    try:
        key = access.enter(given)
    except SlowDown as error:
        answer: Response = login_page(access, str(error), status=429, to=safe_path(to))
        answer.headers["retry-after"] = str(int(error.seconds) + 1)
        return answer
    if key is None:
        words = "That token is not this process's: open the address that was printed last."
        return login_page(access, words if access.by_link else "That password is wrong.", status=401, to=safe_path(to))
    answer = RedirectResponse(safe_path(to), SEE_OTHER)
    answer.set_cookie(site.cookie, key, httponly=True, samesite="strict", secure=site.secure, path="/")
    return answer


def _leave(request: Request) -> Response:
    """End the session."""
    site: Site = request.app.state.site
    request.app.state.access.leave(request.cookies.get(site.cookie, ""))
    answer = RedirectResponse("/login", SEE_OTHER)
    answer.delete_cookie(site.cookie, path="/")
    return answer


def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return HTMLResponse(render("refused.html", words=str(error.detail)), error.status_code)


def _absent(_request: Request, _error: Exception) -> Response:
    return HTMLResponse(render("refused.html", words="There is no such page."), 404)


def _failed(_request: Request, error: Exception) -> Response:
    """Tell what a door or the state could not do; nothing of it is the reader's fault."""
    status = 503 if isinstance(error, Retriable) else 502 if isinstance(error, AuthFailed) else 500
    return HTMLResponse(render("refused.html", words=str(error)), status)
