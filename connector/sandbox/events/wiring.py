"""How the sandbox's own org and Partner Central are connected: by the template that users deploy."""

from __future__ import annotations

from pathlib import Path

import connector
from connector.sandbox.clock import SandboxClock
from connector.sandbox.events.destination import Route
from connector.sandbox.events.forwarder import DOMAIN, Forwarder, notification_stack
from connector.sandbox.events.queues import SqsQueues
from connector.sandbox.events.stack import TemplateRefused
from connector.sandbox.partner_central.settings import ACCOUNT_ID
from connector.sandbox.salesforce.org import Org

TEMPLATE = Path(connector.__file__).resolve().parent.parent / "deploy/cloudformation/partner-central-events.yaml"


def check_template() -> None:
    """Raise TemplateRefused where the template is missing: installed packages do not carry it."""
    if not TEMPLATE.is_file():
        raise TemplateRefused(
            f"{TEMPLATE} does not exist. Events become notifications by the project's own template: run the sandbox "
            "from a checkout of the project."
        )


def forward_events(org: Org, clock: SandboxClock, sqs: dict[str, str] | None) -> Forwarder:
    """Return what brings Partner Central's events into the org, as the template says; not started yet.

    A sandbox org gets those of the catalog Sandbox, as the connector does.

    Args:
        org: its ``instance_url`` is set.
        clock: the sandbox's.
        sqs: ``endpoint_url`` and ``dead_letter_queue_url`` of the queue server; None: dead letters stay in memory.

    Raises:
        TemplateRefused: the template is missing or wrong.
    """
    check_template()
    stack = notification_stack(
        TEMPLATE,
        client_id=org.authority.client_id,
        client_secret=org.authority.client_secret,
        account=ACCOUNT_ID,
        Catalog="Sandbox" if org.is_sandbox else "AWS",
    )
    queues = None
    if sqs is not None:
        arn = stack.resources["DeadLetterQueue"].attributes["Arn"]
        queues = SqsQueues(sqs["endpoint_url"], {arn: sqs["dead_letter_queue_url"]})
    return Forwarder(stack, route=Route(DOMAIN, org.instance_url), queues=queues, clock=clock)
