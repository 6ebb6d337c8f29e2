"""What ``connector check`` finds out about the admins' settings by asking the org: whether what they name is there."""

from __future__ import annotations

from connector.errors import ConfigError, Problem
from connector.mapping.describe import ObjectDescribe
from connector.names import S3_BUCKET_SETTING, SETTINGS, Settings
from connector.sync.defaults import OWNER
from connector.sync.ports import SalesforcePort
from connector.sync.rights import is_id

AWS_ACCOUNT = "AWS_Account__c"
_USER, _GROUP = "005", "00G"


def owner_problem(salesforce: SalesforcePort, describe: ObjectDescribe | None, owner_id: str) -> Problem | None:
    """Return why the Default Owner cannot own new records of the object, None where it can.

    Args:
        describe: the object whose records are created from AWS's opportunities; None where that is not known yet.
        owner_id: id of a user or, on objects whose records may be queued, of a queue.
    """
    if not is_id(owner_id):
        return _wrong(owner_id, "The id must have 18 characters, letters and digits.", "Copy it from the user's page")
    if owner_id.startswith(_GROUP):
        return _queue_problem(salesforce, describe, owner_id)
    if not owner_id.startswith(_USER):
        rule = f"This is no id of a user or a queue: those begin with {_USER} and {_GROUP}."
        return _wrong(owner_id, rule, "Set the id of an active user")
    row = salesforce.rows("User", [owner_id], ("IsActive",)).get(owner_id)
    if row is None:
        return _wrong(owner_id, "The org has no user of this id.", "Set the id of an active user")
    if not row["IsActive"]:
        rule = "The user is not active, and Salesforce refuses new records for such an owner."
        return _wrong(owner_id, rule, "Activate the user, or set the id of another one")
    return None


def _queue_problem(salesforce: SalesforcePort, describe: ObjectDescribe | None, owner_id: str) -> Problem | None:
    known = describe.field(OWNER) if describe is not None else None
    if describe is not None and known is not None and "Group" not in known.reference_to:
        rule = f"This is the id of a queue, and records of {describe.name} belong to users only."
        return _wrong(owner_id, rule, "Set the id of an active user")
    row = salesforce.rows("Group", [owner_id], ("Type",)).get(owner_id)
    if row is None or row["Type"] != "Queue":
        return _wrong(owner_id, "The org has no queue of this id.", "Set the id of a queue or an active user")
    return None


def _wrong(owner_id: str, rule: str, remedy: str) -> Problem:
    where = f"{remedy}; in {SETTINGS}, blank stands for the integration user."
    return Problem("SETTING_INVALID", Settings.DEFAULT_OWNER_ID, owner_id, rule, where)


def nameless_buckets(salesforce: SalesforcePort) -> tuple[str, ...]:
    """Return the names of bucket settings that are the name of no AWS account: no account finds its bucket by them.

    An org without these objects, because only a part of the package was deployed, has no such setting.
    """
    try:
        for name in (S3_BUCKET_SETTING, AWS_ACCOUNT):
            salesforce.describe(name)
    except ConfigError:
        return ()
    rows = salesforce.query(f"SELECT Name FROM {S3_BUCKET_SETTING} ORDER BY Name")  # noqa: S608 - constants
    wanted = [str(row["Name"]) for row in rows]
    accounts = salesforce.query(f"SELECT Name FROM {AWS_ACCOUNT}") if wanted else ()  # noqa: S608 - constants
    known = {str(row["Name"]).casefold() for row in accounts}
    return tuple(name for name in wanted if name.casefold() not in known)
