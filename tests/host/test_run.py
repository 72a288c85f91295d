"""The runner, with real small processes."""

import asyncio
import fcntl
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from zoneweaver.domain.errors import AgentError, CommandFailed, CommandMissing, CommandTimeout, Unparseable
from zoneweaver.domain.secret import Secret
from zoneweaver.host import script
from zoneweaver.host.command import SCRIPT_PLACE, Command, Completed, InputFile, Query
from zoneweaver.host.run import Host

FOREVER = "while :; do sleep 60; done"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(
        root=tmp_path / "root",
        scratch=tmp_path / "scratch",
        command_path=(str(tmp_path / "bin"), "/usr/bin", "/bin"),
        output_limit=10_000,
        grace=0.3,
    )


def sh(words: str, *, timeout: float = 20.0, **rest: Any) -> Command:
    return Command(argv=("sh", "-c", words), timeout=timeout, **rest)


async def until(true: Callable[[], object], what: str, seconds: float = 10.0) -> None:
    """Wait for a state; fail with what was seen."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"{what}: not after {seconds} s"
        await asyncio.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def unreaped() -> object:
    """Return a child that has ended and that nobody has asked about, if there is one."""
    try:
        return os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None


async def test_it_returns_what_the_process_said(host: Host) -> None:
    """Both outputs, the exit status and the argv as it was given come back."""
    completed = await host.run(sh("echo out; echo err >&2; exit 3", ok=frozenset({3})))
    assert (completed.stdout, completed.stderr, completed.exit_status) == ("out\n", "err\n", 3)
    assert completed.argv[:2] == ("sh", "-c")
    assert 0 < completed.seconds < 20
    assert not completed.truncated


async def test_the_environment_is_ours_alone(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command sees LC_ALL and PATH and nothing of the agent's environment."""
    monkeypatch.setenv("SECRET_OF_THE_AGENT", "x")
    completed = await host.run(Command(argv=("env",)))
    assert sorted(completed.stdout.split()) == ["LC_ALL=C", f"PATH={':'.join(host.command_path)}"]


async def test_a_command_runs_in_the_root_folder_in_a_session_of_its_own(host: Host) -> None:
    """Nothing of where and how the agent was started reaches a command."""
    asked = "import os, sys; print(os.getcwd(), os.getsid(0) == os.getpid(), sys.stdin.read() == '')"
    completed = await host.run(Command(argv=(sys.executable, "-c", asked)))
    assert completed.stdout.split() == ["/", "True", "True"]


async def test_no_file_of_the_agent_is_inherited(host: Host, tmp_path: Path) -> None:
    """Even a descriptor that was made inheritable stays with the agent."""
    with (tmp_path / "open").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        asked = f"import os\ntry: os.fstat({file.fileno()}); print('there')\nexcept OSError: print('not there')"
        completed = await host.run(Command(argv=(sys.executable, "-c", asked)))
    assert completed.stdout == "not there\n"


async def test_a_failure_tells_the_command_the_status_and_what_it_said(host: Host) -> None:
    """A status that is not among the good ones is an error with facts."""
    with pytest.raises(CommandFailed) as caught:
        await host.run(sh("echo 'cannot do that' >&2; exit 2"))
    assert (caught.value.exit_status, caught.value.stderr) == (2, "cannot do that\n")
    assert "cannot do that" in caught.value.message


async def test_a_complaint_on_the_wrong_output_is_told_too(host: Host) -> None:
    """A command that fails and says why on its standard output is not called silent."""
    with pytest.raises(CommandFailed, match="VM:web is not created"):
        await host.run(sh("echo 'VM:web is not created.'; exit 1"))


async def test_a_signal_is_a_negative_status(host: Host) -> None:
    """A process that was killed from outside has failed."""
    with pytest.raises(CommandFailed) as caught:
        await host.run(sh("kill -KILL $$"))
    assert caught.value.exit_status == -9


async def test_a_deadline_ends_the_whole_group(host: Host, tmp_path: Path) -> None:
    """When the deadline passes, the process and its children are gone before the error is raised."""
    script = f"sleep 300 & echo $! > {tmp_path}/child; echo working >&2; wait"
    with pytest.raises(CommandTimeout) as caught:
        await host.run(sh(script, timeout=0.5))
    assert caught.value.seconds == 0.5
    assert caught.value.details["stderr"] == "working\n"
    assert not alive(int((tmp_path / "child").read_text()))


