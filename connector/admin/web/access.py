"""Who may enter: by the link that the command printed, or by a password; and the sessions that follow from it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Lock

from connector.errors import ConfigError
from connector.service.config import WebSection, secret

IDLE_SECONDS = 8 * 3600.0
"""A session that nobody used for so long has ended."""
MOST_SESSIONS = 200
LEAST_PASSWORD = 12
"""Characters that a password must have at least."""
FREE_FAILURES = 3
"""Wrong passwords before the next one has to wait."""
LONGEST_WAIT = 60.0


class Role(StrEnum):
    """What someone may do: a viewer looks, an editor changes."""

    EDITOR = "editor"
    VIEWER = "viewer"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to tell on the next page. ``level`` is ``done``, ``note`` or ``problem``."""

    level: str
    text: str


@dataclass(slots=True)
class Session:
    """One browser that was let in.

    Attributes:
        who: the name that the mapping's history gets.
        csrf: token that every form carries: another site's page cannot know it.
        seen_at: when it was used last, by the access's clock.
        saved: AWS field whose change was kept last, to be marked on the next list.
    """

    role: Role
    who: str
    csrf: str
    seen_at: float
    notices: list[Notice] = field(default_factory=list)
    saved: str = ""

    @property
    def can_edit(self) -> bool:
        return self.role is Role.EDITOR

    def tell(self, level: str, *texts: str) -> None:
        """Keep what the next page tells."""
        self.notices += [Notice(level, text) for text in texts]

    def taken(self) -> list[Notice]:
        """Return what is to be told, and forget it."""
        told, self.notices = self.notices, []
        return told


class SlowDown(Exception):
    """Too many wrong passwords: the next is looked at in ``seconds``."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"Too many failed logins. Try again in {seconds:.0f} seconds.")
        self.seconds = seconds


class Access:
    """Lets browsers in and knows those that were.

    Args:
        link: token of the link that the command prints; empty where a password is needed.
        passwords: by role, read anew at each login so that a changed file counts at once.
        who: the editors' name in the history.
        now: seconds of any clock that never goes back.
    """

    def __init__(
        self,
        *,
        link: str,
        passwords: Callable[[], Mapping[Role, str]],
        who: str,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._link, self._passwords, self._who, self._now = link, passwords, who, now
        self._sessions: dict[str, Session] = {}
        self._lock = Lock()
        self._failures, self._closed_until = 0, 0.0

    @property
    def by_link(self) -> bool:
        """Whether the printed link lets in, and not a password."""
        return bool(self._link)

    def enter(self, given: str) -> str | None:
        """Return the key of a new session for a token or password, None where it is wrong.

        Raises:
            SlowDown: too many were wrong before. The link's token, which nobody guesses, always lets in.
        """
        if self._link and _same(given, self._link):
            return self._open(Role.EDITOR)
        with self._lock:
            wait = self._closed_until - self._now()
            if wait > 0:
                raise SlowDown(wait)
            role = next((role for role, text in self._passwords().items() if _same(given, text)), None)
            if role is None:
                self._count_failure()
                return None
            self._failures = 0
        return self._open(role)

    def session(self, key: str) -> Session | None:
        """Return the session of a cookie's value, None where there is none or it has ended."""
        now, name = self._now(), _digest(key)
        with self._lock:
            found = self._sessions.get(name)
            if found is None:
                return None
            if now - found.seen_at > IDLE_SECONDS:
                del self._sessions[name]
                return None
            found.seen_at = now
            return found

    def leave(self, key: str) -> None:
        """End a session."""
        with self._lock:
            self._sessions.pop(_digest(key), None)

    def _open(self, role: Role) -> str:
        key = secrets.token_urlsafe(32)
        session = Session(role, self._who, secrets.token_urlsafe(32), self._now())
        with self._lock:
            while len(self._sessions) >= MOST_SESSIONS:
                del self._sessions[min(self._sessions, key=lambda name: self._sessions[name].seen_at)]
            self._sessions[_digest(key)] = session
        return key

    def _count_failure(self) -> None:
        self._failures += 1
        if self._failures >= FREE_FAILURES:
            wait = min(2.0 ** (self._failures - FREE_FAILURES), LONGEST_WAIT)
            self._closed_until = self._now() + wait


def read_passwords(web: WebSection) -> Mapping[Role, str]:
    """Return the passwords that ``[web]`` refers to, by role.

    Raises:
        ConfigError: one cannot be read or is too short, both are the same, or there is one for viewers only.
    """
    given = {
        Role.EDITOR: secret(web.password, "[web] password").strip(),
        Role.VIEWER: secret(web.viewer_password, "[web] viewer_password").strip(),
    }
    named = {role: text for role, text in given.items() if getattr(web, _KEYS[role])}
    for role, text in named.items():
        if len(text) < LEAST_PASSWORD:
            raise ConfigError(f"[web] {_KEYS[role]} is shorter than {LEAST_PASSWORD} characters. Take a longer one.")
    if Role.VIEWER in named and Role.EDITOR not in named:
        raise ConfigError("[web] viewer_password is set without password: nobody could change anything. Set both.")
    if len(set(named.values())) < len(named):
        raise ConfigError("[web] password and viewer_password are the same. Take two.")
    return named


_KEYS = {Role.EDITOR: "password", Role.VIEWER: "viewer_password"}


def _same(given: str, wanted: str) -> bool:
    """Compare in constant time: how long it takes tells nothing."""
    return hmac.compare_digest(given.encode(), wanted.encode())


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
