"""Bring the package into an org: checked first, then the base, then the extras, then rights for administrators.

Run ``python salesforce_metadata/deploy.py ORG [EXTRA ...]`` where ``ORG`` is an alias or username that Salesforce's
command line ``sf`` is logged in to. The first installation and every upgrade are the same command: it changes metadata
only, no record and no setting, and a second run finds nothing to do.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from xml.etree import ElementTree

from salesforce_metadata.sf import ROOT, SfError, query, run

EXTRAS = (
    "notification", "flows", "path", "reports", "dashboards", "external_client_app", "events_client_app",
    "record_pages", "standard_objects",
)  # fmt: skip
"""In the order of what they need of each other."""
ADMIN_SETS = ("APN_Business_Administrator", "AWS_Marketplace_Administrator")
WORKER, FIELD = "ACE_Worker__c", "Package_Version__c"
USERS = {"dashboards": "DASHBOARD_RUNNING_USER", "events_client_app": "EVENTS_RUN_AS_USER"}
"""Variables that name a user in place of the placeholder in an extra's files."""


def main(arguments: Sequence[str]) -> int:
    """Deploy to the org that the arguments name, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python salesforce_metadata/deploy.py", description="Deploy the package.")
    parser.add_argument("org", help="alias or username of an org that sf is logged in to")
    parser.add_argument("extras", nargs="*", metavar="EXTRA", help=f"any of {', '.join(EXTRAS)}")
    parser.add_argument("--admin", action="append", metavar="USERNAME", help="who administers; default: who deploys")
    parser.add_argument("--dry-run", action="store_true", help="check only, change nothing")
    parser.add_argument("--yes", action="store_true", help="ask nothing")
    options = parser.parse_args(arguments)
    try:
        extras = _ordered(options.extras)
        if options.dry_run:
            _check(options.org, extras)
            return 0
        return deploy(options.org, extras, options.admin or [], confirmed=options.yes)
    except SfError as error:
        print(error, file=sys.stderr)
        return 1


def deploy(org: str, extras: Sequence[str], admins: Sequence[str], *, confirmed: bool = False) -> int:
    """Check, ask where it is production, deploy, give administrators their rights, tell the version.

    Returns 0 when all is there, 1 when a person said no. Raises SfError.
    """
    [about] = query("Name, IsSandbox FROM Organization", "", org)
    _check(org, extras)
    question = f"{about['Name']} is a production org. Was the package tried in a sandbox org? Deploy it? [y/N] "
    if not about["IsSandbox"] and not confirmed and input(question).strip().lower() not in {"y", "yes"}:
        return 1
    for folder in _folders(extras):
        print(f"Deploying {folder} to {org}")
        _start(org, [folder])
    for admin in admins or [_deployer(org)]:
        _assign(org, admin)
    print(f"{org} has version {_confirm(org)} of the package.")
    return 0


def local_version() -> str:
    """Return the version of the package in this directory."""
    file = ROOT / "base/main/default/objects" / WORKER / "fields" / f"{FIELD}.field-meta.xml"
    formula = ElementTree.parse(file).findtext("{*}formula") or ""  # noqa: S314  the package's own file
    return formula.strip('"')


def _ordered(extras: Sequence[str]) -> list[str]:
    """Return extras in the order in which they are deployed. Raises SfError for unknown names and a missing user."""
    if unknown := sorted(set(extras) - set(EXTRAS)):
        raise SfError(f"There is no extra {', '.join(unknown)}. Choose from {', '.join(EXTRAS)}.")
    for name, variable in USERS.items():
        if name in extras and not os.environ.get(variable):
            raise SfError(f"Set {variable} to a username; extras/{name}/README.md says whose.")
    return [one for one in EXTRAS if one in extras]


def _folders(extras: Sequence[str]) -> list[str]:
    return ["base", *(f"extras/{one}" for one in extras)]


def _check(org: str, extras: Sequence[str]) -> None:
    """Let the org check everything together; it changes nothing."""
    print(f"Checking {', '.join(_folders(extras))} against {org}")
    _start(org, _folders(extras), "--dry-run")


def _start(org: str, folders: Sequence[str], *options: str) -> None:
    where = [word for one in folders for word in ("--source-dir", one)]
    run("project", "deploy", "start", *where, *options, "--wait", "60", org=org)


def _deployer(org: str) -> str:
    return str(run("org", "display", org=org)["username"])


def _assign(org: str, admin: str) -> None:
    """Give a user those of the administrators' permission sets that he does not hold."""
    if "'" in admin or "\\" in admin:
        raise SfError(f"{admin!r} is no username.")
    names = ", ".join(f"'{name}'" for name in ADMIN_SETS)
    where = f"Assignee.Username = '{admin}' AND PermissionSet.Name IN ({names})"
    held = {
        row["PermissionSet"]["Name"] for row in query("PermissionSet.Name FROM PermissionSetAssignment", where, org)
    }
    for name in ADMIN_SETS:
        if name not in held:
            print(f"Assigning {name} to {admin}")
            run("org", "assign", "permset", "--name", name, "--on-behalf-of", admin, org=org)


def _confirm(org: str) -> str:
    """Return the version that the org has now. Raises SfError when it is not the one that was deployed."""
    fields = run("sobject", "describe", "--sobject", WORKER, org=org)["fields"]
    formulas = [one.get("calculatedFormula") or "" for one in fields if one["name"] == FIELD]
    found = formulas[0].strip('"') if formulas else "none"
    if found != local_version():
        raise SfError(
            f"{org} has version {found} of the package, not {local_version()}. Look at Deployment Status in Setup."
        )
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
