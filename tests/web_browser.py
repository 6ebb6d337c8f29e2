"""The web pages served for a test, and browsers that read and send them as people do: links, forms, buttons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Thread
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import uvicorn
from lxml import html

from connector.admin.web.access import Access, Role
from connector.admin.web.app import create_app
from connector.admin.web.office import Office
from connector.admin.web.serving import server_config
from connector.admin.web.site import Site, listen, site_of
from connector.service.config import load_config

LINK = "a-link-token-that-nobody-guesses-0123456789"
PASSWORDS = {Role.EDITOR: "the editors' password", Role.VIEWER: "the viewers' password"}


@dataclass(frozen=True, slots=True)
class Pages:
    """Served pages."""

    site: Site
    access: Access
    office: Office

    def browser(self) -> Browser:
        """Return a browser that nobody has logged in with."""
        return Browser(self.site.address)

    def entered(self) -> Browser:
        """Return a browser that came by the printed link."""
        browser = self.browser()
        browser.open(f"/login?token={LINK}")
        return browser


class Page:
    """What a browser shows."""

    def __init__(self, answer: requests.Response) -> None:
        self.answer, self.status = answer, answer.status_code
        self.root = html.fromstring(answer.text or "<html></html>", base_url=answer.url)
        self.path = urlsplit(answer.url).path

    @property
    def text(self) -> str:
        """What a person reads, white space made single."""
        return " ".join(self.root.text_content().split())

    def find(self, path: str) -> list[Any]:
        found: list[Any] = self.root.xpath(path)
        return found

    def texts(self, path: str) -> list[str]:
        return [" ".join(one.text_content().split()) for one in self.find(path)]

    @property
    def told(self) -> str:
        """Notices and refusals."""
        return "\n".join(self.texts("//*[@role='status' or @role='alert']"))

    def form(self, action: str) -> Any:
        found = [one for one in self.root.forms if one.get("action") == action and one.method == "POST"]
        assert found, f"{self.path} ({self.status}) sends no form to {action}. {self.told}"
        return found[0]

    def row(self, ace_field: str) -> Any:
        """Return the list's line of an AWS field."""
        return self.find(f"//tr[@id='{ace_field}']")[0]


class Browser:
    """Cookies, and forms sent with what they hold."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.session = requests.Session()
        self.session.trust_env = False

    def open(self, path: str) -> Page:
        return Page(self.session.get(self.address + path, timeout=30))

    def send(
        self,
        page: Page,
        action: str,
        fields: Mapping[str, Any] | None = None,
        *,
        button: Sequence[str] = (),
        file: str | bytes | None = None,
    ) -> Page:
        """Send the page's form to that address, fields replaced by those given (None leaves one out)."""
        form = page.form(action)
        values = [(name, text) for name, text in form.form_values() if name not in (fields or {})]
        for name, text in (fields or {}).items():
            values += [(name, one) for one in ([text] if isinstance(text, str) else text or [])]
        if button:
            values.append((button[0], button[1]))
        return self.post(urljoin(page.answer.url, action), values, file=file)

    def post(self, url: str, values: Any, *, file: str | bytes | None = None, **options: Any) -> Page:
        """Send what a form of these pages would send."""
        url = url if url.startswith("http") else self.address + url
        headers = {"Origin": self.address, **options.pop("headers", {})}
        content = file.encode() if isinstance(file, str) else file
        files = None if content is None else {"file": ("file", content)}
        return Page(self.session.post(url, data=values, files=files, headers=headers, timeout=60, **options))

    def close(self) -> None:
        self.session.close()


@contextmanager
def serve_pages(*, link: str = LINK, passwords: Mapping[Role, str] | None = None, url: str = "") -> Iterator[Pages]:
    """Serve the pages on a free loopback port, with the configuration of the environment."""
    config = load_config()
    web = config.web.model_copy(update={"bind": "127.0.0.1:0", "url": url})
    listener = listen(web)
    site = site_of(web, listener.getsockname()[1])
    if url:
        site = replace(site, address=f"http://127.0.0.1:{listener.getsockname()[1]}")
    access = Access(link=link, passwords=lambda: passwords or {}, who="web-admin")
    with listener, Office(config) as office:
        server = uvicorn.Server(server_config(create_app(office, access, site)))
        thread = Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield Pages(site, access, office)
        finally:
            server.should_exit = server.force_exit = True
            thread.join(timeout=20)
