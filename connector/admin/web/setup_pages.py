"""Pages about the mapping as a whole: its object, the connector's own fields, Auto Map, proposals and Reset."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from connector.admin import object_desk
from connector.admin.mapping_desk import Change
from connector.admin.web.drafts import OWN_FIELDS as OWN
from connector.admin.web.drafts import DraftDesk
from connector.admin.web.field_pages import standing
from connector.admin.web.visits import Form, OfKind, Sent, Visit
from connector.errors import MappingError
from connector.mapping.own_fields import NO_VALID_FIELD, OWN_FIELDS, is_fixed

router = APIRouter()


# The object


@router.get("/{kind}/object")
def show_objects(visit: OfKind) -> Response:
    """Show the objects that can be mapped, of which one is (MAP-03)."""
    return _objects_page(visit)


def _objects_page(visit: Visit, *, refusal: str = "", status: int = 200) -> Response:
    found = visit.ask(lambda desk: {**standing(desk), "candidates": object_desk.list_candidates(desk)})
    return visit.page("object.html", refusal=refusal, status=status, **found)


@router.post("/{kind}/object")
def choose_object(visit: OfKind, form: Sent) -> Response:
    """Choose the object; where that throws something away, ask first."""
    name = form.get("object")
    tried = visit.attempt(lambda desk: _choose(desk, name, form))
    if tried.result is None:
        return _objects_page(visit, refusal=tried.refusal, status=tried.status)
    if tried.result["lost"]:
        return visit.page("object_confirm.html", **tried.result)
    visit.session.tell("done", f"The draft maps {tried.result['chosen']} to {visit.kind} records.")
    own = not is_fixed(tried.result["chosen"])
    return visit.go(f"/{visit.kind}/own" if own else f"/{visit.kind}")


def _choose(desk: DraftDesk, name: str, form: Form) -> dict[str, Any]:
    desk.require_seen(form.get("seen"))
    if name not in {one.name for one in object_desk.list_candidates(desk)}:
        raise MappingError(f"{name or 'Nothing'} is not among the objects that can be mapped. Choose one of the list.")
    lost = () if form.get("confirmed") == "yes" else object_desk.what_is_lost(desk, name)
    found = {**standing(desk), "lost": lost, "chosen": name}
    if not lost:
        object_desk.choose(desk, name)
    return found


@router.post("/{kind}/exclude")
def save_exclude(visit: OfKind, form: Sent) -> Response:
    """Keep the formula that says which of AWS's records are ignored."""
    kept = visit.attempt(lambda desk: _exclude(desk, form))
    if kept.result is None:
        return _objects_page(visit, refusal=kept.refusal, status=kept.status)
    visit.session.tell("done", "Saved in the draft." if form.get("formula") else "Nothing is ignored in the draft.")
    visit.tell_problems(kept.result.problems)
    return visit.go(f"/{visit.kind}/object")


def _exclude(desk: DraftDesk, form: Form) -> Change:
    desk.require_seen(form.get("seen"))
    return desk.set_exclude(form.get("formula"))


# The connector's own fields


@router.get("/{kind}/own")
def show_own(visit: OfKind) -> Response:
    """Show which fields are the connector's own, and what fits on an object of the org's own (MAP-25 to MAP-27)."""
    return _own_page(visit, Form())


def _own_page(visit: Visit, form: Form, *, refusal: str = "", status: int = 200) -> Response:
    found = visit.attempt(_own)
    if found.result is None:
        return visit.page("told.html", title="The connector's own fields", status=422, refusal=found.refusal)
    return visit.page("own.html", form=form, refusal=refusal, status=status, **found.result)


def _own(desk: DraftDesk) -> dict[str, Any]:
    mapping = desk.current()
    fixed = is_fixed(mapping.object_name)
    offered = {} if fixed else desk.own_candidates()
    return {
        **standing(desk), "seen": desk.seen(OWN), "fields": OWN_FIELDS, "offered": offered,
        "names": desk.names(mapping), "likely": None if fixed else desk.likely_own_fields(), "no_field": NO_VALID_FIELD,
    }  # fmt: skip


@router.post("/{kind}/own")
def save_own(visit: OfKind, form: Sent) -> Response:
    """Keep the choice of one of the connector's own fields."""
    name = form.get("name")
    return _own_change(visit, form, lambda desk: desk.set_own_field(name, form.get("field")))


