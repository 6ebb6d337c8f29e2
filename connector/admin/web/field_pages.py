"""Pages of the mapped fields: the list, and one field with what it can be mapped to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from fastapi import APIRouter, Response

from connector.admin.mapping_desk import Change
from connector.admin.mapping_view import IDENTIFIER, ShownField
from connector.admin.web.drafts import DraftDesk
from connector.admin.web.listing import Listing, counts
from connector.admin.web.visits import Form, OfKind, Sent, Visit
from connector.errors import MappingError
from connector.mapping.fit import FIXED
from connector.mapping.model import Fallback
from connector.mapping.model import Mapping as FieldMap
from connector.mapping.offers import Offers
from connector.mapping.own_fields import is_fixed
from connector.names import ACE_LEAD, ACE_OPPORTUNITY

router = APIRouter()
PACKAGED = {"opportunity": ACE_OPPORTUNITY, "lead": ACE_LEAD}
_INBOUND = {"on": True, "off": False}


def standing(desk: DraftDesk) -> dict[str, Any]:
    """Return what every page about a mapping shows of it: the object, and whether this is a draft."""
    draft, published = desk.draft(), desk.published()
    shown = draft or published
    return {
        "mapping": shown,
        "is_draft": draft is not None,
        "in_force": published.version if published else 0,
        "packaged": PACKAGED[desk.record_type],
        "automappable": shown is None or shown.object_name == PACKAGED[desk.record_type],
        "fixed_own": shown is not None and is_fixed(shown.object_name),
        "seen": desk.seen(),
    }


@router.get("/{kind}")
def list_fields(visit: OfKind) -> Response:
    """Show every AWS field and what holds it, filtered and searched by parameters of the address."""
    listing = Listing.of(visit.request.query_params)
    return visit.page("fields.html", **visit.ask(lambda desk: _listed(desk, listing)), saved=_taken_mark(visit))


def _listed(desk: DraftDesk, listing: Listing) -> dict[str, Any]:
    found = standing(desk)
    fields = desk.fields(found["mapping"]) if found["mapping"] else ()
    shown = listing.found(fields)
    part = listing.part(shown)
    seen = {one.ace.name: desk.seen(one.ace.name) for one in part if one.item is not None}
    return {
        **found, "listing": listing, "counts": counts(fields), "rows": part, "count": len(shown),
        "pages": listing.pages(len(shown)), "seen_fields": seen, "identifier": IDENTIFIER,
        "own_names": desk.names(found["mapping"]) if found["mapping"] else None,
    }  # fmt: skip


def _taken_mark(visit: Visit) -> str:
    saved, visit.session.saved = visit.session.saved, ""
    return saved


@dataclass(frozen=True, slots=True)
class Asked:
    """What of a field's page is shown: the relationship that is expanded, a search, and where the form leads back."""

    expand: str = ""
    find: str = ""
    back: Listing = field(default_factory=Listing)


@router.get("/{kind}/field/{name}")
def show_field(visit: OfKind, name: str, expand: str = "", find: str = "", back: str = "") -> Response:
    """Show one AWS field, the Salesforce fields that fit it, and the relationships that lead to more."""
    asked = Asked(expand, find.strip(), Listing.back(back))
    if name == IDENTIFIER and not visit.ask(lambda desk: is_fixed(desk.current().object_name)):
        return visit.go(f"/{visit.kind}/own")
    return _field_page(visit, name, asked, Form())


def _field_page(visit: Visit, name: str, asked: Asked, form: Form, *, refusal: str = "", status: int = 200) -> Response:
    found = visit.attempt(lambda desk: _field(desk, name, asked))
    if found.result is None:
        return visit.page("told.html", title=name, status=404, refusal=found.refusal)
    return visit.page("field.html", status=status, refusal=refusal, form=form, asked=asked, **found.result)


def _field(desk: DraftDesk, name: str, asked: Asked) -> dict[str, Any]:
    mapping, ace = desk.current(), desk.ace(name)
    shown = next(one for one in desk.fields(mapping) if one.ace.name == name)
    offers = desk.offers(name, asked.expand)
    return {
        **standing(desk), "shown": shown, "ace": ace, "seen": desk.seen(name), "offers": _searched(offers, asked.find),
        "locked": _lock(mapping, shown), "listable": bool(ace.values) and shown.item is not None,
        "offered": [one.path for one in offers.fields],
    }  # fmt: skip


