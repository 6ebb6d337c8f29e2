"""One person's session in Salesforce: for what the integration user may not do, and for the demo's people."""

from __future__ import annotations

from typing import Any

import requests

from connector.errors import AuthFailed, ConfigError, Retriable
from connector.salesforce.settings import address_problems

Row = dict[str, Any]


class Person:
    """One user of a Salesforce org, working through its REST API with their own access token.

    Raises:
        ConfigError: the address is none that a token may be sent to.
    """

    def __init__(self, instance_url: str, api_version: str, token: str) -> None:
        problems = address_problems("instance-url", instance_url)
        if problems:
            raise ConfigError(" ".join(problems))
        self._origin = instance_url.rstrip("/")
        self._base = f"{self._origin}/services/data/v{api_version}"
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Bearer {token}"

    def org_id(self) -> str:
        """Return the id (18 characters) of the org that the session belongs to."""
        return str(self.query("SELECT Id FROM Organization")[0]["Id"])

    def create(self, object_name: str, row: Row) -> str:
        """Create a record and return its id."""
        return str(self._ask("POST", f"sobjects/{object_name}", json=row)["id"])

    def edit(self, object_name: str, record_id: str, values: Row) -> None:
        """Change fields of a record."""
        self._ask("PATCH", f"sobjects/{object_name}/{record_id}", json=values)

    def query(self, soql: str) -> list[Row]:
        """Return the rows of a query that fit one page."""
        rows: list[Row] = self._ask("GET", "query", params={"q": soql})["records"]
        return rows

    def _ask(self, method: str, path: str, **options: Any) -> Any:
        try:
            answer = self._session.request(method, f"{self._base}/{path}", timeout=30, allow_redirects=False, **options)
        except requests.RequestException as error:
            raise Retriable(f"{self._origin} cannot be reached ({type(error).__name__}). Try again.") from None
        if answer.status_code == 401:
            raise AuthFailed(f"{self._origin} does not accept the access token. Get a new one, and check the address.")
        if not answer.ok:
            raise ConfigError(f"Salesforce refused {method} {path.partition('/')[2] or path}: {answer.text[:500]}")
        return answer.json() if answer.content else None
