"""What a file must be before its records are looked at."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from connector.sandbox.exchange.checks import Record
from connector.sandbox.exchange.settings import LEAD, MOST_BYTES, OPPORTUNITY, ExchangeSettings

ROOTS = {OPPORTUNITY: ("opportunities",), LEAD: ("leads", "Leads")}
VERSIONS = {OPPORTUNITY: ("1.0", "2.0"), LEAD: ("1", "1.0", "2.0")}
MEMBERS = ("version", "spmsId")


class FileRefused(ValueError):
    """The file as a whole is refused; the message says why."""


def read_file(kind: str, body: bytes, settings: ExchangeSettings) -> tuple[str, list[Record]]:
    """Return the version and the records of a file.

    Raises:
        FileRefused: the file is too large, no JSON object, or not made as AWS wants it.
    """
    if len(body) > MOST_BYTES:
        raise FileRefused(f"File size {len(body)} exceeds the limit of {MOST_BYTES} bytes.")
    value = _parse(body)
    records = _records(kind, value)
    version = value.get("version")
    if version not in VERSIONS[kind]:
        raise FileRefused(f"version: {version!r} is no payload version; use one of {', '.join(VERSIONS[kind])}.")
    if value.get("spmsId") != settings.partner_id:
        raise FileRefused(f"spmsId: {value.get('spmsId')!r} is not the identifier of this partner.")
    if not 1 <= len(records) <= settings.most_records:
        raise FileRefused(f"{len(records)} records; a file holds 1 to {settings.most_records}.")
    return version, records


def _parse(body: bytes) -> Record:
    try:
        value = json.loads(body.decode("utf8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise FileRefused(f"[{body[:1000].decode('utf8', 'replace')}] is not of type object")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _records(kind: str, value: Record) -> list[Any]:
    roots = [name for name in ROOTS[kind] if name in value]
    unknown = set(value) - {*MEMBERS, *ROOTS[kind]}
    if len(roots) != 1 or unknown:
        wanted = ", ".join((*MEMBERS, ROOTS[kind][-1]))
        raise FileRefused(f"The file's members must be {wanted}, and are {', '.join(value) or 'none'}.")
    records = value[roots[0]]
    if not isinstance(records, list) or not all(isinstance(each, dict) for each in records):
        raise FileRefused(f"{roots[0]}: a list of objects is needed.")
    return records
