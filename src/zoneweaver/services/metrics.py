"""What is counted, for Prometheus: requests, tasks, commands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from zoneweaver.domain.errors import AgentError
from zoneweaver.domain.tasks import Status
from zoneweaver.host.command import Command, Completed
from zoneweaver.store.transaction import Note

MEDIA_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4

_REQUEST_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_COMMAND_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0, 600.0)


class Metrics:
    """The agent's counters, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "zoneweaver_requests",
            "Requests answered, by route and status.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self._request_seconds = Histogram(
            "zoneweaver_request_seconds",
            "How long answers took, by route.",
            ["method", "route"],
            registry=self.registry,
            buckets=_REQUEST_SECONDS,
        )
        self._tasks = Counter(
            "zoneweaver_tasks",
            "Tasks that reached a state, by operation.",
            ["operation", "status"],
            registry=self.registry,
        )
        self._commands = Histogram(
            "zoneweaver_command_seconds",
            "How long host commands took, by command and outcome.",
            ["command", "outcome"],
            registry=self.registry,
            buckets=_COMMAND_SECONDS,
        )
        self.lists_made = Counter(
            "zoneweaver_lists_made",
            "Lists of zones that were made anew, rather than answered with kept bytes.",
            registry=self.registry,
        )
        self._last: dict[str, str] = {}

    def watch(self, name: str, explanation: str, read: Callable[[], float]) -> None:
        """Show a number that is read when it is asked for."""
        Gauge(f"zoneweaver_{name}", explanation, registry=self.registry).set_function(read)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer."""
        self._requests.labels(method, route, str(status)).inc()
        self._request_seconds.labels(method, route).observe(seconds)

    def ran(self, command: Command, outcome: Completed | AgentError | None, seconds: float) -> None:
        """Count a host command; an observer of `Host`."""
        word = "cancelled" if outcome is None else "ok" if isinstance(outcome, Completed) else outcome.code
        self._commands.labels(command.argv[0], word).observe(seconds)

    def heard(self, notes: Sequence[Note]) -> None:
        """Count the states that tasks reached; a listener of `Database`."""
        for note in notes:
            if note.kind != "task":
                continue
            status, operation = note.data["status"], note.data["operation"]
            if self._last.get(note.key) == status:
                continue
            self._tasks.labels(operation, status).inc()
            if Status(status).terminal:
                self._last.pop(note.key, None)
            else:
                self._last[note.key] = status

    def page(self) -> bytes:
        """Return everything as Prometheus reads it."""
        return generate_latest(self.registry)
