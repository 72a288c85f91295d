"""The commands of every scripted UNIX guest; each takes the shell, its words and its streams, and returns a code."""

from __future__ import annotations

import os

from labhost.guests.shell import Incomplete, Leave, Session, Streams

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any

    from labhost.guests.shell import Shell, Steps, Wait


def typed(streams: Streams) -> Generator[Wait, Any, str]:
    """Return all of standard input, typed up to ^D where it is the terminal."""
    if streams.given is not None:
        return streams.given
    lines: list[str] = []
    while True:
        line = yield ("line", True)
        if line is None:
            return "".join(lines)
        lines.append(line + "\n")


def inputs(shell: Shell, argv: list[str], streams: Streams) -> Generator[Wait, Any, list[tuple[str, str]]]:
    """Return (name, text) of the files named, of standard input without any; missing ones are complained about."""
    names = [word for word in argv[1:] if word == "-" or not word.startswith("-")]
    if not names:
        return [("-", (yield from typed(streams)))]
    found = []
    for name in names:
        if name == "-":
            found.append(("-", (yield from typed(streams))))
            continue
        try:
            found.append((name, shell.disk.read(shell.path(name))))
        except OSError as problem:
            streams.err(f"{argv[0]}: {name}: {problem.strerror}\n")
    return found


def _wanted(argv: list[str]) -> int:
    return len([word for word in argv[1:] if word == "-" or not word.startswith("-")]) or 1


def echo(_shell: Shell, argv: list[str], streams: Streams) -> int:
    words, end = argv[1:], "\n"
    escapes = False
    while words and words[0] in ("-n", "-e", "-ne", "-en", "-E"):
        end = "" if "n" in words[0] else end
        escapes |= "e" in words[0]
        words = words[1:]
    text = " ".join(words)
    streams.out((_escaped(text) if escapes else text) + end)
    return 0


def _escaped(text: str) -> str:
    found, at = "", 0
    plain = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "a": "\a", "b": "\b", "e": "\x1b", '"': '"', "'": "'"}
    while at < len(text):
        char = text[at]
        following = text[at + 1 : at + 2]
        if char == "\\" and following in plain and following:
            found += plain[following]
            at += 2
        elif char == "\\" and following in "01234567" and following:
            stop = at + 1
            while stop < min(len(text), at + 5) and text[stop] in "01234567":
                stop += 1
            found += chr(int(text[at + 1 : stop], 8) & 255)
            at = stop
        elif char == "\\" and following == "x":
            stop = at + 2
            while stop < min(len(text), at + 4) and text[stop] in "0123456789abcdefABCDEF":
                stop += 1
            found += chr(int(text[at + 2 : stop] or "0", 16))
            at = stop
        else:
            found += char
            at += 1
    return found


def printf(_shell: Shell, argv: list[str], streams: Streams) -> int:
    if len(argv) < 2:
        streams.err("printf: usage: printf format [arguments]\n")
        return 2
    layout, values = _escaped(argv[1].replace("%%", "\0")), argv[2:]
    while True:
        used = 0
        text, at = "", 0
        while at < len(layout):
            char = layout[at]
            if char != "%":
                text += char
                at += 1
                continue
            stop = at + 1
            while stop < len(layout) and not layout[stop].isalpha():
                stop += 1
            value = values[used] if used < len(values) else ""
            used += 1
            kind = layout[stop : stop + 1]
            if kind == "b":
                value = _escaped(value)
            elif kind in "dixX" and kind:
                digits = value.lstrip("-")
                text += layout[at : stop + 1].replace("i", "d") % (int(value) if digits.isdigit() else 0)
                at = stop + 1
                continue
            text += f"{layout[at:stop]}s" % value
            at = stop + 1
        streams.out(text.replace("\0", "%"))
        values = values[used:]
        if not values or not used:
            return 0


def cat(shell: Shell, argv: list[str], streams: Streams) -> Steps:
    found = yield from inputs(shell, argv, streams)
    for _, text in found:
        streams.out(text)
    return 0 if len(found) == _wanted(argv) else 1


