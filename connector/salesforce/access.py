"""What the integration user may see and do: the questions that ``connector check`` asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from connector.errors import ConfigError, MappingError, Problem, RecordRejected
from connector.mapping.describe import FieldDescribe, ObjectDescribe
from connector.salesforce.literals import api_name, text_literal
from connector.salesforce.query import Reader

Describe = Callable[[str], ObjectDescribe]
OPEN_MODELS = {"Read", "ReadWrite", "ReadWriteTransfer", "FullAccess"}


@dataclass(frozen=True, slots=True)
class Need:
    """What the connector needs of one object.

    Attributes:
        read, create, edit: field names or relationship paths (``Account.Name``; paths can only be read).
        creates, edits: the object itself must allow it.
        all_records: the user must see every record: polling and replication only report what is visible.
    """

    object_name: str
    read: tuple[str, ...] = ()
    create: tuple[str, ...] = ()
    edit: tuple[str, ...] = ()
    creates: bool = False
    edits: bool = False
    all_records: bool = False


def check_need(need: Need, describe: Describe, reader: Reader, user_id: str) -> Iterator[Problem]:
    """Yield one problem with its remedy for everything that is missing; none when the need is met."""
    try:
        described = describe(need.object_name)
    except ConfigError as error:
        yield Problem("OBJECT_MISSING", need.object_name, "", str(error), "")
        return
    yield from _object_problems(need, described)
    yield from _field_problems(need, described, describe)
    if need.all_records:
        yield from _visibility_problems(described.name, reader, user_id)


def _object_problems(need: Need, described: ObjectDescribe) -> Iterator[Problem]:
    wanted = [
        ("read", described.queryable, True),
        ("create", described.createable, need.creates or bool(need.create)),
        ("edit", described.updateable, need.edits or bool(need.edit)),
    ]
    for right, granted, needed in wanted:
        if needed and not granted:
            rule = f"the integration user may not {right} records of {described.name}."
            yield Problem(
                f"OBJECT_NO_{right.upper()}", described.name, "", rule, f"Grant {right} on it by permission set."
            )


def _field_problems(need: Need, described: ObjectDescribe, describe: Describe) -> Iterator[Problem]:
    for path in dict.fromkeys((*need.read, *need.create, *need.edit)):
        found = find_field(described, path, describe)
        label = f"{described.name}.{path}"
        if found is None:
            rule = "the field does not exist or field-level security hides it from the integration user."
            yield Problem(
                "FIELD_MISSING",
                label,
                "",
                rule,
                "Correct the name, or grant read access to the field by permission set.",
            )
            continue
        if path in need.create and not found.createable:
            yield _not_writable(label, found, "set", "CREATE")
        if path in need.edit and not found.updateable:
            yield _not_writable(label, found, "change", "EDIT")


def _not_writable(label: str, found: FieldDescribe, verb: str, code: str) -> Problem:
    if found.calculated:
        rule, remedy = "it is a formula, which nobody can write.", "Map another field, or turn inbound off for it."
    else:
        rule, remedy = f"the integration user may not {verb} it.", "Grant edit access to the field by permission set."
    return Problem(f"FIELD_NO_{code}", label, "", rule, remedy)


def find_field(described: ObjectDescribe, path: str, describe: Describe) -> FieldDescribe | None:
    """Return the field at the end of a relationship path, or None. Of a polymorphic relationship any target will do."""
    head, _, rest = path.partition(".")
    if not rest:
        return described.field(head)
    lookup = next((item for item in described.fields.values() if item.relationship_name.lower() == head.lower()), None)
    for target in lookup.reference_to if lookup else ():
        try:
            found = find_field(describe(target), rest, describe)
        except ConfigError:
            continue
        if found:
            return found
    return None


def _visibility_problems(object_name: str, reader: Reader, user_id: str) -> Iterator[Problem]:
    """Yield a problem if records may be hidden: no View All by any permission set or profile, and no open sharing
    default.

    Every profile has a permission set behind it, so the assignments cover both.
    """
    silent = False
    for soql in _visibility_questions(object_name, user_id):
        try:
            answers = list(reader.query(soql))
        except (MappingError, RecordRejected):
            silent = True  # this witness is not readable for the user; another may answer
            continue
        if any(_grants_all(row) for row in answers):
            return
    if silent:
        code = "VISIBILITY_UNKNOWN"
        rule = "whether the integration user sees all records cannot be read: hidden ones are neither sent nor updated."
    else:
        code = "RECORDS_MAY_BE_HIDDEN"
        rule = "nothing shows that the integration user sees all records: hidden ones are neither sent nor updated."
    yield Problem(code, object_name, "", rule, f"Make sure that a permission set grants View All on {object_name}.")


def _visibility_questions(object_name: str, user_id: str) -> Sequence[str]:
    user, name = text_literal(user_id), text_literal(api_name(object_name))
    mine = f"SELECT PermissionSetId FROM PermissionSetAssignment WHERE AssigneeId = {user}"  # noqa: S608 (escaped)
    return (
        "SELECT Id, PermissionsViewAllRecords FROM ObjectPermissions "  # noqa: S608 (escaped)
        f"WHERE SobjectType = {name} AND PermissionsViewAllRecords = true AND ParentId IN ({mine})",
        "SELECT Id, PermissionSet.PermissionsViewAllData FROM PermissionSetAssignment "  # noqa: S608 (escaped)
        f"WHERE AssigneeId = {user} AND PermissionSet.PermissionsViewAllData = true",
        "SELECT QualifiedApiName, InternalSharingModel FROM EntityDefinition "  # noqa: S608 (escaped)
        f"WHERE QualifiedApiName = {name}",
    )


def _grants_all(row: dict[str, object]) -> bool:
    if "InternalSharingModel" in row:
        return row["InternalSharingModel"] in OPEN_MODELS
    return True
