"""Errors as types with facts in them; `api/errors.py` alone turns them into status codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class AgentError(Exception):
    """Something that a caller is told in one sentence, with a slug and facts for programs."""

    code = "error"

    def __init__(self, message: str, *, code: str | None = None, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code
        self.details: dict[str, Any] = dict(details or {})


class Invalid(AgentError):
    """The request is wrong in itself; `details["field"]` names the field where one is to blame."""

    code = "invalid"

    def __init__(self, message: str, *, field: str | None = None, code: str | None = None) -> None:
        super().__init__(message, code=code, details={"field": field} if field else None)
        self.field = field


class Unauthorized(AgentError):
    """No key was given, or one that is unknown or revoked."""

    code = "unauthorized"


class Forbidden(AgentError):
    """The key is known but its scope does not reach."""

    code = "forbidden"


class NotFound(AgentError):
    """The thing that was asked for does not exist."""

    code = "not_found"


class Conflict(AgentError):
    """The thing exists, or is in a state, so that the request cannot be granted now."""

    code = "conflict"


class PreconditionFailed(AgentError):
    """`If-Match` named another version than the present one."""

    code = "precondition_failed"


class TooLarge(AgentError):
    """The body is larger than the agent takes."""

    code = "too_large"


class RangeNotSatisfiable(AgentError):
    """`Range` names no byte of the file; `details["size"]` is how many there are."""

    code = "range_not_satisfiable"


class UnsupportedMediaType(AgentError):
    """The body is not JSON where JSON is wanted."""

    code = "unsupported_media_type"


class TooMany(AgentError):
    """More at once than the agent allows; try again later."""

    code = "too_many"


class Unavailable(AgentError):
    """The agent cannot answer at the moment: the database is locked, or it is shutting down."""

    code = "unavailable"


class Refused(AgentError):
    """The host (or a check before it) said no before anything was touched: there is nothing to undo."""

    code = "refused"


class Failed(AgentError):
    """Something went wrong and may have half happened."""

    code = "failed"


def _briefly(argv: Sequence[str]) -> str:
    """Return the words that name a command: its own, and its verb, which comes fourth in `zoneadm -z NAME VERB`."""
    verb = argv[3:4] if "-z" in argv[1:2] else ()
    return " ".join([*argv[:3], *(word for word in verb if not word.startswith("-"))])


class CommandFailed(Failed):
    """A host command ended with another exit status than 0."""

    code = "command_failed"

    def __init__(self, *, argv: Sequence[str], exit_status: int, stderr: str) -> None:
        said = " ".join(line.strip() for line in stderr.strip().splitlines()[:6]) or "it said nothing"
        super().__init__(
            f"{_briefly(argv)}: exit {exit_status}: {said}",
            details={"argv": list(argv), "exit_status": exit_status, "stderr": stderr},
        )
        self.argv = tuple(argv)
        self.exit_status = exit_status
        self.stderr = stderr


class CommandTimeout(Failed):
    """A host command was ended because its deadline passed; `seconds` is the deadline."""

    code = "command_timeout"

    def __init__(self, *, argv: Sequence[str], seconds: float) -> None:
        super().__init__(
            f"{_briefly(argv)}: not finished after {seconds:g} s",
            details={"argv": list(argv), "seconds": seconds},
        )
        self.argv = tuple(argv)
        self.seconds = seconds


class CommandMissing(Refused):
    """A host command could not be started at all."""

    code = "command_missing"

    def __init__(self, *, command: str, reason: str) -> None:
        super().__init__(f"{command}: cannot be started: {reason}", details={"command": command, "reason": reason})
        self.command = command


class Unparseable(Failed):
    """A host command answered something that its manual does not describe."""

    code = "unparseable"

    def __init__(self, *, argv: Sequence[str], text: str, why: str) -> None:
        super().__init__(
            f"{' '.join(argv[:3])}: answered something unexpected: {why}",
            details={"argv": list(argv), "text": text[:500]},
        )


class Cancelled(Failed):
    """Somebody asked for this to be stopped."""

    code = "cancelled"
