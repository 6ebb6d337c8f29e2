"""Tasks that the service runs on its own, and the lists that tell how they went."""

from __future__ import annotations

from connector.sandbox.partner_central.catalog import Account, Catalog
from connector.sandbox.partner_central.paging import page_of
from connector.sandbox.partner_central.records import Fields, Task
from connector.sandbox.partner_central.wire import format_timestamp

FROM_OPPORTUNITY = "StartEngagementFromOpportunityTask"
BY_ACCEPTING = "StartEngagementByAcceptingInvitationTask"


def new_task(account: Account, catalog: Catalog, kind: str, subject: Fields) -> Task:
    """Store a task that just began; ``subject`` holds the ids that its lists filter by."""
    task = Task(
        id=catalog.new_id("task-", 13),
        catalog=catalog.name,
        kind=kind,
        started=account.clock.now(),
        polls_left=account.settings.task_polls,
        subject=subject,
    )
    catalog.tasks[task.id] = task
    return task


def show_task(task: Task, *, polled: bool = False) -> Fields:
    """Return the task as its operations show it; being polled brings it nearer to its end."""
    if polled and task.polls_left:
        task.polls_left -= 1
    done = task.status == "COMPLETE"
    reason, message = task.failure if task.failure and task.status == "FAILED" else (None, None)
    hidden = {"OpportunityId"} if task.kind == BY_ACCEPTING and not done else set()
    return {
        "TaskId": task.id,
        "TaskArn": f"arn:aws:partnercentral:us-east-1::catalog/{task.catalog}/task/{task.id}",
        "StartTime": format_timestamp(task.started),
        "TaskStatus": task.status,
        "Message": message,
        "ReasonCode": reason,
        **{name: value for name, value in task.subject.items() if name not in hidden},
        **(task.results if done else {}),
    }


def _matches(task: Task, request: Fields) -> bool:
    values = {**task.subject, **task.results}
    for member, name in (
        ("OpportunityIdentifier", "OpportunityId"),
        ("EngagementIdentifier", "EngagementId"),
        ("EngagementInvitationIdentifier", "EngagementInvitationId"),
    ):
        wanted = request.get(member)
        if wanted and _last(values.get(name) or "") not in {_last(each) for each in wanted}:
            return False
    return True


def _last(identifier: str) -> str:
    return identifier.rpartition("/")[2]


def _list(catalog: Catalog, request: Fields, kind: str) -> Fields:
    wanted_ids = [_last(each) for each in request.get("TaskIdentifier") or ()]
    tasks = (
        [catalog.tasks[each] for each in wanted_ids if each in catalog.tasks] if wanted_ids else catalog.tasks.values()
    )
    found = [task for task in tasks if task.kind == kind and _matches(task, request)]
    found.sort(key=lambda task: (task.started, task.id))
    if (request.get("Sort") or {}).get("SortOrder") == "DESCENDING":
        found.reverse()
    shown = [show_task(task, polled=True) for task in found]
    wanted = request.get("TaskStatus")
    items = [task for task in shown if not wanted or task["TaskStatus"] in wanted]
    return page_of("TaskSummaries", items, request, default=20)


def list_from_opportunity(_account: Account, catalog: Catalog, request: Fields) -> Fields:
    """List submission tasks (ListEngagementFromOpportunityTasks)."""
    return _list(catalog, request, FROM_OPPORTUNITY)


def list_by_accepting(_account: Account, catalog: Catalog, request: Fields) -> Fields:
    """List acceptance tasks (ListEngagementByAcceptingInvitationTasks)."""
    return _list(catalog, request, BY_ACCEPTING)