def base64(shell: Shell, argv: list[str], streams: Streams) -> Steps:
    import binascii

    decode = any(word in ("-d", "-D", "--decode", "-di") for word in argv)
    width = 76
    words = []
    at = 1
    while at < len(argv):
        if argv[at] == "-w":
            at += 1
            width = int(argv[at]) if at < len(argv) and argv[at].isdigit() else 76
        elif argv[at].startswith("-w"):
            width = int(argv[at][2:] or 0)
        else:
            words.append(argv[at])
        at += 1
    found = yield from inputs(shell, ["base64", *words], streams)
    if not found:
        return 1
    raw = found[0][1].encode("utf-8", "surrogateescape")
    if not decode:
        text = binascii.b2a_base64(raw, newline=False).decode()
        step = width or len(text) or 1
        streams.out("".join(text[at : at + step] + "\n" * bool(width) for at in range(0, len(text), step)))
        return 0
    try:
        clean = b"".join(raw.split())
        streams.out(binascii.a2b_base64(clean, strict_mode=True).decode("utf-8", "surrogateescape"))
    except (binascii.Error, ValueError):
        streams.err("base64: invalid input\n")
        return 1
    return 0


def _digest(kind: str) -> Any:
    def act(shell: Shell, argv: list[str], streams: Streams) -> Steps:
        import hashlib

        algorithm, words = kind, argv[1:]
        if argv[0] == "digest":
            at = words.index("-a") if "-a" in words else -1
            algorithm = words[at + 1] if at >= 0 else "sha1"
            words = words[:at] + words[at + 2 :] if at >= 0 else words
        if "-c" in words or "--check" in words:
            return (yield from _check(shell, argv, streams, algorithm))
        found = yield from inputs(shell, [argv[0], *words], streams)
        for name, text in found:
            told = hashlib.new(algorithm, text.encode("utf-8", "surrogateescape")).hexdigest()
            if argv[0] == "digest":
                streams.out(f"{told}\n" if len(found) == 1 else f"({name}) = {told}\n")
            else:
                streams.out(f"{told}  {name}\n")
        return 0 if len(found) == _wanted([argv[0], *words]) else 1

    return act


def _check(shell: Shell, argv: list[str], streams: Streams, algorithm: str) -> Steps:
    import hashlib

    found = yield from inputs(shell, [argv[0], *[word for word in argv[1:] if not word.startswith("-")]], streams)
    bad = 0
    for _, text in found:
        for line in text.splitlines():
            told, _, name = line.partition(" ")
            name = name.lstrip(" *")
            try:
                raw = shell.disk.read(shell.path(name)).encode("utf-8", "surrogateescape")
                good = hashlib.new(algorithm, raw).hexdigest() == told
            except OSError:
                good = False
            bad += not good
            if "--status" not in argv and "-s" not in argv:
                streams.out(f"{name}: {'OK' if good else 'FAILED'}\n")
    return 1 if bad or not found else 0


def cksum(shell: Shell, argv: list[str], streams: Streams) -> Steps:
    found = yield from inputs(shell, argv, streams)
    for name, text in found:
        raw = text.encode("utf-8", "surrogateescape")
        streams.out(f"{_crc(raw)} {len(raw)}{'' if name == '-' else ' ' + name}\n")
    return 0 if len(found) == _wanted(argv) else 1


def _crc(raw: bytes) -> int:
    size = len(raw)
    tail = b""
    while size:
        tail += bytes((size & 255,))
        size >>= 8
    crc = 0
    for byte in raw + tail:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ 0x04C11DB7 if crc & 0x80000000 else crc << 1) & 0xFFFFFFFF
    return crc ^ 0xFFFFFFFF


def wc(shell: Shell, argv: list[str], streams: Streams) -> Steps:
    found = yield from inputs(shell, argv, streams)
    for name, text in found:
        counts = {
            "l": text.count("\n"), "w": len(text.split()), "c": len(text.encode("utf-8", "surrogateescape"))
        }  # fmt: skip
        flags = [flag for word in argv[1:] if word.startswith("-") for flag in word[1:] if flag in counts]
        shown = " ".join(str(counts[flag]) for flag in flags or "lwc")
        streams.out(f"{shown}{'' if name == '-' else ' ' + name}\n")
    return 0


