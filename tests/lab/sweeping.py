"""One case of the sweep: an operation, a fault at one of its commands, and the verdict on what came of it."""

from __future__ import annotations

import http.client
import os
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.lab.agents import Answer, Lab, TooLate, wait_for
from tests.lab.cases import Operation
from tests.lab.judging import Picture, alike, disagreements, idle, journal, parted, picture, settle, shape, told

from labhost import faults

if TYPE_CHECKING:
    from tests.lab.conftest import Setups

FAULTS = (
    "fail-before", "fail-after", "hang-before", "hang-after", "kill-before", "kill-during", "kill-after",
    "garbage", "empty", "missing", "stop-during",
)  # fmt: skip
STOP_SECONDS = 0.1
"""How long an agent that is asked to stop waits for a command, which then takes longer."""

OUTLIVES = 0.1
"""Seconds for which a command outlives the agent that is killed during it."""

RECOVERY_SECONDS = 3.0
SAID = {
    "zfs": "cannot create 'rpool/zones/web': out of space",
    "zonecfg": "zonecfg: cannot lock zone: Resource temporarily unavailable",
    "zoneadm": "zoneadm: zone 'web': internal error: not enough memory",
    "bhyvectl": "VM:SYSweb is not created.",
    "dladm": "dladm: operation failed: insufficient memory",
}


@dataclass
class Clean:
    """An untroubled run: its commands, and the host before and after it."""

    commands: list[list[str]]
    begin: Picture
    end: Picture
    between: list[Picture] = field(default_factory=list)


@dataclass
class Seen:
    """What a case came to."""

    status: str
    error: str
    fired: list[list[str]]
    problems: list[str]
    told_twice: bool = False
    """Whether the second fault was struck, too."""


def run_clean(setups: Setups, operation: Operation) -> Clean:
    """Run an operation twice without any trouble; both runs must look alike."""
    runs = [_clean(setups, operation) for _ in range(2)]
    assert runs[0].end == runs[1].end, told(runs[0].end, runs[1].end)
    assert runs[0].begin == runs[1].begin, told(runs[0].begin, runs[1].begin)
    first, second = (sorted(map(shape, run.commands)) for run in runs)  # the two ends of a pipe begin as they like
    assert first == second, [one for one in (*first, *second) if first.count(one) != second.count(one)]
    neighbours = {key: text for key, text in runs[0].begin.items() if not _is_ours(operation, key)}
    after = {key: text for key, text in runs[0].end.items() if not _is_ours(operation, key)}
    assert neighbours == after, told(neighbours, after)
    return runs[0]


def _is_ours(operation: Operation, key: str) -> bool:
    """Whether a piece of evidence is of what is worked on (the index is, when that is a zone)."""
    return any(word in key for word in operation.ours) or key == "file /etc/zones/index"


def _clean(setups: Setups, operation: Operation) -> Clean:
    lab = setups.lab(operation.setup)
    try:
        before = len(journal(lab.world))
        begin = alike(lab.world)
        row = lab.do(operation.method, operation.path, operation.body)
        assert row["status"] == "completed", row
        settle(lab.world)
        commands = [entry["argv"] for entry in journal(lab.world)[before:]]
        assert not disagreements(lab), disagreements(lab)
        clean = Clean(commands, begin, alike(lab.world))
        if operation.way == "power":
            clean.between = [_stopped(setups, operation)]
        return clean
    finally:
        setups.discard(lab)


def _stopped(setups: Setups, operation: Operation) -> Picture:
    lab = setups.lab(operation.setup)
    try:
        lab.do("POST", "/zones/web/halt")
        settle(lab.world)
        return alike(lab.world)
    finally:
        setups.discard(lab)


