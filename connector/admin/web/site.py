"""Where the pages are: the address that is listened on, and the one by which browsers may ask."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from connector.errors import ConfigError
from connector.service.config import WebSection


@dataclass(frozen=True, slots=True)
class Site:
    """The pages' own address.

    Attributes:
        address: what people open, without a slash at the end.
        hosts: what a request's ``Host`` may be, in lower case: any other one is a page elsewhere whose name was made
            to lead here.
        secure: whether browsers come by https.
        cookie: name of the session's cookie. Ports share cookies, so the port is part of it.
    """

    address: str
    hosts: frozenset[str]
    secure: bool
    cookie: str

    @property
    def origins(self) -> frozenset[str]:
        """Return what a form's ``Origin`` may be."""
        scheme = "https" if self.secure else "http"
        return frozenset(f"{scheme}://{host}" for host in self.hosts)


def listen(web: WebSection) -> socket.socket:
    """Return the socket of ``[web] bind``, listening.

    Raises:
        ConfigError: the address is none, cannot be listened on, or is open to others without ``[web] url``.
    """
    host, port = _bind(web.bind)
    if not _is_loopback(host) and not web.url.startswith("https://"):
        raise ConfigError(
            f"[web] bind {web.bind!r} is reachable from other machines, and plain http would show them what is typed. "
            "Give the https address of the proxy in front of it as [web] url, or bind 127.0.0.1."
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise ConfigError(f"[web] bind {web.bind!r} cannot be listened on: {error.strerror}. Choose another.") from None
    return listener


def site_of(web: WebSection, port: int) -> Site:
    """Return the site: what ``[web] url`` says, or the loopback address with the port that was found."""
    cookie = f"connector_{port}"
    if web.url:
        parts = urlsplit(web.url)
        if parts.path.strip("/") or parts.query or parts.fragment:
            raise ConfigError(f"[web] url {web.url!r} must be an origin, such as https://connector.acme.example.")
        return Site(web.url, frozenset({parts.netloc.lower()}), parts.scheme == "https", cookie)
    names = ("127.0.0.1", "localhost", "[::1]")
    host = _bind(web.bind)[0]
    shown = "[::1]" if host == "::1" else host
    return Site(f"http://{shown}:{port}", frozenset(f"{name}:{port}" for name in (*names, shown)), False, cookie)


def _bind(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not (colon and host and port.isdigit() and int(port) < 65536):
        raise ConfigError(f"[web] bind {text!r} must be ADDRESS:PORT, such as 127.0.0.1:8080; port 0 takes a free one.")
    return host.strip("[]"), int(port)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        raise ConfigError(f"[web] bind needs an IP address or localhost, not {host!r}.") from None
