"""The worker's own log: JSON lines for machines, plain lines for people. Never a secret, never personal data."""

from __future__ import annotations

import logging
import sys

import structlog


def configure_logging(level: str, *, json_lines: bool) -> None:
    """Send structured log events to stderr.

    Args:
        level: least level that is written, such as ``INFO``.
        json_lines: one JSON object a line, as the worker writes; otherwise text for a terminal.
    """
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if json_lines else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.EventRenamer("event"),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
