"""Structured logs on standard error: JSON when not a terminal, one set of correlation fields everywhere.

Fields in use: source tenant ticket message agent notification attempt reason partition app. Numbers longer than
seven digits inside any text field are masked as a last defence; no code logs a number or a text on purpose.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from schemas.settings import LogSettings

_NUMBER = re.compile(r"(?<![\w./-])(\+?\d{2})\d{6,}(\d{2})(?![\w-])")
_EXACT = {"timestamp", "offset", "at_ms", "now_ms", "due_ms"}


def mask_numbers(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask what looks like a phone number in text fields."""
    for key, value in event.items():
        if isinstance(value, str) and key not in _EXACT and any(c.isdigit() for c in value):
            event[key] = _NUMBER.sub(r"\1******\2", value)
    return event


def configure(settings: LogSettings, **bound: Any) -> None:
    """Configure structlog and the standard library's logging for this process; `bound` goes into every line."""
    as_json = settings.format == "json" or (settings.format == "auto" and not sys.stderr.isatty())
    level = getattr(logging, settings.level.upper())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        mask_numbers,
    ]
    renderer: Any = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=shared))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.WARNING))
    structlog.contextvars.bind_contextvars(**bound)
