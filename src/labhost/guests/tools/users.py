"""Commands of a guest about who works: shells inside shells, other users, and the power switch."""

from __future__ import annotations

from labhost.guests.shell import Incomplete, Leave, Session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from labhost.guests.shell import Shell, Steps, Streams


def identity(shell: Shell, argv: list[str], streams: Streams) -> int:
    user = shell.session.user
    number = 0 if user == "root" else 1000
    if ("-u" in argv and "-n" in argv) or "-un" in argv or argv[0] in ("whoami", "logname"):
        streams.out(f"{user}\n")
    elif "-u" in argv or "-g" in argv:
        streams.out(f"{number}\n")
    else:
        streams.out(f"uid={number}({user}) gid={number}({user}) groups={number}({user})\n")
    return 0


def sub_shell(shell: Shell, argv: list[str], streams: Streams) -> Any:
    words = argv[1:]
    if "-c" in words:
        at = words.index("-c") + 1
        return contained(shell, words[at] if at < len(words) else "", streams)
    files = [word for word in words if not word.startswith("-")]
    if files:
        try:
            return contained(shell, shell.disk.read(shell.path(files[0])), streams)
        except OSError:
            streams.err(f"{argv[0]}: {files[0]}: No such file or directory\n")
            return 127
    if streams.given is not None:
        return contained(shell, streams.given, streams)
    deeper(shell, shell.session.user, login=False)
    return 0


def contained(shell: Shell, text: str, streams: Streams) -> Steps:
    """Run a text as a script of its own."""
    now = shell.session
    shell.sessions.append(Session(now.user, now.cwd, dict(now.env)))
    depth = len(shell.sessions)
    try:
        return (yield from shell.run(text, streams))
    except Leave as end:
        return end.code
    except Incomplete:
        streams.err("bash: syntax error: unexpected end of file\n")
        return 2
    finally:
        del shell.sessions[depth - 1 :]


def deeper(shell: Shell, user: str, *, login: bool) -> None:
    """Open a shell of a user inside the present one."""
    now = shell.session
    home = shell.system.home(user)
    env = {"HOME": home, "USER": user, "LOGNAME": user, "PATH": "/usr/sbin:/usr/bin", "SHELL": "/bin/bash"}
    shell.sessions.append(Session(user, home if login else now.cwd, env if login else {**now.env, **env}))


def as_user(shell: Shell, user: str, argv: list[str], streams: Streams) -> Steps:
    """Run one command as somebody else."""
    now = shell.session
    inner = Session(user, now.cwd, {**now.env, "USER": user, "HOME": shell.system.home(user)})
    shell.sessions.append(inner)
    depth = len(shell.sessions)
    kept = False
    try:
        code = yield from shell.call(argv, streams)
        kept = len(shell.sessions) > depth  # it opened a shell that stays
        return code
    finally:
        if kept:
            del shell.sessions[depth - 1]
        else:
            del shell.sessions[depth - 1 :]


def sudo(shell: Shell, argv: list[str], streams: Streams) -> Steps:
    words, user, never, shown, login = argv[1:], "root", False, False, False
    while words and words[0].startswith("-"):
        flag = words.pop(0)
        if flag == "--":
            break
        if flag == "-u" and words:
            user = words.pop(0)
        elif flag == "-p" and words:
            words.pop(0)
        never |= "n" in flag[1:] and flag[1] != "-"
        login |= flag in ("-i", "-s")
        shown |= flag in ("-v", "-k", "-K")
    if not shell.is_root and shell.session.user not in shell.system.sudoers:
        streams.err(f"{shell.session.user} is not in the sudoers file.\n")
        return 1
    if shell.system.sudo_asks and not shell.is_root and not shell.system.sudo_known:
        if never:
            streams.err("sudo: a password is required\n")
            return 1
        for _ in range(3):
            streams.err(f"[sudo] password for {shell.session.user}: ")
            given = yield ("line", False)
            if given == shell.system.accounts.get(shell.session.user):
                shell.system.sudo_known = True
                break
            yield ("sleep", shell.system.guest.world.scaled(2))
            streams.err("Sorry, try again.\n")
        else:
            streams.err("sudo: 3 incorrect password attempts\n")
            return 1
    if words and "=" in words[0] and words[0].partition("=")[0].isidentifier():
        words.insert(0, "env")
    if not words:
        if login:
            deeper(shell, user, login=True)
        elif not shown:
            streams.err("usage: sudo -h | -K | -k | -V\n")
            return 1
        return 0
    return (yield from as_user(shell, user, words, streams))


def su(shell: Shell, argv: list[str], streams: Streams) -> Steps:
    words = [word for word in argv[1:] if word not in ("-", "-l")]
    user = next((word for word in words if not word.startswith("-")), "root")
    if "-c" in words:
        command = words[words.index("-c") + 1]
        user = next((w for w in words if not w.startswith("-") and w != command), "root")
    if not shell.is_root:
        streams.out("Password: ")
        given = yield ("line", False)
        if given != shell.system.accounts.get(user):
            streams.err("su: Authentication failure\n")
            return 1
    if "-c" in words:
        return (yield from as_user(shell, user, ["sh", "-c", command], streams))
    deeper(shell, user, login=True)
    return 0


def power(shell: Shell, argv: list[str], streams: Streams) -> int:
    if not shell.is_root:
        streams.err(f"{argv[0]}: Operation not permitted\n")
        return 1
    words = argv[1:]
    reset = argv[0] == "reboot" or "-r" in words or "-i6" in words or "6" in words
    shell.system.going_down()
    guest = shell.system.guest
    shell.system.after(guest.world.scaled(3), guest.reset if reset else guest.power_off)
    return 0


COMMANDS = {
    "bash": sub_shell, "halt": power, "id": identity, "init": power, "logname": identity, "poweroff": power,
    "reboot": power, "sh": sub_shell, "shutdown": power, "su": su, "whoami": identity,
}  # fmt: skip
