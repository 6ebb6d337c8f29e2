"""``python -m connector.sandbox``: the sandbox alone, until it is told to stop."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from connector.sandbox.salesforce.currencies import Currency
from connector.sandbox.server import Sandbox


def main(arguments: Sequence[str] | None = None) -> int:
    """Print how to reach the sandbox as one line of JSON, serve until SIGTERM or SIGINT, return 0."""
    parser = argparse.ArgumentParser(
        prog="connector.sandbox", description="A Salesforce org and a Partner Central on loopback."
    )
    parser.add_argument("--port", type=int, default=0, help="Salesforce's port; the others take free ones")
    parser.add_argument("--dir", type=Path, default=None, help="where connector.toml, keys and secrets are written")
    parser.add_argument("--quota-scale", type=float, default=1.0, help="times AWS's published request quotas")
    parser.add_argument(
        "--metadata", type=Path, action="append", default=[], help="further Salesforce DX source to deploy; repeatable"
    )
    parser.add_argument(
        "--currency", action="append", default=[], help="a currency of an org with several, the corporate one first"
    )
    options = parser.parse_args(arguments)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with Sandbox(
        options.dir,
        port=options.port,
        quota_scale=options.quota_scale,
        metadata=options.metadata,
        currencies=[Currency(code) for code in options.currency],
    ) as sandbox:
        sys.stdout.write(json.dumps(sandbox.launch_info()) + "\n")
        sys.stdout.flush()
        stopping.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
