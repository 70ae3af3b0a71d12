"""Log lines: one JSON object a line on standard error; a traceback names code, never the values in it."""

from __future__ import annotations

import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO, cast

import structlog

# PostgreSQL tells in DETAIL which row broke a promise, with every value of it, and in CONTEXT which parameter or line
# of a COPY it read; the statement and the traceback that may follow are kept. A repr writes the ends of lines out.
_DETAIL = re.compile(
    r"(?:\n|\\n)(?:DETAIL|CONTEXT): .*?(?=(?:\n|\\n)\[SQL|\n\n(?:The above exception|During handling)|\Z)",
    re.DOTALL,
)
# Some first lines quote the value too: invalid input syntax for type integer: "..."; value "..." is out of range.
_QUOTED = re.compile(
    r"((?:invalid (?:input|byte|value|character)|out of range|malformed)[^\"\n]{0,120}: )\\?\".*?\\?\"(?=[\s'\")\\]|\Z)"
    r"|(\bvalue )\\?\"[^\"]*\"(?= is out of range)",
    re.DOTALL,
)


def configure() -> None:
    """Let this process log as JSON lines. Local variables stay out of tracebacks, because they hold secrets."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.UnicodeDecoder(),
            _without_rows,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(file=cast(TextIO, _StandardError())),
        cache_logger_on_first_use=False,
    )


def _without_rows(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Take out of each text the row that a refused statement would have written."""
    return {name: _bare(value) if isinstance(value, str) else value for name, value in event.items()}


def _bare(text: str) -> str:
    return _QUOTED.sub(lambda found: f"{found[1] or found[2]}...", _DETAIL.sub("", text))


class _StandardError:
    """Writes to whatever standard error is now; tests and supervisors replace it."""

    def write(self, text: str) -> int:
        """Write text."""
        return sys.stderr.write(text)

    def flush(self) -> None:
        """Pass on what was written."""
        sys.stderr.flush()
