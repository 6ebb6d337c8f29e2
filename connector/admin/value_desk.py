"""What an admin does to the picklist values of a mapped field, in the three steps of the mapping screen: primary
values, additional values, defaults (PICK-01).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from connector.ace.catalogue import AceField
from connector.admin.mapping_desk import Change, MappingDesk
from connector.admin.mapping_ways import Way
from connector.errors import MappingError, Problem
from connector.mapping.automap import with_equal_values
from connector.mapping.describe import FieldDescribe
from connector.mapping.model import FieldMapping, PicklistMapping
from connector.mapping.model import Mapping as FieldMap
from connector.mapping.paths import resolve_path
from connector.mapping.picklists import OpenValues, ValueRow, open_values, value_rows, with_primary

NOTHING_OPEN = OpenValues((), (), ())
_PARTS = ("primary", "additional", "defaults")


@dataclass(frozen=True, slots=True)
class Edit:
    """What is to change in one field's values.

    Attributes:
        primary: AWS value to Salesforce value.
        additional, defaults: Salesforce value to AWS value.
        remove: by part (``primary``, ``additional``, ``defaults``) the values, as they are keyed there, to take away.
        equal: whether values that both sides spell alike are added where they are missing (MAP-49).
    """

    primary: Mapping[str, str] = field(default_factory=dict)
    additional: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    remove: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    equal: bool = False

    @property
    def is_empty(self) -> bool:
        return not (self.primary or self.additional or self.defaults or any(self.remove.values()) or self.equal)


@dataclass(frozen=True, slots=True)
class FieldValues:
    """The values of one mapped field.

    Attributes:
        table: whether a table is kept; without one both sides' values are taken as they are spelled.
        missing: why the field's values cannot be listed; empty where they can.
    """

    ace_field: str
    path: str
    table: bool
    rows: tuple[ValueRow, ...]
    open: OpenValues
    missing: str = ""


def list_values(desk: MappingDesk, mapping: FieldMap, ace_field: str = "") -> tuple[FieldValues, ...]:
    """Return the values of one mapped field, or of every mapped picklist and multi-select picklist (PICK-16)."""
    if ace_field:
        item = desk.require_field(mapping, ace_field)
        _require_values(desk.ace(ace_field))
        return (_values(desk, mapping, item),)
    return tuple(_values(desk, mapping, item) for item in mapping.fields if _has_values(desk, item))


def save_values(desk: MappingDesk, ace_field: str, edit: Edit, *, complete: bool = False) -> tuple[Change, FieldValues]:
    """Change a field's values in the draft; return it and the field's values as they are now.

    What is wrong (a Salesforce value for several AWS values without a default, PICK-08) is refused.

    Args:
        complete: refuse as long as a value is open (PICK-09); otherwise what is open is told only.
    """
    before = desk.current()
    item = desk.require_field(before, ace_field)
    _require_values(desk.ace(ace_field))
    mapping = with_equal_values(before, ace_field, desk.catalogue, desk.describe) if edit.equal else before
    item = mapping.field(ace_field) or item
    values = _edited(item, edit)
    changed = replace(item, picklist=values)
    shown = _values(desk, before, changed)
    if complete and shown.open != NOTHING_OPEN:
        raise MappingError("The values were not saved, since some are open:\n" + "\n".join(describe_open(desk, shown)))
    return desk.keep_field(before, changed), shown


def describe_open(desk: MappingDesk, values: FieldValues) -> Iterator[str]:
    """Yield what is open in a field's values, in words."""
    kinds: tuple[tuple[tuple[str, ...], str, Way], ...] = (
        (values.open.aws, "AWS values without a Salesforce value", "primary"),
        (values.open.salesforce, f"values of {values.path} without an AWS value", "additional"),
        (values.open.undecided, f"values of {values.path} for several AWS values", "default"),
    )
    for found, what, way in kinds:
        if found:
            yield f"{values.ace_field}: {len(found)} {what}: {'; '.join(found)}. Map them with {desk.way(way)}."


def _edited(item: FieldMapping, edit: Edit) -> PicklistMapping:
    values = item.picklist or PicklistMapping()
    _require_known(item.ace_field, values, edit)
    for aws_value in edit.remove.get("primary", ()):
        values = with_primary(values, aws_value, None)
    for aws_value, salesforce_value in edit.primary.items():
        values = with_primary(values, aws_value, salesforce_value)
    return replace(
        values,
        additional=_merged(values.additional, edit.additional, edit.remove.get("additional", ())),
        defaults=_merged(values.defaults, edit.defaults, edit.remove.get("defaults", ())),
    )


def _merged(table: Mapping[str, str], added: Mapping[str, str], removed: tuple[str, ...]) -> dict[str, str]:
    return {**{text: value for text, value in table.items() if text not in removed}, **added}


def _require_known(name: str, values: PicklistMapping, edit: Edit) -> None:
    for part in _PARTS:
        table: Mapping[str, str] = getattr(values, part)
        unknown = [text for text in edit.remove.get(part, ()) if text not in table]
        if unknown:
            raise MappingError(f"{name}: {'; '.join(unknown)} is not among the {part} values, which has to be spelled "
                               f"as one of these: {'; '.join(table) or 'there are none'}.")  # fmt: skip


def _has_values(desk: MappingDesk, item: FieldMapping) -> bool:
    ace = desk.catalogue.get(item.ace_field)
    return ace is not None and bool(ace.values)


def _require_values(ace: AceField) -> None:
    if not ace.values:
        raise MappingError(f"{ace.name} has no standard values at AWS: any {ace.type.value} is taken as it is.")


def _values(desk: MappingDesk, mapping: FieldMap, item: FieldMapping) -> FieldValues:
    ace, found = desk.ace(item.ace_field), resolve_path(item.path, mapping.object_name, desk.describe)
    table = item.picklist is not None
    if isinstance(found, Problem):
        return FieldValues(item.ace_field, item.path, table, (), NOTHING_OPEN, f"{found.rule} {found.remedy}")
    return _listed(item, ace, found)


def _listed(item: FieldMapping, ace: AceField, found: FieldDescribe) -> FieldValues:
    rows, open_ = value_rows(item, ace, found), open_values(item, ace, found)
    return FieldValues(item.ace_field, item.path, item.picklist is not None, rows, open_)