@router.post("/{kind}/own/likely")
def save_likely(visit: OfKind, form: Sent) -> Response:
    """Take the fields that suggest themselves, all at once."""
    return _own_change(visit, form, _accept_likely)


def _accept_likely(desk: DraftDesk) -> Change:
    names = desk.likely_own_fields()
    if names is None:
        raise MappingError("There is a choice, or nothing fits: choose the fields one by one.")
    return desk.accept_own_fields(names)


def _own_change(visit: Visit, form: Form, work: Any) -> Response:
    def checked(desk: DraftDesk) -> Change:
        desk.require_seen(form.get("seen"), OWN)
        change: Change = work(desk)
        return change

    kept = visit.attempt(checked)
    if kept.result is None:
        return _own_page(visit, form, refusal=kept.refusal, status=kept.status)
    visit.session.tell("done", "The connector's own fields are saved in the draft.")
    visit.tell_problems(tuple(one for one in kept.result.problems if one.code != "REQUIRED_UNMAPPED"))
    return visit.go(f"/{visit.kind}/own")


# Many fields at once


@router.post("/{kind}/automap")
def automap(visit: OfKind, form: Sent) -> Response:
    """Auto Map ACE Object: map every field of the packaged object that is not mapped yet (MAP-28)."""

    def work(desk: DraftDesk) -> Change:
        desk.require_seen(form.get("seen"))
        return desk.automap()

    kept = visit.attempt(work)
    if kept.result is None:
        return _told(visit, "Auto Map ACE Object", kept.refusal, kept.status)
    visit.session.tell("done", f"{len(kept.result.mapping.fields)} fields are mapped in the draft.")
    visit.tell_problems(kept.result.problems)
    return visit.go(f"/{visit.kind}")


@router.get("/{kind}/proposals")
def show_proposals(visit: OfKind) -> Response:
    """Show what names and labels suggest for what is not mapped, each with its reason; nothing is mapped by itself."""
    return _proposals_page(visit, Form())


def _proposals_page(visit: Visit, form: Form, *, refusal: str = "", status: int = 200) -> Response:
    found = visit.attempt(lambda desk: {**standing(desk), "proposals": desk.proposals()})
    if found.result is None:
        return _told(visit, "Proposals", found.refusal, 200)
    return visit.page("proposals.html", form=form, refusal=refusal, status=status, **found.result)


@router.post("/{kind}/proposals")
def accept_proposals(visit: OfKind, form: Sent) -> Response:
    """Map what was ticked as it is proposed."""

    def work(desk: DraftDesk) -> int:
        desk.require_seen(form.get("seen"))
        wanted = form.all("accept")
        if not wanted:
            raise MappingError("No proposal was ticked. Tick those that are meant.")
        return len(desk.accept(wanted))

    kept = visit.attempt(work)
    if kept.result is None:
        return _proposals_page(visit, form, refusal=kept.refusal, status=kept.status)
    visit.session.tell("done", f"{kept.result} fields were mapped in the draft as proposed.")
    return visit.go(f"/{visit.kind}/proposals")


@router.get("/{kind}/reset")
def ask_reset(visit: OfKind) -> Response:
    """Ask whether the draft is to be emptied (MAP-35)."""
    return _reset_page(visit)


def _reset_page(visit: Visit, *, refusal: str = "", status: int = 200) -> Response:
    return visit.page("reset.html", refusal=refusal, status=status, **visit.ask(standing))


@router.post("/{kind}/reset")
def reset(visit: OfKind, form: Sent) -> Response:
    """Empty the draft, where that was confirmed."""

    def work(desk: DraftDesk) -> int:
        desk.require_seen(form.get("seen"))
        if form.get("confirmed") != "yes":
            raise MappingError("Nothing was cleared: it was not confirmed.")
        return desk.reset()

    done = visit.attempt(work)
    if done.result is None:
        return _reset_page(visit, refusal=done.refusal, status=done.status)
    visit.session.tell(
        "done", f"{done.result} fields were cleared from the draft. What is in force stays so until you publish."
    )
    return visit.go(f"/{visit.kind}")


def _told(visit: Visit, title: str, refusal: str, status: int) -> Response:
    return visit.page("told.html", title=title, refusal=refusal, status=status)
