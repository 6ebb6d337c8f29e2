"""The worker as a process of its own: started, watched through its log, stopped or killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from command_line import Running, command_line

if TYPE_CHECKING:
    from system_world import World

SWEEP_SECONDS = 10
Json = dict[str, Any]


Process = Running | subprocess.Popen[bytes]
Start = Callable[[Mapping[str, str], Path, Path], Process]
"""(environment, directory, log) → a process that runs the worker."""


def forked(environment: Mapping[str, str], directory: Path, log: Path) -> Process:
    """Start the worker from a process that has loaded the program: ready within a moment."""
    return command_line().start(["run"], environment, directory, log)


def as_installed(environment: Mapping[str, str], directory: Path, log: Path) -> Process:
    """Start the worker as an operator does: the interpreter and the whole program anew."""
    with log.open("ab") as target:
        return subprocess.Popen(
            [sys.executable, "-m", "connector", "run"],
            env=environment, cwd=directory, stdin=subprocess.DEVNULL, stdout=target, stderr=target,
        )  # fmt: skip


class Worker:
    """A running ``connector run``."""

    def __init__(self, world: World, log: Path, start: Start = forked, **variables: str) -> None:
        self.world, self.log = world, log
        self._read, self._lines = 0, list[Json]()
        log.touch()
        self.process = start(world.environment(**variables), world.directory, log)

    def lines(self) -> list[Json]:
        """Return the worker's log so far; a line that was cut by a kill is left out."""
        with self.log.open("rb") as log:
            log.seek(self._read)
            new = log.read()
        # What is written just now is read the next time.
        new = new[: new.rfind(b"\n") + 1]
        self._read += len(new)
        self._lines += [json.loads(line) for line in new.splitlines() if line.startswith(b"{") and line.endswith(b"}")]
        return self._lines

    def count(self, event: str) -> int:
        return sum(line["event"] == event for line in self.lines())

    def wait_for(self, event: str, times: int = 1) -> None:
        """Wait until the log has told the event so often."""
        self.world.eventually(lambda: self.count(event) >= times or self._died(), f"{times} × {event!r} in the log")

    def _died(self) -> bool:
        code = self.process.poll()
        assert code is None, f"the worker ended with {code}:\n{self.log.read_text(encoding='utf8')[-3000:]}"
        return False

    def cycle(self, seconds: float = 11) -> None:
        """Let time pass so that every periodic look happens once more, then wait until all work is done."""
        looks = self.count("looked for changes in Salesforce")
        sweeps = self.count("looked for changes at AWS")
        self.world.advance(seconds)
        self.wait_for("looked for changes in Salesforce", looks + 1)
        if seconds >= SWEEP_SECONDS:
            self.wait_for("looked for changes at AWS", sweeps + 1)
        self.settle()

    def shared(self, *steps: str, **fields: Any) -> tuple[str, str]:
        """Share a new deal and let AWS review it (approved by default); both sides know. Return record and AWS id."""
        record = self.world.deal(**fields)
        self.cycle()
        identifier = str(self.world.row(record)["ACE_APN_Unique_Identifier__c"])
        self.world.review(identifier, *(steps or ("Approved",)))
        self.cycle()
        return record, identifier

    def submitted(self, record: str) -> str:
        """Share a record by command; return AWS's id once AWS has it for review."""
        self.world.do("action", "share", record)

        def under_review() -> str:
            self.settle()
            found = self.world.of_record(record)
            return found[0] if found and self.world.get(found[0])["LifeCycle"]["ReviewStatus"] == "Submitted" else ""

        return str(self.world.eventually(under_review, lambda: f"the submission; there is {self.world.pending()}"))

    def settle(self) -> None:
        """Wait until nothing is due and everything was written to Salesforce."""
        self.world.advance(2)
        busy = self.world.pending
        self.world.eventually(lambda: self._died() or not busy(), lambda: f"a quiet worker; there is {busy()}")

    def kill(self) -> None:
        """End it in the middle of whatever it does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=20)

    def stop(self, within: float = 60) -> int:
        """Ask it to stop as systemd does; return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=within)
