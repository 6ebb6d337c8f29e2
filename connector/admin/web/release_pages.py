"""Pages from draft to version: check, difference, publish, history, and files for review and other orgs."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from connector.admin import release_desk
from connector.admin.applying import leave_to_worker
from connector.admin.release_desk import Release
from connector.admin.web.drafts import DraftDesk
from connector.admin.web.field_pages import standing
from connector.admin.web.visits import Form, OfKind, Sent, Visit
from connector.errors import MappingError
from connector.mapping.fit import is_blocking
from connector.sync.mapping_apply import Scope

router = APIRouter()


@router.get("/{kind}/check")
def show_check(visit: OfKind, published: str = "") -> Response:
    """Show what is wrong with the draft, or the version in force, on today's org (MAP-45)."""

    def checked(desk: DraftDesk) -> dict[str, Any]:
        mapping = desk.require_published() if published else desk.current()
        problems = desk.check(mapping)
        return {
            **standing(desk), "checked": mapping, "blocking": [one for one in problems if is_blocking(one)],
            "advice": [one for one in problems if not is_blocking(one)], "catalogue": desk.catalogue,
        }  # fmt: skip

    found = visit.attempt(checked)
    if found.result is None:
        return visit.page("told.html", title="Check", refusal=found.refusal)
    return visit.page("check.html", **found.result)


@router.get("/{kind}/draft")
def show_draft(visit: OfKind) -> Response:
    """Show what the draft changes, and offer to publish it."""
    return _draft_page(visit, Form())


def _draft_page(visit: Visit, form: Form, *, refusal: str = "", status: int = 200) -> Response:
    def drafted(desk: DraftDesk) -> dict[str, Any]:
        found = standing(desk)
        if not found["is_draft"]:
            return {**found, "lines": (), "blocking": [], "advice": []}
        problems = desk.check(desk.current())
        return {
            **found, "lines": release_desk.compare(desk),
            "blocking": [one for one in problems if is_blocking(one)],
            "advice": [one for one in problems if not is_blocking(one)],
        }  # fmt: skip

    return visit.page("draft.html", form=form, refusal=refusal, status=status, **visit.ask(drafted))


@router.post("/{kind}/publish")
def publish(visit: OfKind, form: Sent) -> Response:
    """Put the draft in force."""

    def work(desk: DraftDesk) -> Release:
        desk.require_seen(form.get("seen"))
        return release_desk.publish(desk, form.get("note"), move=form.get("move") == "yes")

    done = visit.attempt(work)
    if done.result is None:
        return _draft_page(visit, form, refusal=done.refusal, status=done.status)
    return _released(visit, done.result, f"Version {done.result.version} is in force from the next cycle.")


@router.post("/{kind}/discard")
def discard(visit: OfKind, form: Sent) -> Response:
    """Throw the draft away, where that was confirmed."""

    def work(desk: DraftDesk) -> bool:
        desk.require_seen(form.get("seen"))
        if form.get("confirmed") != "yes":
            raise MappingError("The draft is still there: tick that it is to be thrown away.")
        desk.discard()
        return True

    done = visit.attempt(work)
    if done.result is None:
        return _draft_page(visit, form, refusal=done.refusal, status=done.status)
    visit.session.tell("done", "There is no draft any more.")
    return visit.go(f"/{visit.kind}")


@router.get("/{kind}/history")
def show_history(visit: OfKind) -> Response:
    """Show the published versions, and what of the last ones was not applied to older records."""

    def listed(desk: DraftDesk) -> dict[str, Any]:
        found = standing(desk)
        return {**found, "versions": release_desk.history(desk), "scope": _pending(desk, found["in_force"])}

    return visit.page("history.html", **visit.ask(listed))


def _pending(desk: DraftDesk, in_force: int) -> Scope:
    if not in_force:
        return Scope()
    return release_desk.pending_scope(desk)


@router.get("/{kind}/history/{version}")
def ask_roll_back(visit: OfKind, version: int) -> Response:
    """Show what going back to a version would change, and ask."""
    return _version_page(visit, version)


