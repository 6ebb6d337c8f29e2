"""``connector version``: this program's version, the package's in the org, the worker's, and whether they fit."""

from __future__ import annotations

from dataclasses import dataclass

import typer

from connector import __version__
from connector.admin.context import JsonFlag, open_runtime
from connector.admin.output import people, print_json
from connector.names import WORKER, Worker
from connector.salesforce.door import SalesforceDoor

UNINSTALLED = "0"
"""The version of a source tree that was never installed."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a program and a package fit together, and what to do where they do not."""

    fits: bool
    message: str


def version(*, as_json: JsonFlag = False) -> None:
    """Show the versions of this program, of the package in the org and of the worker; exit 1 if they do not fit.

    `connector --version` prints this program's version alone and asks nobody.
    """
    with open_runtime(exclusive=False) as runtime:
        package, working = package_version(runtime.salesforce), working_versions(runtime.salesforce)
    verdict = compare(__version__, package)
    if as_json:
        found = {"connector": __version__, "package": package or None, "workers": working}
        print_json({**found, "compatible": verdict.fits, "message": verdict.message})
    console = people(as_json=as_json)
    console.print(f"connector  {__version__}", markup=False)
    console.print(f"package    {package or 'unknown'}", markup=False)
    for host, one in working.items():
        console.print(f"worker     {one} on {host}", markup=False)
    console.print(verdict.message, markup=False)
    if not verdict.fits:
        raise typer.Exit(1)


def package_version(door: SalesforceDoor) -> str:
    """Return the version of the package in the org; empty where the package has none or the user does not see it.

    Raises:
        ConfigError: the org has no object of workers: the package is not deployed, or not open to the user.
    """
    field = door.describe(WORKER).field(Worker.PACKAGE_VERSION)
    return "" if field is None else field.formula.strip().strip('"')


def working_versions(door: SalesforceDoor) -> dict[str, str]:
    """Return the version of each worker that the org knows, by its host."""
    soql = f"SELECT {Worker.HOST}, {Worker.VERSION} FROM {WORKER} ORDER BY {Worker.HEARTBEAT}"  # noqa: S608
    return {str(row[Worker.HOST]): str(row[Worker.VERSION]) for row in door.query(soql) if row[Worker.VERSION]}


def compare(program: str, package: str) -> Verdict:
    """Tell whether a program works with a package: their first two numbers are the same.

    Args:
        program: such as ``1.4.2``.
        package: the same, or empty where it is unknown.
    """
    if program == UNINSTALLED:
        return Verdict(fits=True, message="This program was never installed, so that its version is unknown.")
    if not package:
        remedy = "Deploy the package that came with this version, and let the integration user see its fields."
        return Verdict(fits=False, message=f"The package's version is unknown: it is an older one. {remedy}")
    ours, theirs = _series(program), _series(package)
    if ours == theirs:
        return Verdict(fits=True, message="They fit together.")
    if ours > theirs:
        return Verdict(fits=False, message=f"The package is older: deploy the package of version {program}.")
    return Verdict(fits=False, message=f"The package is newer: install version {package} of this program.")


def _series(text: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isdigit() else 0 for part in text.split(".")[:2])
