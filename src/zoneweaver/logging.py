"""What the agent tells on stderr: one JSON object a line, secrets as asterisks whatever they are hidden in."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Final, TextIO, cast

import structlog

from zoneweaver.domain.secret import Secret, masked

LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def drop_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask every value that is a secret by its type, at any depth."""
    for name, value in event.items():
        if isinstance(value, Secret | dict | list | tuple):
            event[name] = masked(value)
    return event


class _Forward(logging.Handler):
    """Passes on what libraries log with the standard module."""

    def emit(self, record: logging.LogRecord) -> None:
        """Say it as ours."""
        told = {"exc_info": record.exc_info} if record.exc_info else {}
        structlog.get_logger().log(record.levelno, record.getMessage(), logger=record.name, **told)


class _Stderr:
    """Stderr, which may be a file on a full disk or a pipe that nobody reads: a line that it does not take is lost.

    Work must not end because it cannot be told of.
    """

    def write(self, line: str) -> None:
        """Write a line, if that can be."""
        with contextlib.suppress(OSError):
            sys.stderr.write(line)

    def flush(self) -> None:
        """Push it out, if that can be."""
        with contextlib.suppress(OSError):
            sys.stderr.flush()


def configure(level: str) -> None:
    """Send everything of this level and above to stderr. Called once, at start."""
    number = LEVELS[level]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            structlog.processors.format_exc_info,  # without local variables: they hold what no log may hold
            drop_secrets,
            structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=cast(TextIO, _Stderr())),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [_Forward()]
    root.setLevel(max(number, logging.WARNING))