def _version_page(visit: Visit, version: int, *, refusal: str = "", status: int = 200) -> Response:
    def compared(desk: DraftDesk) -> dict[str, Any]:
        now = str(desk.require_published().version)
        return {**standing(desk), "lines": release_desk.compare(desk, now, str(version)), "version": version}

    found = visit.attempt(compared)
    if found.result is None:
        return visit.page("told.html", title=f"Version {version}", refusal=found.refusal, status=404)
    return visit.page("rollback.html", refusal=refusal, status=status, **found.result)


@router.post("/{kind}/history/{version}")
def roll_back(visit: OfKind, version: int, form: Sent) -> Response:
    """Publish an earlier version again, as a new one."""

    def work(desk: DraftDesk) -> Release:
        if form.get("in_force") != str(desk.require_published().version):
            raise MappingError("Another version was published meanwhile. Look at the difference now, then go back.")
        return release_desk.roll_back(desk, version, move=form.get("move") == "yes")

    done = visit.attempt(work)
    if done.result is None:
        return _version_page(visit, version, refusal=done.refusal, status=done.status)
    return _released(visit, done.result, f"Version {done.result.version} is in force, the same as version {version}.")


def _released(visit: Visit, release: Release, words: str) -> Response:
    visit.session.tell("done", words)
    if release.set_aside:
        visit.session.tell("note", f"{release.set_aside} linked records of the earlier object are set aside.")
    words = "It is not applied to records by itself: only what changes from now on is sent and written by it."
    visit.session.tell("note", words)
    visit.tell_problems(release.problems)
    return visit.go(f"/{visit.kind}/history")


@router.post("/{kind}/apply")
def apply(visit: OfKind, form: Sent) -> Response:
    """Leave it to the worker to apply what newly or differently mapped fields say to records from before."""

    def work(desk: DraftDesk) -> Scope:
        found = _pending(desk, 1)
        scope = Scope(found.to_aws * (form.get("to_aws") == "yes"), found.from_aws * (form.get("from_aws") == "yes"))
        if scope == Scope():
            raise MappingError("Nothing was ticked, or nothing is left to be applied.")
        return scope

    asked = visit.attempt(work)
    if asked.result is None:
        visit.session.tell("problem", asked.refusal)
        return visit.go(f"/{visit.kind}/history")
    scope = asked.result
    count = visit.office.ask(lambda _: leave_to_worker(scope, visit.kind))
    words = f"The worker looks at {count} linked records, behind everything else; the sync logs tell what goes."
    visit.session.tell("done", words)
    return visit.go(f"/{visit.kind}/history")


@router.get("/{kind}/files")
def show_files(visit: OfKind) -> Response:
    """Offer the mapping as a file, and take one."""
    return _files_page(visit)


def _files_page(visit: Visit, *, refusal: str = "", status: int = 200) -> Response:
    return visit.page("files.html", refusal=refusal, status=status, **visit.ask(standing))


@router.get("/{kind}/mapping.yaml")
def export(visit: OfKind, draft: str = "") -> Response:
    """Return the published mapping, or the draft, as a file (MAP-44)."""
    found = visit.attempt(lambda desk: release_desk.export_text(desk, draft=bool(draft)))
    if found.result is None:
        return _files_page(visit, refusal=found.refusal, status=found.status)
    name = f"{visit.kind}-mapping{'-draft' if draft else ''}.yaml"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(found.result, media_type="application/yaml; charset=utf-8", headers=headers)


@router.post("/{kind}/import")
def import_file(visit: OfKind, form: Sent) -> Response:
    """Make the draft what a file says; every problem of it is told."""

    def work(desk: DraftDesk) -> tuple[Any, Any]:
        desk.require_seen(form.get("seen"))
        if not form.file.strip():
            raise MappingError("The file is empty, or none was chosen. Choose one that Export made.")
        return release_desk.import_text(desk, form.file)

    done = visit.attempt(work)
    if done.result is None:
        return _files_page(visit, refusal=done.refusal, status=done.status)
    mapping, problems = done.result
    visit.session.tell(
        "done", f"The draft is what the file says: {len(mapping.fields)} fields of {mapping.object_name}."
    )
    visit.tell_problems(problems)
    return visit.go(f"/{visit.kind}/draft")