async def test_who_ignores_sigterm_is_killed(host: Host, tmp_path: Path) -> None:
    """After the grace time nobody is asked any more, children that ignore the signal included."""
    script = f"trap '' TERM; sleep 300 & echo $! > {tmp_path}/child; {FOREVER}"
    started = time.monotonic()
    with pytest.raises(CommandTimeout):
        await host.run(sh(script, timeout=0.3))
    assert 0.5 < time.monotonic() - started < 8
    assert not alive(int((tmp_path / "child").read_text()))


async def test_sigterm_comes_first(host: Host, tmp_path: Path) -> None:
    """A process that is to end may put its things in order."""
    script = f"trap 'echo tidy > {tmp_path}/end; exit 0' TERM; : > {tmp_path}/begun; sleep 300 & wait"
    running = asyncio.create_task(host.run(sh(script)))
    await until((tmp_path / "begun").exists, "the command has begun")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (tmp_path / "end").read_text() == "tidy\n"


@pytest.mark.parametrize("trap", ["", "trap '' TERM;"], ids=["obedient", "deaf"])
async def test_cancelling_ends_the_whole_group(host: Host, tmp_path: Path, trap: str) -> None:
    """A cancelled command is gone, with its grandchildren, when the cancellation is through."""
    script = f"({trap} sleep 300 & echo $! > {tmp_path}/new; mv {tmp_path}/new {tmp_path}/child; wait) & wait"
    running = asyncio.create_task(host.run(sh(script)))
    await until((tmp_path / "child").exists, "the grandchild is there")
    child = int((tmp_path / "child").read_text())
    assert alive(child)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not alive(child)


async def test_cancelling_twice_still_waits(host: Host, tmp_path: Path) -> None:
    """A second cancellation does not leave a dying command behind."""
    script = f"trap '' TERM; echo $$ > {tmp_path}/new; mv {tmp_path}/new {tmp_path}/pid; {FOREVER}"
    running = asyncio.create_task(host.run(sh(script)))
    await until((tmp_path / "pid").exists, "the command has begun")
    running.cancel()
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not alive(int((tmp_path / "pid").read_text()))


async def test_cancelling_at_once_starts_nothing_for_long(host: Host, tmp_path: Path) -> None:
    """A cancellation that comes before the process has started ends it all the same."""
    running = asyncio.create_task(host.run(sh(f"{FOREVER}", timeout=300)))
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_output_is_bounded_and_the_process_is_not_held_up(host: Host) -> None:
    """The beginning of each output is kept; the rest is read, so that the process can go on to its end."""
    completed = await host.run(sh("head -c 3000000 /dev/zero | tr '\\0' x; echo all of it >&2"))
    assert completed.stdout == "x" * host.output_limit
    assert completed.stderr == "all of it\n"
    assert completed.truncated


async def test_an_answer_that_is_too_long_is_not_believed(host: Host) -> None:
    """What was cut off is not given to a parser, which might take the beginning for the whole."""
    query = Query(command=sh("head -c 20000 /dev/zero"), parse=lambda _: "read")
    with pytest.raises(Unparseable, match="more than 10000 bytes"):
        await host.ask(query)


async def test_a_parser_that_stumbles_is_an_unexpected_answer(host: Host) -> None:
    """Whatever a parser raises, the caller learns which command answered what."""
    query = Query(command=sh("echo abc"), parse=lambda completed: int(completed.stdout))
    with pytest.raises(Unparseable) as caught:
        await host.ask(query)
    assert caught.value.details["text"] == "abc\n"
    assert "ValueError" in caught.value.message


async def test_errors_of_ours_pass_through_ask(host: Host) -> None:
    """A parser that knows what is wrong is taken at its word."""

    def parse(_: Completed) -> None:
        raise AgentError("precisely this", code="precise")

    with pytest.raises(AgentError, match="precisely this"):
        await host.ask(Query(command=sh("true"), parse=parse))


async def test_a_command_that_is_not_there_is_refused(host: Host) -> None:
    """Nothing was touched, and the error says what was looked for, and where."""
    with pytest.raises(CommandMissing, match="no-such-command.*/usr/bin"):
        await host.run(Command(argv=("no-such-command",)))


