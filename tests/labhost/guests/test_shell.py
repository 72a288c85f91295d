"""The shell of scripted guests."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labhost.guests import tools
from labhost.guests.disk import Disk
from labhost.guests.shell import Incomplete, Session, Shell, Streams
from labhost.guests.syntax import parse
from labhost.guests.tools import users


class Machine:
    """As much of a system as the shell asks for."""

    protected = ("/etc",)
    accounts: dict[str, str] = {}  # noqa: RUF012
    sudoers = ("me",)
    sudo_asks = False
    sudo_known = False

    def home(self, user: str) -> str:
        return f"/home/{user}"


def make(tmp_path: Path, user: str = "me") -> Shell:
    disk = Disk(str(tmp_path / "disk"))
    disk.seed({"/etc/motd": "hello\nworld\n", "/home/me/.profile": "", "/tmp/.keep": ""})
    shell = Shell(Machine(), disk, {**tools.COMMANDS, "sudo": users.sudo})
    shell.sessions.append(Session(user, "/home/me", {"HOME": "/home/me"}))
    return shell


def run(shell: Shell, text: str) -> str:
    kept: list[str] = []
    for step in shell.run(text, Streams("", kept.append, kept.append)):
        assert step[0] == "sleep", step
    return "".join(kept)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("echo a; echo b && echo c || echo d", "a\nb\nc\n"),
        ("false && echo a; echo $?", "1\n"),
        ("! false; echo $?", "0\n"),
        ("echo 'a b' \"c  d\" e\\ f", "a b c  d e f\n"),
        ("X='1  2'; echo $X \"$X\" ${X} ${Y:-none} '$X'", "1 2 1  2 1 2 none $X\n"),
        ("cat /etc/motd | grep -c o", "2\n"),
        ("echo $(cat /etc/motd | head -1) `echo deep`", "hello deep\n"),
        ("if test -f /etc/motd; then echo yes; else echo no; fi", "yes\n"),
        ("if [ -d /nope ]; then echo yes; elif true; then echo elif; fi", "elif\n"),
        ("for f in a b c; do echo -n $f.; done; echo", "a.b.c.\n"),
        ("for f in /etc/m*; do echo $f; done", "/etc/motd\n"),
        ('N=; while [ "$N" != xx ]; do N=x$N; done; echo $N', "xx\n"),
        ("cat <<EOF\n$HOME\nEOF", "/home/me\n"),
        ("cat <<'EOF'\n$HOME\nEOF", "$HOME\n"),
        ("nosuch 2>/dev/null; echo $?", "127\n"),
        ("nosuch 2>&1 | grep -o 'not found'", "not found\n"),
        ("echo no > /etc/x; echo $?", "-bash: /etc/x: Permission denied\n1\n"),
        ("echo yes | sudo tee /etc/x; cat /etc/x", "yes\nyes\n"),
        ("sudo sh -c 'echo root > /etc/y; id -un'; cat /etc/y", "root\nroot\n"),
        ("sudo env A=1 sh -c 'echo $A'; sudo B=2 sh -c 'echo $B'", "1\n2\n"),
        ("sh -c 'exit 3'; echo $?", "3\n"),
        ("{ echo a; echo b; } > /tmp/o; wc -l < /tmp/o", "2\n"),
        ("printf '%s-%d\\n' a 1 b 2", "a-1\nb-2\n"),
        ("echo hi | base64 | base64 -d", "hi\n"),
        ("awk '{print $1}' /etc/motd; sed s/o/0/ /etc/motd", "hello\nworld\nhell0\nw0rld\n"),
        ("A=/sys/net/eth0; echo ${A##*/} ${A%/*}", "eth0 /sys/net\n"),
        (
            "cd /tmp; pwd 2>/dev/null; echo a>f; ls f && rm f; ls f",
            "f\nls: cannot access 'f': No such file or directory\n",
        ),
        ("command -v base64 >/dev/null && echo there", "there\n"),
        ("echo a # b", "a\n"),
        ("if true; fi", "-bash: syntax error near unexpected token `fi'\n"),
    ],
)
def test_what_a_line_says(tmp_path: Path, text: str, said: str) -> None:
    """Lists, pipes, quotes, redirections, variables and loops do what they do in any Bourne shell."""
    assert run(make(tmp_path), text) == said


@pytest.mark.parametrize(
    "text", ["echo 'a", 'echo "a', "cat <<EOF\na", "if true; then", "echo a |", "echo a &&", "(", "a\\\n"]
)
def test_what_goes_on_in_the_next_line(text: str) -> None:
    """A text that is not finished is told from a wrong one."""
    with pytest.raises(Incomplete):
        parse(text)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(codec="utf-8", min_codepoint=32), max_size=60))
def test_any_quoted_word_is_printed_as_it_is(tmp_path: Path, text: str) -> None:
    """What is quoted for a shell comes out of printf unchanged, and through a file as well."""
    shell = make(tmp_path)
    assert run(shell, f"printf %s {shlex.quote(text)}") == text
    assert run(shell, f"printf %s {shlex.quote(text)} > /tmp/f; cat /tmp/f") == text