def grep(shell: Shell, argv: list[str], streams: Streams) -> Steps:
    import re

    flags = "".join(word[1:] for word in argv[1:] if word.startswith("-") and len(word) > 1)
    words = [word for word in argv[1:] if not (word.startswith("-") and len(word) > 1)]
    if not words:
        streams.err("Usage: grep [OPTION]... PATTERNS [FILE]...\n")
        return 2
    pattern = re.escape(words[0]) if "F" in flags else words[0]
    if not set("EF").intersection(flags):
        pattern = pattern.replace("\\|", "|").replace("\\+", "+")
    try:
        wanted = re.compile(pattern, re.IGNORECASE if "i" in flags else 0)
    except re.error:
        return 2
    found = yield from inputs(shell, ["grep", *words[1:]], streams)
    hits = [
        line
        for _, text in found
        for line in text.splitlines()
        if bool(wanted.fullmatch(line) if "x" in flags else wanted.search(line)) != ("v" in flags)
    ]
    if "q" not in flags:
        if "c" in flags:
            streams.out(f"{len(hits)}\n")
        elif "o" in flags:
            streams.out("".join(f"{hit.group()}\n" for line in hits for hit in wanted.finditer(line)))
        else:
            streams.out("".join(f"{line}\n" for line in hits))
    return 0 if hits else 1


def head(shell: Shell, argv: list[str], streams: Streams) -> Steps:
    count, words, at = 10, [], 1
    while at < len(argv):
        word = argv[at]
        if word == "-n" and at + 1 < len(argv):
            at += 1
            count = int(argv[at].lstrip("+"))
        elif word.startswith("-n"):
            count = int(word[2:])
        elif word.startswith("-") and word[1:].isdigit():
            count = int(word[1:])
        else:
            words.append(word)
        at += 1
    found = yield from inputs(shell, [argv[0], *words], streams)
    for _, text in found:
        lines = text.splitlines(keepends=True)
        streams.out("".join(lines[:count] if argv[0] == "head" else lines[-count:]))
    return 0


def cut(shell: Shell, argv: list[str], streams: Streams) -> Steps:
    sign, field, words, at = "\t", 1, [], 1
    while at < len(argv):
        word = argv[at]
        if word[:2] in ("-d", "-f") and len(word) == 2 and at + 1 < len(argv):
            at += 1
            word += argv[at]
        if word.startswith("-d"):
            sign = word[2:3] or "\t"
        elif word.startswith("-f"):
            field = int(word[2:].partition("-")[0].partition(",")[0] or 1)
        else:
            words.append(word)
        at += 1
    found = yield from inputs(shell, ["cut", *words], streams)
    for _, text in found:
        for line in text.splitlines():
            parts = line.split(sign)
            streams.out((parts[field - 1] if len(parts) >= field else "" if len(parts) > 1 else line) + "\n")
    return 0


def awk(shell: Shell, argv: list[str], streams: Streams) -> Steps:
    """Do `[/pattern/] {print $a, $b}`, `$n == "text" {print …}` and the option -F: enough for picking a column."""
    import re

    sign: str | None = None
    words: list[str] = []
    at = 1
    values: dict[str, str] = {}
    while at < len(argv):
        word = argv[at]
        if word.startswith("-F"):
            at += len(word) == 2
            sign = word[2:] or argv[at]
        elif word == "-v" and at + 1 < len(argv):
            at += 1
            name, _, value = argv[at].partition("=")
            values[name] = value
        else:
            words.append(word)
        at += 1
    program = re.fullmatch(
        r"\s*(.*?)\s*\{\s*print\s*(.*?);?\s*(?:;\s*exit\s*)?\}\s*", words[0] if words else "", re.DOTALL
    )
    if program is None:
        streams.err("awk: syntax error\n")
        return 2
    condition, shown = program.groups()
    test = re.fullmatch(r"\$(\d+|NF)\s*(==|!=|~)\s*(\"[^\"]*\"|/.*/|\w+)", condition)
    found = yield from inputs(shell, ["awk", *words[1:]], streams)
    for _, text in found:
        for line in text.splitlines():
            fields = line.split(sign)

            def pick(name: str, line: str = line, fields: list[str] = fields) -> str:
                if name == "0":
                    return line
                place = len(fields) if name == "NF" else int(name)
                return fields[place - 1] if 0 < place <= len(fields) else ""

            if condition.startswith("/") and not re.search(condition.strip("/"), line):
                continue
            if test is not None:
                left, right = pick(test[1]), test[3]
                if right[0] == '"':
                    right = right[1:-1]
                elif right[0] != "/":
                    right = values.get(right, right)
                same = bool(re.search(right.strip("/"), left)) if test[2] == "~" else left == right
                if same == (test[2] == "!="):
                    continue
            parts = [each.strip() for each in shown.split(",")] if shown else ["$0"]
            streams.out(" ".join(pick(p[1:]) if p.startswith("$") else p.strip('"') for p in parts) + "\n")
    return 0


