"""Commands of a guest on its files."""

from __future__ import annotations

import os

from labhost.guests.tools.given import typed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.guests.shell import Shell, Steps, Streams


def tee(shell: Shell, argv: list[str], streams: Streams) -> Steps:
    text = yield from typed(streams)
    code = 0
    for name in [word for word in argv[1:] if not word.startswith("-")]:
        full = shell.path(name)
        if not shell.is_root and full.startswith(shell.system.protected):
            streams.err(f"tee: {name}: Permission denied\n")
            code = 1
            continue
        try:
            shell.disk.write(full, text, append="-a" in argv)
        except OSError as problem:
            streams.err(f"tee: {name}: {problem.strerror}\n")
            code = 1
    streams.out(text)
    return code


def _guarded(shell: Shell, name: str, path: str, streams: Streams) -> bool:
    if not shell.is_root and shell.path(path).startswith(shell.system.protected):
        streams.err(f"{name}: cannot touch '{path}': Permission denied\n")
        return False
    return True


def mkdir(shell: Shell, argv: list[str], streams: Streams) -> int:
    code = 0
    for word in [each for each in argv[1:] if not each.startswith("-") and not each.isdigit()]:
        if not _guarded(shell, "mkdir", word, streams):
            code = 1
            continue
        try:
            place = shell.disk.place(shell.path(word))
            if "-p" in argv:
                os.makedirs(place, exist_ok=True)
            else:
                os.mkdir(place)
        except OSError as problem:
            streams.err(f"mkdir: cannot create directory '{word}': {problem.strerror}\n")
            code = 1
    return code


def rm(shell: Shell, argv: list[str], streams: Streams) -> int:
    from shutil import rmtree

    code = 0
    force = any(word.startswith("-") and "f" in word for word in argv[1:])
    for word in [each for each in argv[1:] if not each.startswith("-")]:
        if not _guarded(shell, "rm", word, streams):
            code = 1
            continue
        place = shell.disk.place(shell.path(word))
        if os.path.isdir(place):
            rmtree(place)
        elif os.path.exists(place):
            os.unlink(place)
        elif not force:
            streams.err(f"rm: cannot remove '{word}': No such file or directory\n")
            code = 1
    return code


def cp(shell: Shell, argv: list[str], streams: Streams) -> int:
    words = [word for word in argv[1:] if not word.startswith("-")]
    if argv[0] == "install":
        words = [word for word in words if not word.isdigit() and word not in ("root", "root:root")]
    if len(words) < 2 or not _guarded(shell, argv[0], words[-1], streams):
        return 1
    target = shell.path(words[-1])
    for word in words[:-1]:
        goal = f"{target}/{word.rpartition('/')[2]}" if shell.disk.is_folder(target) else target
        try:
            if argv[0] == "mv":
                os.rename(shell.disk.place(shell.path(word)), shell.disk.place(goal))
            else:
                shell.disk.write(goal, shell.disk.read(shell.path(word)))
        except OSError as problem:
            streams.err(f"{argv[0]}: cannot stat '{word}': {problem.strerror}\n")
            return 1
    return 0


def chmod(shell: Shell, argv: list[str], streams: Streams) -> int:
    words = [word for word in argv[1:] if not word.startswith("-")]
    code = 0
    for word in words[1:]:
        place = shell.disk.place(shell.path(word))
        if not os.path.exists(place):
            streams.err(f"{argv[0]}: cannot access '{word}': No such file or directory\n")
            code = 1
        elif argv[0] == "chmod" and words[0].isdigit():
            # Never less than this process needs to read it again.
            os.chmod(place, int(words[0], 8) | 0o600 | (0o100 if os.path.isdir(place) else 0))
    return code


def ls(shell: Shell, argv: list[str], streams: Streams) -> int:
    words = [word for word in argv[1:] if not word.startswith("-")] or ["."]
    code = 0
    for word in words:
        path = shell.session.cwd if word == "." else shell.path(word)
        if not shell.disk.exists(path):
            streams.err(f"ls: cannot access '{word}': No such file or directory\n")
            code = 2
        elif shell.disk.is_folder(path) and not any("d" in w for w in argv[1:] if w.startswith("-")):
            streams.out("".join(f"{name}\n" for name in shell.disk.names(path)))
        else:
            streams.out(f"{word}\n")
    return code


def stat(shell: Shell, argv: list[str], streams: Streams) -> int:
    words = argv[1:]
    layout = words[words.index("-c") + 1] if "-c" in words else "%n"
    names = [word for word in words if not word.startswith("-") and word != layout]
    for name in names:
        place = shell.disk.place(shell.path(name))
        if not os.path.exists(place):
            streams.err(f"stat: cannot statx '{name}': No such file or directory\n")
            return 1
        facts = os.stat(place)
        text = layout.replace("%a", f"{facts.st_mode & 0o7777:o}").replace("%s", str(facts.st_size))
        streams.out(text.replace("%n", name).replace("%U", "root").replace("%G", "root") + "\n")
    return 0


COMMANDS = {
    "chmod": chmod, "chown": chmod, "cp": cp, "install": cp, "ls": ls, "mkdir": mkdir, "mv": cp, "rm": rm, "stat": stat,
    "tee": tee,
}  # fmt: skip
