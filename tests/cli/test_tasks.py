"""`zoneweaver tasks`, `audit` and `status`."""

from __future__ import annotations

from tests.cli.agents import Command, Events, Stub, on_terminal, row


def test_tasks_are_listed_with_what_they_say(zw: Command, agent: Stub):
    """A failed task shows its sentence, a running one its stage."""
    agent.on("GET", "/tasks", (200, {"tasks": [
        row("running", 90, "installing_zone"),
        row("failed", 10, error_message="no space", completed_at="2026-11-25T10:02:05.000000Z", id="t-2"),
    ], "running_count": 1, "total": 9}))  # fmt: skip
    ran = zw("tasks", "list", "--zone", "web", "--status", "failed")
    lines = ran.out.splitlines()
    assert agent.requests[0].query == {"zone_name": "web", "status": "failed", "limit": "50"}
    assert "90 %" in lines[1]
    assert lines[1].endswith("Installing zone")
    assert "2 min 5 s" in lines[2]
    assert lines[2].endswith("no space")
    assert ran.err == "2 of 9 tasks shown.\n"


def test_a_finished_tasks_output_is_watched_from_the_beginning(zw: Command, agent: Stub):
    """Watching a task that is done shows what it printed, and the status says how it ended."""
    failed = row("failed", 10, error_message="no", operation="zone_start")
    agent.on("GET", "/tasks/t-1", (200, failed))
    agent.on("GET", "/tasks/t-1/stream", Events([
        failed, {"type": "output", "stream": "stdout", "data": "booted\n"},
        {"type": "status", "task_id": "t-1", "status": "failed"},
    ]))  # fmt: skip
    ran = zw("tasks", "watch", "t-1", "--output")
    assert ran.status == 1
    assert ran.err.startswith("booted\nError: zone_start of web failed: no\n")


def test_output_is_printed_as_it_was(zw: Command, agent: Stub):
    """Remarks of the agent are marked, lines of commands are not."""
    agent.on("GET", "/tasks/t-1/output", (200, {"task_id": "t-1", "status": "completed", "output": [
        {"stream": "log", "data": "zfs create rpool/x", "timestamp": "x"},
        {"stream": "stdout", "data": "a\nb\n", "timestamp": "x"},
    ]}))  # fmt: skip
    assert zw("tasks", "output", "t-1").out == "# zfs create rpool/x\na\nb\n"


def test_steps_show_the_intent_log(zw: Command, agent: Stub):
    """Each entry is a line with its moment, and an error is shown as its sentence."""
    agent.on("GET", "/tasks/t-1/steps", (200, {"steps": [
        {"step": "install", "event": "failed", "data": {"error": "no"}, "timestamp": "2026-11-25T10:00:00.000000Z"},
    ]}))  # fmt: skip
    assert [line.split()[-3:] for line in zw("tasks", "steps", "t-1").out.splitlines()] == [
        ["STEP", "EVENT", "WHAT"],
        ["install", "failed", "no"],
    ]


def test_cancel_and_retry(zw: Command, agent: Stub):
    """Both are POSTs whose sentence is passed on; a retry can be waited for."""
    agent.on("POST", "/tasks/t-1/cancel", (200, {"message": "Task cancelled successfully"}))
    agent.on("POST", "/tasks/t-1/retry", (202, {"task_id": "t-2", "message": "Task queued again"}))
    agent.on("GET", "/tasks/t-2", (200, row("cancelled", 0, id="t-2", error_message="Dependency failed")))
    assert zw("tasks", "cancel", "t-1").out == "Task cancelled successfully\n"
    ran = zw("tasks", "retry", "t-1", "--wait")
    assert ran.status == 1
    assert "zone_create of web was cancelled: Dependency failed" in ran.err


def test_long_sentences_wrap_in_the_last_column(agent: Stub, tmp_path):
    """On a terminal that has room for the other columns, only the last one is wrapped."""
    sentence = "zoneadm -z web install: exit 1: " + "the zone cannot be installed " * 4
    agent.on("GET", "/tasks", (200, {"tasks": [row("failed", 10, error_message=sentence)], "total": 1}))
    environ = {"ZONEWEAVER_URL": agent.url, "ZONEWEAVER_HOME": str(tmp_path), "COLUMNS": "120", "NO_COLOR": "1"}
    lines = on_terminal(["tasks", "list"], environ=environ, answers={}).out.splitlines()
    column = lines[0].index("SAYS")
    assert max(map(len, lines)) <= 120
    assert all(line[:column].strip() == "" for line in lines[2:])
    assert " ".join(line[column:].strip() for line in lines[1:]) == sentence.strip()


def test_the_audit_trail_is_a_table(zw: Command, agent: Stub):
    """Who, from where, what and how it was answered stand in columns."""
    agent.on("GET", "/audit", (200, {"audit": [
        {"at": "2026-11-25T10:00:00.000000Z", "key_name": "ops", "source": "10.0.0.1", "action": "zone.create",
         "target": "web", "status": 202, "method": "POST", "path": "/zones"},
    ], "total": 1}))  # fmt: skip
    line = zw("audit", "list", "--target", "web").out.splitlines()[1]
    assert line.split()[2:] == ["ops", "10.0.0.1", "zone.create", "web", "202", "POST", "/zones"]
    assert agent.requests[0].query == {"target": "web", "limit": "50"}


def test_status_works_without_a_key(zw: Command, agent: Stub):
    """What needs no key is shown, and what is missing is said."""
    agent.on("GET", "/status", (200, {"role": "agent", "version": "0.1.0", "hostname": "omni"}))
    agent.on("GET", "/stats", (401, {"error": "No API key was given", "code": "unauthorized"}))
    ran = zw("status")
    assert ran.status == 0
    assert "Version   0.1.0\n" in ran.out
    assert "Key       No API key was given\n" in ran.out
