"""The web pages, served until stopped."""

from __future__ import annotations

import secrets
from contextlib import suppress

import uvicorn

from connector.admin.context import who
from connector.admin.output import people, print_json
from connector.admin.web.access import Access, read_passwords
from connector.admin.web.app import create_app
from connector.admin.web.office import Office
from connector.admin.web.site import Site, listen, site_of
from connector.service.config import Config


def serve(settings: Config, *, as_json: bool) -> None:
    """Print the address to open, and serve the pages at it.

    Raises:
        ConfigError: ``[web]`` cannot be used as it is.
    """
    passwords = read_passwords(settings.web)
    link = "" if passwords else secrets.token_urlsafe(32)
    access = Access(link=link, passwords=lambda: read_passwords(settings.web), who=settings.web.user or who())
    listener = listen(settings.web)
    site = site_of(settings.web, listener.getsockname()[1])
    with listener, Office(settings) as office:
        office.check()
        _tell(site, link, as_json=as_json)
        server = uvicorn.Server(server_config(create_app(office, access, site)))
        with suppress(KeyboardInterrupt):
            server.run(sockets=[listener])


def server_config(app: object) -> uvicorn.Config:
    """Return how the pages are served: nothing of a request is logged, since addresses may name records."""
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        ws="none", lifespan="off", log_level="warning", access_log=False, server_header=False, proxy_headers=False,
        limit_concurrency=64,
    )  # fmt: skip


def _tell(site: Site, link: str, *, as_json: bool) -> None:
    address = f"{site.address}/login?token={link}" if link else f"{site.address}/"
    if as_json:
        print_json({"url": address})
    console = people(as_json=as_json)
    console.print(f"The pages are served at {address}" if not as_json else "The pages are served.", markup=False)
    if link:
        console.print("Whoever has this address can change the mapping: do not pass it on. Stop with Ctrl+C.")
