"""The worker's own log: JSON lines for machines, plain lines for people. Never a secret, never personal data."""

from __future__ import annotations

import logging
import sys

import structlog


def configure_logging(level: str, *, json_lines: bool) -> None:
    """Send structured log events to stderr, those of the rooms that use the standard library's logging too.

    What other libraries log is left out: their lines may hold addresses and rows.

    Args:
        level: least level that is written, such as ``INFO``.
        json_lines: one JSON object a line, as the worker writes; otherwise text for a terminal.
    """
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if json_lines else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.EventRenamer("event"),
    ]
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer], foreign_pre_chain=shared
        )
    )
    own = logging.getLogger("connector")
    own.handlers[:], own.propagate = [handler], False
    own.setLevel(level)
    logging.getLogger().addHandler(logging.NullHandler())