async def test_a_command_that_cannot_be_executed_is_refused(host: Host, tmp_path: Path) -> None:
    """A file that is no program is as good as none."""
    (tmp_path / "bin").mkdir()
    broken = tmp_path / "bin" / "broken"
    broken.write_text("#!/no/such/interpreter\n")
    broken.chmod(0o755)
    with pytest.raises(CommandMissing, match="broken"):
        await host.run(Command(argv=("broken",)))
    with pytest.raises(CommandMissing):
        await host.run(Command(argv=("echo", "a\0b")))


async def test_what_is_not_utf8_is_replaced(host: Host) -> None:
    """Bytes that mean nothing do not stop the rest from being read."""
    completed = await host.run(sh("printf 'a\\377b'; printf '\\303' >&2"))
    assert (completed.stdout, completed.stderr) == ("a\ufffdb", "\ufffd")


async def test_output_is_heard_as_it_appears(host: Host, tmp_path: Path) -> None:
    """What a process says is told while it runs, on the event loop, and characters are never cut in two."""
    heard: list[tuple[str, str]] = []
    script = f"printf 'f\\303'; while [ ! -e {tmp_path}/go ]; do sleep 0.02; done; printf '\\274r\\n'; echo no >&2"
    running = asyncio.create_task(host.run(sh(script), heard=lambda stream, text: heard.append((stream, text))))
    await until(lambda: heard, "the first output")
    assert heard == [("stdout", "f")]
    (tmp_path / "go").touch()
    completed = await running
    assert "".join(text for stream, text in heard if stream == "stdout") == "f\u00fcr\n" == completed.stdout
    assert ("stderr", "no\n") in heard


async def test_what_a_process_leaves_running_does_not_hold_it_up(host: Host, tmp_path: Path) -> None:
    """A child that keeps the outputs open lives on; the command is over when its own process is."""
    started = time.monotonic()
    completed = await host.run(sh(f"sleep 30 & echo $! > {tmp_path}/child; echo begun"))
    child = int((tmp_path / "child").read_text())
    try:
        assert completed.stdout == "begun\n"
        assert time.monotonic() - started < 10
        assert alive(child)
    finally:
        os.kill(child, 9)


async def test_a_process_that_closes_its_outputs_is_waited_for(host: Host, tmp_path: Path) -> None:
    """The end of the output is not the end of the process."""
    await host.run(sh(f"exec >&- 2>&-; sleep 0.3; echo done > {tmp_path}/end"))
    assert (tmp_path / "end").read_text() == "done\n"


async def test_a_process_that_closes_its_outputs_still_has_a_deadline(host: Host) -> None:
    """Silence does not make a command immortal."""
    with pytest.raises(CommandTimeout):
        await host.run(sh(f"exec >&- 2>&-; {FOREVER}", timeout=0.3))


async def test_nothing_is_left_behind_by_many_commands(host: Host) -> None:
    """After 500 commands of every fate there are no zombies and no more open files than before."""

    async def one(number: int) -> None:
        if number % 5 == 0:
            with pytest.raises(CommandFailed):
                await host.run(Command(argv=("false",)))
        elif number % 50 == 1:
            with pytest.raises(CommandTimeout):
                await host.run(Command(argv=("sleep", "60"), timeout=0.02))
        elif number % 50 == 2:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(host.run(Command(argv=("sleep", "60"))), 0.02)
        elif number % 7 == 3:
            with pytest.raises(CommandMissing):
                await host.run(Command(argv=("no-such-command",)))
        elif number % 11 == 4:
            await host.run(Command(argv=("true",), pipe_to=("cat",), stdin=b"x"))
        else:
            await host.run(Command(argv=("true",)))

    await asyncio.gather(*(one(number) for number in range(20)))
    files = len(os.listdir("/proc/self/fd"))
    for begin in range(0, 500, 10):
        await asyncio.gather(*(one(number) for number in range(begin, begin + 10)))
    assert len(os.listdir("/proc/self/fd")) == files
    assert unreaped() is None


SCRIPT = InputFile(lines=(("set value=", Secret("p4ss word")), ("end",)))


async def test_a_script_is_a_private_file_for_as_long_as_the_command_runs(host: Host) -> None:
    """The script is readable by the agent alone, in a folder of its own, and gone afterwards."""
    asked = 'cat "$1"; stat -c %a "$1" "$(dirname "$1")"'
    completed = await host.run(Command(argv=("sh", "-c", asked, "sh", SCRIPT_PLACE), script=SCRIPT))
    assert completed.stdout == "set value=********\nend\n600\n700\n"
    assert stat.S_IMODE(host.scratch.stat().st_mode) == 0o700
    assert list(host.scratch.iterdir()) == []


