"""The sandbox's queues: moto's SQS on loopback, with a queue of events and the dead-letter queue behind it.

moto takes longer to load than everything else together, so that it is loaded only where somebody asks for events.
"""

from __future__ import annotations

import json
import logging
import uuid
from typing import Any

from connector.sandbox.serving import LOOPBACK

REGION = "us-east-1"
VISIBILITY_SECONDS = 5
MOST_RECEIVED = 5


class QueueServer:
    """One SQS with two queues. moto keeps queues per process, so that each server's have names of their own."""

    def __init__(self) -> None:
        from moto.core.models import DEFAULT_ACCOUNT_ID
        from moto.server import ThreadedMotoServer
        from moto.sqs.models import sqs_backends

        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._server = ThreadedMotoServer(ip_address=LOOPBACK, port=0, verbose=False)
        self._backend: Any = sqs_backends[DEFAULT_ACCOUNT_ID][REGION]
        self._account = DEFAULT_ACCOUNT_ID
        mark = uuid.uuid4().hex[:8]
        self._name, self._dead_name = f"ace-events-{mark}", f"ace-events-dead-{mark}"
        self.endpoint_url = ""

    @property
    def queue_url(self) -> str:
        """The queue to which events are sent."""
        return f"{self.endpoint_url}/{self._account}/{self._name}"

    @property
    def dead_letter_queue_url(self) -> str:
        """The queue that takes what could not be worked off."""
        return f"{self.endpoint_url}/{self._account}/{self._dead_name}"

    def start(self) -> None:
        """Serve, and create the queues."""
        self._server.start()
        host, port = self._server.get_host_and_port()
        self.endpoint_url = f"http://{host}:{port}"
        self._create_queues()

    def _create_queues(self) -> None:
        dead = self._backend.create_queue(self._dead_name)
        policy = {"deadLetterTargetArn": dead.queue_arn, "maxReceiveCount": MOST_RECEIVED}
        self._backend.create_queue(
            self._name, VisibilityTimeout=str(VISIBILITY_SECONDS), RedrivePolicy=json.dumps(policy)
        )

    def stop(self) -> None:
        """Stop serving; the queues are gone."""
        self._server.stop()
        server: Any = self._server._server
        server.server_close()
        self._delete_queues()

    def _delete_queues(self) -> None:
        for name in (self._name, self._dead_name):
            self._backend.delete_queue(name)

    def purge(self) -> None:
        """Forget all messages."""
        # SQS, and moto with it, purges a queue once a minute only.
        self._delete_queues()
        self._create_queues()

    def send(self, envelope: dict[str, Any]) -> None:
        """Deliver an event as a rule's target does: the envelope as it is."""
        self._backend.send_message(self._name, json.dumps(envelope))

    def launch_info(self) -> dict[str, str]:
        """Return where the queues are."""
        return {
            "endpoint_url": self.endpoint_url,
            "queue_url": self.queue_url,
            "dead_letter_queue_url": self.dead_letter_queue_url,
        }
