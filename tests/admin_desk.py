"""An operator's desk: a sandbox, and the command line run in this process against it."""

from __future__ import annotations

import json
import logging
import os
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
from salesforce_sandbox import Client

from connector.admin.cli import main
from connector.sandbox.seed import make_row
from connector.sandbox.server import Sandbox

DEALS = "ACE_Opportunity__c"
SETTINGS = "ACE_Connector_Settings__c"
QUOTA_SCALE = 1000


@dataclass(frozen=True, slots=True)
class Ran:
    """What one command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on stdout."""
        return json.loads(self.out)


class Desk:
    """The command line, an admin and a seller, all on one sandbox; state and variables are this test's own."""

    def __init__(
        self, sandbox: Sandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, state: Path
    ) -> None:
        self.sandbox, self._capsys, self._monkeypatch = sandbox, capsys, monkeypatch
        self.info = sandbox.launch_info()
        org = self.info["salesforce"]
        self.admin, self.seller = (
            Client(org["instance_url"], org["users"][role]["access_token"]) for role in ("admin", "seller")
        )
        self.state_path = state
        for name in [name for name in os.environ if name.startswith("CONNECTOR")]:
            monkeypatch.delenv(name)
        self.set(CONNECTOR_CONFIG=str(sandbox.config_path), CONNECTOR__STATE__PATH=str(state), COLUMNS="200")

    def set(self, **variables: str) -> None:
        """Set environment variables for the rest of the test."""
        for name, value in variables.items():
            self._monkeypatch.setenv(name, value)

    def run(self, *arguments: str) -> Ran:
        """Run one command as the shell would."""
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        captured = self._capsys.readouterr()
        code = ended.value.code
        return Ran(code if isinstance(code, int) else int(bool(code)), captured.out, captured.err)

    def do(self, *arguments: str, code: int = 0) -> Ran:
        """Run one command that must end with the exit code."""
        ran = self.run(*arguments)
        assert ran.code == code, f"{arguments} ended with {ran.code}\n{ran.out}\n{ran.err}"
        return ran

    def begin(self, *commands: tuple[str, ...]) -> None:
        """Come to where the commands lead a new state: by them, or by a copy of where another test came to by them."""
        assert not self.state_path.exists(), "the state has begun already"
        name = zlib.crc32(repr(commands).encode())
        kept = self.sandbox.directory / f"begun-{name:x}.db"
        if not kept.exists():
            for command in commands:
                self.do(*command)
            shutil.copyfile(self.state_path, kept)
        else:
            shutil.copyfile(kept, self.state_path)

    def deal(self, number: int = 1, **fields: Any) -> str:
        """Create a complete, flagged opportunity as the seller; return its id."""
        answer = self.seller.post(f"sobjects/{DEALS}", {**make_row(number, self.sandbox.clock.now()), **fields})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def shared(self, number: int = 1, **fields: Any) -> tuple[str, str]:
        """Create and share an opportunity; return its id and AWS's."""
        record = self.deal(number, **fields)
        self.do("action", "share", record)
        [row] = self.admin.rows(f"SELECT ACE_APN_Unique_Identifier__c FROM {DEALS} WHERE Id = '{record}'")
        return record, str(row["ACE_APN_Unique_Identifier__c"])

    def settings_row(self) -> dict[str, Any] | None:
        """Return the org default of the settings."""
        fields = "Id, Integration_User_Id__c, PC_API_Sandbox_Enabled__c, Retry_Count__c, Share_Automatically__c"
        rows = self.admin.rows(f"SELECT {fields} FROM {SETTINGS}")
        return rows[0] if rows else None

    def close(self) -> None:
        self.admin.session.close()
        self.seller.session.close()


@contextmanager
def logging_restored() -> Iterator[None]:
    """Leave the process's logging as it was: commands configure it for the stream of the moment."""
    own, root = logging.getLogger("connector"), logging.getLogger()
    handlers, propagate, level, root_handlers = own.handlers[:], own.propagate, own.level, root.handlers[:]
    try:
        yield
    finally:
        own.handlers[:], own.propagate, root.handlers[:] = handlers, propagate, root_handlers
        own.setLevel(level)
        structlog.reset_defaults()