async def test_a_script_is_removed_whatever_happens(host: Host, tmp_path: Path) -> None:
    """Failing, missing, late and cancelled commands leave no script behind."""
    with pytest.raises(CommandFailed):
        await host.run(Command(argv=("false", SCRIPT_PLACE), script=SCRIPT))
    with pytest.raises(CommandMissing):
        await host.run(Command(argv=("no-such-command", SCRIPT_PLACE), script=SCRIPT))
    with pytest.raises(CommandTimeout):
        await host.run(sh("sleep 60", script=SCRIPT, timeout=0.1))
    running = asyncio.create_task(host.run(sh(f": > {tmp_path}/begun; {FOREVER}", script=SCRIPT)))
    await until((tmp_path / "begun").exists, "the command has begun")
    assert len(list(host.scratch.iterdir())) == 1
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert list(host.scratch.iterdir()) == []


async def test_secrets_of_a_script_do_not_come_back(host: Host) -> None:
    """A command that repeats a secret in its complaint is not quoted with it, nor with the script's path."""
    heard: list[str] = []
    complain = 'echo "On line 1 of $1: bad p4ss word"; echo "On line 1 of $1: bad p4ss word" >&2; exit 1'
    with pytest.raises(CommandFailed) as caught:
        await host.run(
            Command(argv=("sh", "-c", complain, "sh", SCRIPT_PLACE), script=SCRIPT),
            heard=lambda _, text: heard.append(text),
        )
    assert caught.value.stderr == "On line 1 of {script}: bad ********\n"
    assert "".join(heard) == 2 * "On line 1 of {script}: bad ********\n"


def test_scripts_of_a_dead_agent_are_removed(host: Host) -> None:
    """What an agent that was killed left in its folder is taken away, but for what a command of its still reads."""
    host.scratch.mkdir(mode=0o700)
    (host.scratch / "script-left").write_text("secret")
    (host.scratch / "guard-1").write_text("")
    with script.written(host.scratch, "read just now") as file:
        outliving = subprocess.Popen(["sleep", "60"], pass_fds=[file.handle])
        os.link(file.path, host.scratch / "script-read")  # it stays, as if the agent had died here
    script.clear(host.scratch)
    kept = sorted(path.name for path in host.scratch.iterdir())
    outliving.kill()
    outliving.wait()
    assert kept == ["guard-1", "script-read"]
    script.clear(host.scratch)
    assert [path.name for path in host.scratch.iterdir()] == ["guard-1"]


async def test_input_is_given_and_ended(host: Host) -> None:
    """A command gets its input, however long, and then the end of it."""
    data = b"0123456789" * 50_000
    completed = await host.run(Command(argv=("wc", "-c"), stdin=data))
    assert completed.stdout.strip() == "500000"
    assert (await host.run(Command(argv=("cat",), stdin=b""))).stdout == ""
    assert (await host.run(Command(argv=("true",), stdin=data))).exit_status == 0


async def test_two_processes_with_a_pipe_between(host: Host) -> None:
    """The second one reads what the first one says, and what both complain is kept."""
    sender = sh("echo one; echo sent >&2").argv
    receiver = sh("tr a-z A-Z; echo received >&2").argv
    completed = await host.run(Command(argv=sender, pipe_to=receiver))
    assert completed.stdout == "ONE\n"
    assert completed.stderr == "sent\nreceived\n"


@pytest.mark.parametrize(
    ("sender", "receiver", "culprit"),
    [
        ("echo half; echo broken disk >&2; exit 1", "cat >/dev/null; echo incomplete >&2; exit 4", "broken disk"),
        ("echo all", "cat >/dev/null; echo no room >&2; exit 1", "no room"),
        ("cat /dev/zero", "echo exists already >&2; exit 1", "exists already"),
        ("echo all; echo late >&2; exit 5", "cat >/dev/null", "late"),
        ("trap '' PIPE; cat /dev/zero", "echo exists already >&2; exit 1", "exists already"),
    ],
    ids=["both", "receiver", "receiver-first", "sender", "sender-without-sigpipe"],
)
async def test_a_pipe_fails_with_either_side(host: Host, sender: str, receiver: str, culprit: str) -> None:
    """Whichever process was the cause is the one that is named, and its complaint comes first."""
    with pytest.raises(CommandFailed) as caught:
        await host.run(Command(argv=sh(sender).argv, pipe_to=sh(receiver).argv))
    assert caught.value.stderr.startswith(culprit)
    assert caught.value.argv == (sh(receiver).argv if culprit in receiver else sh(sender).argv)


