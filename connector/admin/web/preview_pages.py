"""The page that shows what would happen to one record, and what a payload of AWS's would bring; nothing is sent."""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter, Response

from connector.admin.inbound_payload import read_payload
from connector.admin.inbound_preview import translate
from connector.admin.mapping_ways import on_page
from connector.admin.previewing import lead_mapping, preview_record
from connector.admin.records import checked_id, described_plan
from connector.admin.web.drafts import DraftDesk
from connector.admin.web.field_pages import standing
from connector.admin.web.visits import Form, Here, Sent, Visit
from connector.eligibility.verdict import explain
from connector.errors import ConfigError, ConnectorError, MappingError
from connector.mapping.fit import spelled_as

router = APIRouter()


@router.get("/preview")
def show_preview(visit: Here, record: str = "", draft: str = "") -> Response:
    """Show one record on its way to AWS."""
    found: dict[str, Any] = {}
    if record:
        tried = visit.attempt(lambda desk: _outbound(desk, record.strip(), draft=bool(draft)))
        found, refusal = tried.result or {}, tried.refusal
        return _page(visit, record, draft, found, refusal=refusal, status=tried.status)
    return _page(visit, record, draft, found)


def _page(
    visit: Visit, record: str, draft: str, found: dict[str, Any], *, refusal: str = "", status: int = 200
) -> Response:
    empty = {"shown": None, "verdict": "", "plan": (), "payload": "", "translation": None}
    values = {**empty, **found, **visit.ask(standing)}
    return visit.page("preview.html", record=record, draft=draft, refusal=refusal, status=status, **values)


@router.post("/preview/inbound")
def show_inbound(visit: Here, form: Sent) -> Response:
    """Show what a payload in a file would bring to a record."""
    record, draft = form.get("record"), form.get("draft")
    tried = visit.attempt(lambda desk: _inbound(desk, record, form, draft=bool(draft)))
    return _page(visit, record, draft, tried.result or {}, refusal=tried.refusal, status=tried.status)


def _outbound(desk: DraftDesk, record: str, *, draft: bool) -> dict[str, Any]:
    engine, left_out = _engine(desk, checked_id(record), draft=draft)
    shown = preview_record(engine, record, left_out)
    payload = "" if shown.payload is None else json.dumps(shown.payload, indent=2, ensure_ascii=False, default=str)
    return {
        "shown": shown, "verdict": explain(shown.verdict), "payload": payload,
        "plan": described_plan(shown),
    }  # fmt: skip


def _inbound(desk: DraftDesk, record: str, form: Form, *, draft: bool) -> dict[str, Any]:
    engine, left_out = _engine(desk, checked_id(record), draft=draft)
    name = engine.mapping.object_name
    row = engine.salesforce.rows(name, [record], engine.row_fields()).get(record)
    if row is None:
        raise ConfigError(f"{name} {record} does not exist or cannot be seen. Check the id.")
    return {"translation": translate(engine, row, read_payload(engine, row, form.file, "The file"), left_out)}


def _engine(desk: DraftDesk, record: str, *, draft: bool) -> Any:
    """Return an engine with the mapping that is asked for. Looking at a page publishes nothing."""
    mapping = lead_mapping(desk.runtime, record, on_page, draft=draft)
    mapping = mapping or (desk.draft() if draft else desk.require_published())
    if mapping is None:
        raise MappingError("There is no draft of the opportunity mapping. Preview with the version in force.")
    try:
        engine = desk.runtime.engine(spelled_as(mapping, desk.describe))
    except ConnectorError as error:
        raise ConfigError(str(error)) from error
    return engine, desk.runtime.use_mapping(engine, mapping)
