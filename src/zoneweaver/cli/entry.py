"""From a command line to an exit status."""

from __future__ import annotations

import enum
import os
import sys
from collections.abc import Sequence

from zoneweaver.cli import terminal
from zoneweaver.domain.errors import AgentError, Unavailable


class Exit(enum.IntEnum):
    """What the exit status says."""

    OK = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    INTERRUPTED = 130


class UsageError(Exception):
    """The command line asks for something that cannot be meant."""


class TaskFailed(Exception):
    """A task that was waited for did not complete; everything about it is already said."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit status: 0 done, 1 refused or failed, 2 usage, 3 no agent answers."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        return _run(words)
    except BrokenPipeError:
        # The reader (head, less) has seen enough. Python would complain once more while it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return Exit.OK
    except KeyboardInterrupt:
        terminal.note("")
        return Exit.INTERRUPTED


def _run(words: list[str]) -> int:
    from cyclopts import CycloptsError  # noqa: PLC0415  # late: nothing of it is needed where only `main` is imported

    from zoneweaver.cli.commands import app  # noqa: PLC0415
    from zoneweaver.cli.connection import behind_the_command  # noqa: PLC0415

    words = behind_the_command(words)
    try:
        if words and words[0].startswith("-") and words[0] not in {"--help", "-h", "--version"}:
            raise UsageError(f"{words[0]} needs a command before it")
        result = app(
            words or ["--help"],
            print_error=False,
            exit_on_error=False,
            result_action="return_value",
        )
        sys.stdout.flush()
    except CycloptsError as problem:
        return _misused(str(problem), words)
    except UsageError as problem:
        return _misused(str(problem), words)
    except TaskFailed:
        return Exit.FAILED
    except AgentError as problem:
        return _told(problem, "--json" in words)
    except BrokenPipeError:
        raise
    except OSError as problem:
        terminal.error(f"{problem.filename}: {problem.strerror}" if problem.filename else str(problem))
        return Exit.FAILED
    return int(result) if isinstance(result, int) else Exit.OK


def _misused(sentence: str, words: Sequence[str]) -> int:
    from zoneweaver.cli.commands import app  # noqa: PLC0415

    terminal.error(sentence)
    known, _, _ = app.parse_commands([word for word in words[:3] if not word.startswith("-")])
    terminal.note(f"Try: {' '.join(['zoneweaver', *known, '--help'])}")
    return Exit.USAGE


def _told(problem: AgentError, as_json: bool) -> int:
    """Say what went wrong, and what can be done about it."""
    text = getattr(problem, "text", "")
    if as_json and text:
        terminal.put(text)
    terminal.error(problem.message)
    advice = _ADVICE.get(problem.code) or _ADVICE.get(type(problem).__name__)
    if advice:
        terminal.note(advice)
    unreachable = problem.code in {"unreachable", "untrusted"} or isinstance(problem, Unavailable)
    return Exit.UNREACHABLE if unreachable else Exit.FAILED


_ADVICE = {
    "unreachable": "Is it running? Start it with `zoneweaver serve --config FILE` on the host, or `zoneweaver lab run` "
    "for a lab host. Another address is given with --url or ZONEWEAVER_URL.",
    "untrusted": "Copy the agent's own certificate here and name it with --certificate or ZONEWEAVER_CERTIFICATE; "
    "on the agent's host it is enough that ZONEWEAVER_HOME names its state folder.",
    "KeyRefused": "Give a key with ZONEWEAVER_KEY or --key-file FILE. `zoneweaver keys create NAME --local` makes one "
    "on the agent's host.",
    "ScopeTooLow": "`zoneweaver keys list` shows what each key may do; `zoneweaver keys create` makes another.",
}
