"""Reading the catalog's documents. AWS adds members at any time, and a document may lack what others have: what is not
of the expected shape reads as absent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connector.sync.ports import Json

NAME_LENGTH, TEXT_LENGTH, LONG_LENGTH = 80, 255, 4000
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_PERIOD = re.compile(r"P(\d{1,4})([DMY])", re.ASCII)


@dataclass(slots=True)
class Remarks:
    """What cannot be stored of one entity, for whoever reads the sync's message.

    Attributes:
        entity: id of the entity.
        told: one line for each value that is left out.
    """

    entity: str
    told: list[str] = field(default_factory=list)

    def left_out(self, what: str, value: Any, known: Sequence[str]) -> None:
        """Tell a value that the package's field does not take."""
        self.told.append(
            f"{self.entity}: {what} {str(value)[:TEXT_LENGTH]!r} is not known to this version of the connector "
            f"({', '.join(known)} are) and was left empty."
        )


def plain_id(text: Any) -> str:
    """Return an entity's id without its revision."""
    return str(text or "").partition("@")[0]


def entity_key(account: str, entity_id: str) -> str:
    """Return the key of an entity's row: one id may occur in several accounts."""
    return f"{account}/{entity_id}"


def part(document: Any, *names: str) -> Json:
    """Return the object at the end of the path; an empty one where there is none."""
    for name in names:
        document = document.get(name) if isinstance(document, dict) else None
    return document if isinstance(document, dict) else {}


def parts(document: Any, name: str) -> list[Json]:
    """Return the objects of a list; none where there is no list."""
    found = document.get(name) if isinstance(document, dict) else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def of_type(items: Sequence[Json], *types: str) -> Iterator[Json]:
    """Yield the terms or rules of these types."""
    return (one for one in items if one.get("Type") in types)


def words(value: Any) -> list[str]:
    """Return the texts of a list; none where there is no list."""
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def text(value: Any, length: int = TEXT_LENGTH) -> str | None:
    """Return a text that fits a field of so many characters; None for no text."""
    if not isinstance(value, str):
        return None
    return value.strip()[:length].strip() or None


def moment(value: Any) -> str | None:
    """Return AWS's time as Salesforce keeps it, in whole seconds; None for what is no time."""
    if not isinstance(value, str) or not _MOMENT.match(value) or parsed(value) is None:
        return None
    return f"{value[:16]}:{value[17:19] if value[16:17] == ':' else '00'}.000+0000"


def day(value: Any) -> str | None:
    """Return the day (UTC) of AWS's date or time; None for what is neither."""
    found = _DAY.match(value) if isinstance(value, str) else None
    return found[0] if found and parsed(found[0]) is not None else None


def parsed(value: str) -> datetime | None:
    """Return the time that AWS wrote, without its zone, which is UTC; None for what is none."""
    try:
        return datetime.fromisoformat(value[:19])
    except ValueError:
        return None


def period(value: Any) -> tuple[int, str] | None:
    """Return a duration such as ``P12M`` or ``P365D`` as number and unit, years as months; None for any other."""
    found = _PERIOD.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    number = int(found[1])
    if found[2] == "D":
        return number, "Days"
    return (number * 12 if found[2] == "Y" else number), "Months"


def chosen(value: Any, known: Sequence[str], what: str, remarks: Remarks) -> str | None:
    """Return the value that a restricted picklist knows; any other is told, and nothing takes its place."""
    if value in (None, ""):
        return None
    if value in known:
        return str(value)
    remarks.left_out(what, value, known)
    return None


def worded(value: Any, words_of: Mapping[str, str]) -> str | None:
    """Return what people read for AWS's word; a word without one is shown as it is."""
    plain = text(value)
    return words_of.get(plain, plain) if plain else None