async def test_a_pipe_without_a_second_process_is_refused(host: Host) -> None:
    """Neither process is left running when the second one is not there."""
    with pytest.raises(CommandMissing, match="no-such-command"):
        await host.run(Command(argv=("cat", "/dev/zero"), pipe_to=("no-such-command",)))


async def test_cancelling_a_pipe_ends_both(host: Host, tmp_path: Path) -> None:
    """Sender and receiver are gone when the cancellation is through."""
    sender = f"echo $$ > {tmp_path}/sender; {FOREVER}"
    receiver = f"echo $$ > {tmp_path}/new; mv {tmp_path}/new {tmp_path}/receiver; {FOREVER}"
    running = asyncio.create_task(host.run(Command(argv=sh(sender).argv, pipe_to=sh(receiver).argv)))
    await until((tmp_path / "receiver").exists, "the receiver has begun")
    await until((tmp_path / "sender").exists, "the sender has begun")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not alive(int((tmp_path / "receiver").read_text()))
    assert not alive(int((tmp_path / "sender").read_text()))


async def test_a_guard_is_held_until_the_last_process_has_ended(host: Host, tmp_path: Path) -> None:
    """Whoever takes the lock that commands inherit knows that none of them is left, not even an orphan."""
    guard = os.open(tmp_path / "guard", os.O_RDWR | os.O_CREAT)
    fcntl.flock(guard, fcntl.LOCK_EX)
    await host.run(
        sh(f"(while [ ! -e {tmp_path}/go ]; do sleep 0.02; done) >/dev/null 2>&1 &"),
        guard=guard,
    )
    os.close(guard)
    again = os.open(tmp_path / "guard", os.O_RDWR)
    try:
        with pytest.raises(BlockingIOError):
            fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)
        (tmp_path / "go").touch()

        def free() -> bool:
            try:
                fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        await until(free, "the orphan has let go")
    finally:
        os.close(again)


async def test_observers_are_told_of_every_end(host: Host) -> None:
    """Success, failure and cancellation are all told, with the time that they took."""
    told: list[tuple[str, object]] = []
    host.observers.append(lambda command, outcome, seconds: told.append((command.argv[0], outcome)))
    completed = await host.run(Command(argv=("true",)))
    with pytest.raises(CommandFailed) as caught:
        await host.run(Command(argv=("false",)))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(host.run(Command(argv=("sleep", "60"))), 0.05)
    assert told == [("true", completed), ("false", caught.value), ("sleep", None)]


async def test_pfexec_comes_first_when_the_agent_is_not_root(host: Host, tmp_path: Path) -> None:
    """With pfexec the command is named by its path, and what is reported is still what was asked for."""
    privileged = Host(scratch=host.scratch, command_path=host.command_path, pfexec=True)
    with pytest.raises(CommandMissing, match="pfexec"):
        await privileged.run(Command(argv=("echo", "hello")))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "pfexec").write_text('#!/bin/sh\necho "as root: $*"\nexec "$@"\n')
    (tmp_path / "bin" / "pfexec").chmod(0o755)
    completed = await privileged.run(Command(argv=("echo", "hello")))
    assert completed.stdout == "as root: /usr/bin/echo hello\nhello\n"
    assert completed.argv == ("echo", "hello")


async def test_commands_are_looked_for_in_order(host: Host, tmp_path: Path) -> None:
    """The first folder that has an executable of the name wins."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "echo").write_text("#!/bin/sh\nprintf mine\n")
    assert host.find("echo") == "/usr/bin/echo"
    (tmp_path / "bin" / "echo").chmod(0o755)
    assert (await host.run(Command(argv=("echo",)))).stdout == "mine"


def test_paths_of_the_host_lie_below_its_root(host: Host, tmp_path: Path) -> None:
    """Every path of the host is found through its root."""
    assert host.path("/etc/zones") == tmp_path / "root/etc/zones"