def _searched(offers: Offers, text: str) -> Offers:
    wanted = text.lower()
    fields = tuple(one for one in offers.fields if wanted in f"{one.label} {one.path}".lower())
    return replace(offers, fields=fields)


def _lock(mapping: FieldMap, shown: ShownField) -> str:
    """Return why nothing can be chosen for the field, empty where something can (MAP-25, MAP-63)."""
    if shown.ace.name in FIXED:
        return (
            f"{shown.ace.label} is fixed: the connector fills it with the Salesforce record's own id, which never "
            "changes, so that both sides find each other's record."
        )
    if shown.ace.name == IDENTIFIER and is_fixed(mapping.object_name):
        return f"{shown.ace.label} is fixed on {mapping.object_name}: the connector keeps it in {shown.held_by}."
    return ""


@router.post("/{kind}/field/{name}")
def save_field(visit: OfKind, name: str, form: Sent) -> Response:
    """Map the field to what was chosen."""
    asked = Asked(form.get("expand"), form.get("find"), Listing.back(form.get("back")))
    kept = visit.attempt(lambda desk: _map(desk, name, form))
    if kept.result is None:
        return _field_page(visit, name, asked, form, refusal=kept.refusal, status=kept.status)
    item = kept.result.mapping.field(name)
    assert item is not None
    words = "on" if item.inbound else "off"
    return _done(visit, name, asked.back, kept.result, f"{name} is mapped to {item.path}, inbound updates {words}.")


def _map(desk: DraftDesk, name: str, form: Form) -> Change:
    desk.require_seen(form.get("seen"), name)
    if not form.get("path"):
        raise MappingError(f"{name}: no Salesforce field was chosen. Choose one, or go back without saving.")
    return desk.set_field(name, form.get("path"), inbound=_INBOUND.get(form.get("inbound")))


@router.post("/{kind}/field/{name}/toggle")
def toggle_field(visit: OfKind, name: str, form: Sent) -> Response:
    """Turn Enable Inbound Updates on or off, from the list (MAP-07)."""
    return _small_change(visit, name, form, lambda desk: _toggle(desk, name, form))


def _toggle(desk: DraftDesk, name: str, form: Form) -> tuple[Change, str]:
    wanted = _INBOUND.get(form.get("inbound"))
    if wanted is None:
        raise MappingError(f"{name}: say whether inbound updates are to be on or off.")
    words = f"Inbound updates of {name} are {'on' if wanted else 'off'}."
    return desk.toggle_field(name, inbound=wanted), words


@router.post("/{kind}/field/{name}/unset")
def unset_field(visit: OfKind, name: str, form: Sent) -> Response:
    """Leave the field unmapped."""
    words = f"{name} is not mapped any more."
    return _small_change(visit, name, form, lambda desk: (desk.unset_field(name), words))


@router.post("/{kind}/field/{name}/fallback")
def save_fallbacks(visit: OfKind, name: str, form: Sent) -> Response:
    """Set what stands in for an empty value, towards each side, or nothing."""
    return _small_change(visit, name, form, lambda desk: _stand_in(desk, name, form))


def _stand_in(desk: DraftDesk, name: str, form: Form) -> tuple[Change, str]:
    mapping = desk.current()
    item = desk.require_field(mapping, name)
    changed = replace(item, to_aws=_fallback(form, "to_aws"), from_aws=_fallback(form, "from_aws"))
    return desk.keep_field(mapping, changed), f"The fallbacks of {name} are saved."


def _fallback(form: Form, side: str) -> Fallback | None:
    text, how = form.get(f"{side}_text"), form.get(f"{side}_how")
    if not text or how not in {"value", "formula"}:
        return None
    return Fallback(formula=text) if how == "formula" else Fallback(text)


def _small_change(visit: Visit, name: str, form: Form, work: Any) -> Response:
    def checked(desk: DraftDesk) -> tuple[Change, str]:
        desk.require_seen(form.get("seen"), name)
        result: tuple[Change, str] = work(desk)
        return result

    back = Listing.back(form.get("back"))
    kept = visit.attempt(checked)
    if kept.result is None:
        return _field_page(visit, name, Asked(back=back), form, refusal=kept.refusal, status=kept.status)
    return _done(visit, name, back, *kept.result)


def _done(visit: Visit, name: str, back: Listing, change: Change, words: str) -> Response:
    visit.session.saved = name
    visit.session.tell("done", f"Saved in the draft. {words}")
    visit.tell_problems(change.problems)
    query = f"?{back.query}" if back.query else ""
    return visit.go(f"/{visit.kind}{query}#{name}")
