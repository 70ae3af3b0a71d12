"""Log lines: one JSON object a line on standard error; a traceback names code, never the values in it."""

from __future__ import annotations

import sys
from typing import TextIO, cast

import structlog


def configure() -> None:
    """Let this process log as JSON lines. Local variables stay out of tracebacks, because they hold secrets."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.UnicodeDecoder(),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(file=cast(TextIO, _StandardError())),
        cache_logger_on_first_use=False,
    )


class _StandardError:
    """Writes to whatever standard error is now; tests and supervisors replace it."""

    def write(self, text: str) -> int:
        """Write text."""
        return sys.stderr.write(text)

    def flush(self) -> None:
        """Pass on what was written."""
        sys.stderr.flush()
