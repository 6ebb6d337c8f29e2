"""``connector preview --inbound``: what an answer of AWS would mean for a record; nothing is written."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from connector.ace import api_shape, paths
from connector.ace.catalogue import opportunity_fields
from connector.admin.output import print_json, print_table
from connector.errors import ConfigError, Problem
from connector.mapping.inbound import to_salesforce
from connector.mapping.model import Mapping
from connector.mapping.outbound import snapshot
from connector.sync.engine import Engine


@dataclass(frozen=True, slots=True)
class Arrival:
    """One mapped field on its way from AWS to Salesforce.

    Attributes:
        aws_path: where the value stands in the answer.
        ace_value: the value in the canonical record.
        now: what the Salesforce field holds, as text.
        would_be: what would be written; None where nothing would, or where the field would be cleared.
        written: whether the field would be written if AWS's value is news.
    """

    ace_field: str
    aws_path: str
    aws_value: Any
    ace_value: Any
    salesforce_field: str
    now: str | None
    would_be: Any
    written: bool


def show_inbound(engine: Engine, record_id: str, file: Path, console: Console, *, as_json: bool) -> None:
    """Show how the answer of GetOpportunity in the file translates for the record.

    Raises:
        ConfigError: the file is no such answer, or the record is not visible.
    """
    answer = _read(file)
    row = engine.salesforce.rows(engine.mapping.object_name, [record_id], engine.row_fields()).get(record_id)
    if row is None:
        raise ConfigError(f"{engine.mapping.object_name} {record_id} does not exist or cannot be seen. Check the id.")
    arrivals, problems = translate(engine, row, answer)
    if as_json:
        shown = {"record": record_id, "fields": list(map(asdict, arrivals)), "problems": list(map(asdict, problems))}
        print_json(shown)
        return
    rows = [
        (one.ace_field, one.aws_value, one.ace_value, one.salesforce_field, one.now, _outcome(one)) for one in arrivals
    ]
    titles = ("ACE field", "AWS value", "ACE value", "Salesforce field", "Now", "Would be")
    print_table(console, "From AWS to Salesforce", titles, rows)
    for problem in problems:
        console.print(str(problem), markup=False)


def translate(engine: Engine, row: dict[str, Any], answer: dict[str, Any]) -> tuple[list[Arrival], tuple[Problem, ...]]:
    """Return per mapped field that AWS told what becomes of it, and the problems."""
    mapping: Mapping = engine.mapping
    record = api_shape.from_get(answer)
    values, problems = to_salesforce(mapping, record, engine.describe(), creating=False)
    texts, known = snapshot(mapping, row), opportunity_fields()
    arrivals = [
        Arrival(
            item.ace_field,
            known[item.ace_field].get_path,
            paths.get(answer, known[item.ace_field].get_path),
            record[item.ace_field],
            item.path,
            texts.get(item.path),
            values.get(item.path),
            item.path in values,
        )
        for item in mapping.fields
        if item.ace_field in record
    ]
    return arrivals, problems


def _outcome(one: Arrival) -> str:
    if not one.written:
        return "stays"
    return "(cleared)" if one.would_be is None else str(one.would_be)


def _read(file: Path) -> dict[str, Any]:
    try:
        answer = json.loads(file.read_text(encoding="utf8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"--inbound {file} cannot be read as JSON: {error}.") from None
    if not isinstance(answer, dict) or not isinstance(answer.get("LifeCycle") or answer.get("Project"), dict):
        raise ConfigError(
            f"--inbound {file} is not an answer of GetOpportunity: it has neither LifeCycle nor Project. "
            "Save what `aws partnercentral-selling get-opportunity` prints."
        )
    return answer