class Case:
    """One run of an operation with a fault at its command number `at` (1 is the first), then maybe another one."""

    def __init__(
        self, setups: Setups, operation: Operation, clean: Clean, *, fault: str, at: int, then: int = 0
    ) -> None:
        self.setups = setups
        self.operation = operation
        self.clean = clean
        self.fault = fault
        self.at = at
        self.then = then
        self.answer: Answer | None = None
        self.broken: BaseException | None = None
        self.orders: list[str] = []
        self.cancelled = False

    def run(self) -> Seen:
        """Run it and judge it."""
        lab = self.setups.lab(self.operation.setup, **{"server.shutdown_seconds": STOP_SECONDS})
        try:
            return self._run(lab)
        except TooLate as late:
            return Seen("late", "", self._fired(lab), [f"too late: {late}"])
        finally:
            self.setups.discard(lab)

    def _run(self, lab: Lab) -> Seen:
        self.begin = picture(lab.world)
        self.begin_alike = alike(lab.world, self.begin)
        self.known = lab.look("SELECT coalesce(max(seq), 0) FROM tasks")[0][0]
        name = self.clean.commands[self.at - 1][0]
        if self.fault == "missing":
            os.rename(f"{lab.world.path}/bin/{name}", f"{lab.world.path}/{name}.away")
        else:
            self._order(lab, name)
        sender = threading.Thread(target=self._send, args=(lab,))
        sender.start()
        if self.fault.startswith("hang"):
            self._unhang(lab, sender)
        if self.fault == "stop-during":
            wait_for(lambda: faults.fired(lab.world, self.orders[0]) or None, "the fault", 10.0, lab.seen)
            status = lab.agent.stop()
            assert status == 0, (status, lab.agent.said())
        sender.join(20)
        if sender.is_alive():
            raise TooLate(f"the request is not answered\n{lab.seen()}")
        if self.broken is not None and self.fault.startswith("kill"):
            lab.agent.await_end(5)
        row = self._bring_to_end(lab)
        if self.fault == "missing":
            os.rename(f"{lab.world.path}/{name}.away", f"{lab.world.path}/bin/{name}")
        return self._judge(lab, row)

    def _order(self, lab: Lab, name: str) -> None:
        act, _, when = self.fault.partition("-")
        seconds = OUTLIVES
        if self.fault == "stop-during":
            act, seconds = "slow", 5 * STOP_SECONDS
        message = SAID.get(name, f"{name}: failed")
        self.orders.append(
            faults.order(
                lab.world, command="*", nth=self.at, act=act, when=when or "before", message=message, seconds=seconds
            )
        )
        if self.then:
            self.orders.append(
                faults.order(lab.world, command="*", nth=self.then, act="kill", when="during", seconds=OUTLIVES)
            )

    def _send(self, lab: Lab) -> None:
        try:
            timeout = 0.6 if self.fault.startswith("hang") else 20.0
            self.answer = lab.ask(self.operation.method, self.operation.path, self.operation.body, timeout=timeout)
        except (OSError, http.client.HTTPException) as error:
            self.broken = error

    def _fired(self, lab: Lab) -> list[list[str]]:
        return [argv for order in self.orders for argv in faults.fired(lab.world, order)]

    def _unhang(self, lab: Lab, sender: threading.Thread) -> None:
        """Cancel the task whose command hangs; a request that hangs is left to the agent's end."""
        wait_for(lambda: faults.fired(lab.world, self.orders[0]) or None, "the fault", 10.0, lab.seen)
        sender.join(20)
        if self.answer is not None and self.answer.status == 202:
            for task in _task_ids(self.answer):
                answer = lab.post(f"/tasks/{task}/cancel")
                assert answer.status in {200, 202, 409}, answer
            self.cancelled = True
        else:
            lab.stop()

    def _bring_to_end(self, lab: Lab) -> dict[str, Any] | None:
        """Wait for the end of the task; start the agent again whenever it was killed."""
        started = time.monotonic()
        while True:
            if not lab.agent.alive():
                lab.kill()
                lab.start()
                started = time.monotonic()
            try:
                row = self._ended(lab)
                if row is not None:
                    return row if row["status"] != "none" else None
            except (OSError, http.client.HTTPException):
                lab.close_connection()
            if time.monotonic() - started > (RECOVERY_SECONDS if lab.starts > 1 else 20.0):
                raise TooLate(f"the task is not at its end\n{lab.seen()}")
            time.sleep(0.006)

    def _ended(self, lab: Lab) -> dict[str, Any] | None:
        """The row of the task, once nothing is under way; `status` none when there is no task."""
        if lab.busy() or (lab.starts > 1 and not lab.looked()):
            return None
        if self.answer is not None:
            if self.answer.status != 202:
                return {"status": "none", "error_message": None}
            return lab.task(_task_ids(self.answer)[0])
        mine = lab.look(
            f"SELECT id FROM tasks WHERE seq > {self.known} AND operation <> 'zone_discover' ORDER BY seq LIMIT 1"
        )
        return lab.task(mine[0][0]) if mine else {"status": "none", "error_message": None}

    def _judge(self, lab: Lab, row: dict[str, Any] | None) -> Seen:
        settle(lab.world)
        problems: list[str] = []
        fired = self._fired(lab)
        if self.fault != "missing" and not faults.fired(lab.world, self.orders[0]):
            problems.append("the fault was never struck")
        now = picture(lab.world)
        name = self.clean.commands[self.at - 1][0]
        status = "refused" if row is None else str(row["status"])
        error = str((row or {}).get("error_message") or (self.answer.body if self.answer and row is None else ""))
        after = alike(lab.world, now)
        if status == "completed":
            if after != self.clean.end:
                problems.append(
                    f"completed, but the host is not as after an untroubled run:\n    {told(self.clean.end, after)}"
                )
        elif self.fault == "missing" and self.operation.way == "pivot" and "look at what is left" in error:
            problems += self._carried_on(lab)
        elif self.fault == "missing" and self.operation.name == "halt_unsettled" and name == "dladm":
            if lab.look("SELECT unsettled FROM zones WHERE name = 'web'") in ([(None,)], [("{}",)]):
                problems.append("what nobody could settle without dladm is not remembered")
        elif now != self.begin and not self._excused(status, after):
            problems.append(
                f"{status}, but the host is not as before:\n    {told(self.begin, now)}\n    {parted(self.begin_alike, after)}"
            )
        if status in {"failed", "cancelled"} and not error:
            problems.append(f"{status} without a word why")
        problems += idle(lab)
        problems += disagreements(lab)
        return Seen(status, error, fired, problems, len(fired) > 1)

    def _carried_on(self, lab: Lab) -> list[str]:
        """Ask again, now that the command is there: what could not be finished beyond its pivot is finished then."""
        row = lab.do(self.operation.method, self.operation.path)
        end = alike(lab.world)
        return (
            []
            if end == self.clean.end
            else [f"{row['status']} when asked again, but:\n    {told(self.clean.end, end)}"]
        )

    def _excused(self, status: str, after: Picture) -> bool:
        """Whether the host may be other than before, although the task did not complete.

        What was shut down or booted cannot be told that it was not: a power operation that fails leaves the zone up
        or down. A zone that was brought back up by a boot has what each boot makes anew. In a configuration that was
        changed back, elements of different kinds may stand in another order, which nobody reads (zonecfg can only
        append).
        """
        if self.operation.way == "power":
            return after in (self.begin_alike, self.clean.end, *self.clean.between)
        return (self.operation.boots or self.operation.method == "PUT") and after == self.begin_alike


def _task_ids(answer: Answer) -> list[str]:
    return [answer.body[name] for name in ("task_id", "start_task_id") if answer.body.get(name)]