def sed(shell: Shell, argv: list[str], streams: Streams) -> Steps:
    """Do `s/a/b/[g]`, `/pattern/d` and `Np`, with -n, -E and -i."""
    import re

    flags = "".join(word[1:] for word in argv[1:] if word.startswith("-"))
    words = [word for word in argv[1:] if not word.startswith("-")]
    if not words:
        return 1
    script = words[0]
    names = words[1:]
    found = yield from inputs(shell, ["sed", *names], streams)
    for name, text in found:
        lines = text.splitlines(keepends=True)
        kept = []
        for number, line in enumerate(lines, 1):
            if script[:1] == "s" and len(script) > 3:
                _, pattern, new, *rest = script.split(script[1])
                pattern = pattern if "E" in flags or "r" in flags else pattern.replace("\\(", "(").replace("\\)", ")")
                changed = re.sub(pattern, new.replace("&", "\\g<0>"), line.rstrip("\n"), count=0 if "g" in rest else 1)
                ended = "\n" if line.endswith("\n") else ""
                kept.append(changed + ended)
            elif script.endswith("d"):
                if not re.search(script[:-1].strip("/"), line):
                    kept.append(line)
            elif script.endswith("p") and script[:-1] in (str(number), "$" if number == len(lines) else ""):
                kept.append(line)
        if "i" in flags:
            shell.disk.write(shell.path(name), "".join(kept))
        else:
            streams.out("".join(kept))
    return 0


def tr(_shell: Shell, argv: list[str], streams: Streams) -> Steps:
    text = yield from typed(streams)
    words = [_escaped(word) for word in argv[1:] if not word.startswith("-")]
    if "-d" in argv:
        streams.out("".join(char for char in text if char not in words[0]))
    elif len(words) > 1:
        table = {"a-z": "abcdefghijklmnopqrstuvwxyz", "A-Z": "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
        old, new = table.get(words[0], words[0]), table.get(words[1], words[1])
        new += new[-1:] * (len(old) - len(new))
        streams.out(text.translate({ord(a): b for a, b in zip(old, new, strict=False)}))
    return 0


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


def environment(shell: Shell, argv: list[str], streams: Streams) -> Any:
    words = argv[1:]
    while words and "=" in words[0]:
        name, _, value = words[0].partition("=")
        shell.session.env[name] = value
        words = words[1:]
    if words:
        return shell.call(words, streams)
    streams.out("".join(f"{name}={value}\n" for name, value in sorted(shell.session.env.items())))
    return 0


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


COMMANDS: dict[str, Any] = {
    "[": test, "awk": awk, "base64": base64, "bash": sub_shell, "cat": cat, "cd": cd, "chmod": chmod, "chown": chmod,
    "cksum": cksum, "clear": quiet, "command": which, "cp": cp, "cut": cut, "digest": _digest("sha1"), "echo": echo,
    "egrep": grep, "env": environment, "exit": leave, "export": export, "false": false, "grep": grep, "halt": power,
    "head": head, "id": identity, "init": power, "install": cp, "logname": identity, "logout": leave, "ls": ls,
    "md5sum": _digest("md5"), "mkdir": mkdir, "mv": cp, "poweroff": power, "printf": printf, "read": read,
    "reboot": power, "rm": rm, "sed": sed, "set": quiet, "sh": sub_shell, "sha1sum": _digest("sha1"),
    "sha256sum": _digest("sha256"), "shutdown": power, "sleep": sleep, "stat": stat, "stty": stty, "su": su,
    "sync": quiet, "tail": head, "tee": tee, "test": test, "tr": tr, "true": quiet, ":": quiet, "type": which,
    "umask": quiet, "unalias": quiet, "unset": unset, "wc": wc, "which": which, "whoami": identity, "tput": quiet,
    "dmesg": quiet, "bind": quiet, "shopt": quiet,
}  # fmt: skip
