"""What is built into the shell of a guest: tests, variables, reading, leaving."""

from __future__ import annotations

import os

from labhost.guests.shell import Leave

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from labhost.guests.shell import Shell, Steps, Streams


def test(shell: Shell, argv: list[str], streams: Streams) -> int:
    words = argv[1:]
    if argv[0] == "[":
        if not words or words[-1] != "]":
            streams.err("-bash: [: missing `]'\n")
            return 2
        words = words[:-1]
    for joint in ("-o", "-a"):
        if joint in words:
            at = words.index(joint)
            left = test(shell, ["test", *words[:at]], streams)
            right = test(shell, ["test", *words[at + 1 :]], streams)
            return min(left, right) if joint == "-o" else max(left, right)
    if words[:1] == ["!"]:
        return 1 - test(shell, ["test", *words[1:]], streams)
    if len(words) == 1:
        return 0 if words[0] else 1
    if len(words) == 2:
        flag, word = words
        path = shell.path(word)
        answers = {
            "-n": bool(word),
            "-z": not word,
            "-e": shell.disk.exists(path),
            "-d": shell.disk.is_folder(path),
            "-f": shell.disk.exists(path) and not shell.disk.is_folder(path),
            "-r": shell.disk.exists(path),
            "-w": shell.disk.exists(path) and (shell.is_root or not path.startswith(shell.system.protected)),
            "-x": shell.disk.exists(path),
            "-s": shell.disk.exists(path) and os.path.getsize(shell.disk.place(path)) > 0,
            "-L": False,
            "-t": True,
        }
        return 0 if answers.get(flag, False) else 1
    if len(words) == 3:
        first, sign, second = words
        if sign in ("=", "==", "!="):
            return 0 if (first == second) == (sign != "!=") else 1
        try:
            gap = int(first) - int(second)
        except ValueError:
            return 2
        signs = {"-eq": gap == 0, "-ne": gap != 0, "-lt": gap < 0, "-le": gap <= 0, "-gt": gap > 0, "-ge": gap >= 0}
        return 0 if signs.get(sign, False) else 1
    return 1


def cd(shell: Shell, argv: list[str], streams: Streams) -> int:
    path = os.path.normpath(shell.path(argv[1] if len(argv) > 1 else shell.session.env.get("HOME", "/")))
    if not shell.disk.is_folder(path):
        streams.err(f"-bash: cd: {argv[1] if len(argv) > 1 else path}: No such file or directory\n")
        return 1
    shell.session.cwd = path
    return 0


def export(shell: Shell, argv: list[str], _streams: Streams) -> int:
    for word in argv[1:]:
        name, equals, value = word.partition("=")
        if equals:
            shell.session.env[name] = value
    return 0


def unset(shell: Shell, argv: list[str], _streams: Streams) -> int:
    for word in argv[1:]:
        shell.session.env.pop(word, None)
    return 0


def environment(shell: Shell, argv: list[str], streams: Streams) -> Steps:
    words = argv[1:]
    session, kept = shell.session, shell.session.env
    session.env = dict(kept)
    while words and "=" in words[0]:
        name, _, value = words[0].partition("=")
        session.env[name] = value
        words = words[1:]
    try:
        if words:
            return (yield from shell.call(words, streams))
        streams.out("".join(f"{name}={value}\n" for name, value in sorted(session.env.items())))
        return 0
    finally:
        session.env = kept


def evaluate(shell: Shell, argv: list[str], streams: Streams) -> Steps:
    return (yield from shell.run(" ".join(argv[1:]), streams))


def read(shell: Shell, argv: list[str], streams: Streams) -> Steps:
    names = [word for word in argv[1:] if not word.startswith("-")]
    if streams.given is not None:
        line, found, _ = streams.given.partition("\n")
        got: str | None = line if line or found else None
    else:
        got = yield ("line", not any("s" in word for word in argv[1:] if word.startswith("-")))
    if got is None:
        return 1
    fields = got.split(None, max(0, len(names) - 1))
    for place, name in enumerate(names or ["REPLY"]):
        shell.session.env[name] = fields[place] if place < len(fields) else ""
    return 0


def sleep(shell: Shell, argv: list[str], _streams: Streams) -> Steps:
    try:
        seconds = float(argv[1])
    except (IndexError, ValueError):
        return 1
    yield ("sleep", shell.system.guest.world.scaled(seconds))
    return 0


def which(shell: Shell, argv: list[str], streams: Streams) -> Any:
    words = [word for word in argv[1:] if not word.startswith("-")]
    if argv[0] == "command" and "-v" not in argv and "-V" not in argv:
        return shell.call(words, streams)
    missing = 0
    for word in words:
        if word in shell.commands:
            streams.out(f"/usr/bin/{word}\n")
        else:
            missing = 1
    return missing


def leave(shell: Shell, argv: list[str], _streams: Streams) -> int:
    raise Leave(int(argv[1]) if len(argv) > 1 and argv[1].isdigit() else shell.status)


def stty(shell: Shell, argv: list[str], streams: Streams) -> int:
    for word in argv[1:]:
        if word in ("echo", "-echo"):
            shell.system.echoing = word == "echo"
        elif word == "size":
            streams.out("0 0\n")
        elif word == "-g":
            streams.out("500:5:bf:8a3b:3:1c:7f:15:4:0:1:0:11:13:1a:0:12:f:17:16:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0\n")
    return 0


def quiet(_shell: Shell, _argv: list[str], _streams: Streams) -> int:
    return 0


def false(_shell: Shell, _argv: list[str], _streams: Streams) -> int:
    return 1


COMMANDS = {
    "[": test, ":": quiet, "bind": quiet, "cd": cd, "clear": quiet, "command": which, "dmesg": quiet,
    "env": environment,
    "eval": evaluate, "exit": leave, "export": export, "false": false, "logout": leave, "read": read, "set": quiet,
    "shopt": quiet,
    "sleep": sleep, "stty": stty, "sync": quiet, "test": test, "tput": quiet, "true": quiet, "type": which,
    "umask": quiet, "unalias": quiet, "unset": unset, "which": which,
}  # fmt: skip
