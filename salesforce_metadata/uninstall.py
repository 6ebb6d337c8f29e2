"""Take the package out of an org: first the assignments of its permission sets, then the metadata with its records.

Run ``python salesforce_metadata/uninstall.py ORG`` where ``ORG`` is an alias or username that Salesforce's command
line ``sf`` is logged in to. ``uninstall.md`` says what to do before. Nothing is removed before the list was confirmed,
and no metadata before the last assignment is gone.
"""

from __future__ import annotations

import sys
import tempfile
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from salesforce_metadata.sf import SfError, query, run
from salesforce_metadata.source import Content, Node, document

ROOT = Path(__file__).parent
VERSION = "66.0"
MEMBERS = {
    "CustomApplication", "CustomNotificationType", "CustomObject", "CustomPermission", "CustomTab", "Dashboard",
    "ExternalClientApplication", "ExtlClntAppConfigurablePolicies", "ExtlClntAppGlobalOauthSettings",
    "ExtlClntAppOauthConfigurablePolicies", "ExtlClntAppOauthSettings", "FlexiPage", "Group", "PathAssistant",
    "PermissionSet", "QuickAction", "Report", "ReportType",
}  # fmt: skip
"""Types that are removed by name. Lists, layouts, rules and buttons go with their object."""
FOLDERS = {"DashboardFolder": "Dashboard", "ReportFolder": "Report"}
"""Folders are removed as members of what they hold."""


class UninstallError(SfError):
    """Why nothing more is removed, and what to do."""


def main(arguments: list[str]) -> int:
    """Uninstall from the org that the arguments name, and return the exit code. ``--yes`` asks no question."""
    names = [one for one in arguments if one != "--yes"]
    if len(names) != 1:
        print("usage: python salesforce_metadata/uninstall.py ORG [--yes]")
        return 2
    try:
        return uninstall(names[0], confirmed="--yes" in arguments)
    except SfError as error:
        print(error, file=sys.stderr)
        return 1


def uninstall(org: str, *, confirmed: bool = False) -> int:
    """List, ask, remove. Return 0 when all is gone, 1 when a person said no. Raises SfError."""
    versions = _flow_versions(org)
    assigned = _assignments(org)
    for row in assigned:
        print(f"{row['PermissionSet']['Name']}: {row['Assignee']['Username']}")
    question = f"Remove these {len(assigned)} assignments, the package and all its records from {org}? [y/N] "
    if not confirmed and input(question).strip().lower() not in {"y", "yes"}:
        return 1
    for row in assigned:
        run("data", "delete", "record", "--sobject", "PermissionSetAssignment", "--record-id", row["Id"], org=org)
    if left := _assignments(org):
        raise UninstallError(f"{len(left)} assignments are left. Remove them in Setup, Permission Sets, and run again.")
    _remove_metadata(org, versions)
    print("The package is removed.")
    return 0


@cache
def members() -> dict[str, list[str]]:
    """Return what the package consists of by type of metadata, as a manifest names it; flows are told apart."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted(ROOT.rglob("*-meta.xml")):
        kind = ElementTree.parse(path).getroot().tag.rpartition("}")[2]  # noqa: S314  the package's own files
        name = path.name.removesuffix("-meta.xml").rpartition(".")[0]
        if kind in FOLDERS:
            found[FOLDERS[kind]].append(name)
        elif kind in {"Dashboard", "Report"}:
            found[kind].append(f"{path.parent.name}/{name}")
        elif kind == "CustomField" and not path.parts[-3].endswith("__c"):
            found[kind].append(f"{path.parts[-3]}.{name}")
        elif kind == "Flow" or (kind in MEMBERS and (kind != "CustomObject" or name.endswith("__c"))):
            found[kind].append(name)
    return {kind: sorted(names) for kind, names in sorted(found.items())}


def _assignments(org: str) -> list[dict[str, Any]]:
    names = ", ".join(f"'{name}'" for name in members()["PermissionSet"])
    where = f"PermissionSet.Name IN ({names}) ORDER BY PermissionSet.Name"
    return query("Id, Assignee.Username, PermissionSet.Name FROM PermissionSetAssignment", where, org)


def _flow_versions(org: str) -> list[str]:
    """Return every version of the package's flows. Raises UninstallError while one is active: it cannot be deleted."""
    names = ", ".join(f"'{name}'" for name in members()["Flow"])
    where = f"Definition.DeveloperName IN ({names})"
    rows = query("Definition.DeveloperName, VersionNumber, Status FROM Flow", where, org, "--use-tooling-api")
    if active := sorted({row["Definition"]["DeveloperName"] for row in rows if row["Status"] == "Active"}):
        raise UninstallError(f"Deactivate these flows in Setup, Flows, and run again: {', '.join(active)}.")
    return [f"{row['Definition']['DeveloperName']}-{row['VersionNumber']}" for row in rows]


def _remove_metadata(org: str, versions: list[str]) -> None:
    """Delete everything in one deployment: it succeeds or fails as a whole."""
    removed = members() | {"Flow": versions}
    with tempfile.TemporaryDirectory() as folder:
        manifest, destroyed = Path(folder) / "package.xml", Path(folder) / "destructiveChanges.xml"
        manifest.write_text(_manifest({}), encoding="utf-8")
        destroyed.write_text(_manifest(removed), encoding="utf-8")
        where = ("--manifest", str(manifest), "--post-destructive-changes", str(destroyed))
        run("project", "deploy", "start", *where, "--ignore-warnings", "--wait", "60", org=org)


def _manifest(named: dict[str, list[str]]) -> str:
    types: list[Node] = []
    for kind, names in named.items():
        entries: list[Node] = [*names]
        if names:
            types.append({"members": entries, "name": kind})
    content: Content = {"types": types, "version": VERSION}
    return document("Package", content)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
