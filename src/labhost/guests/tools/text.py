"""Commands of a guest that make, pick and change text."""

from __future__ import annotations

from labhost.guests.tools.given import inputs, typed, wanted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.guests.shell import Shell, Steps, Streams


def echo(_shell: Shell, argv: list[str], streams: Streams) -> int:
    words, end = argv[1:], "\n"
    escapes = False
    while words and words[0] in ("-n", "-e", "-ne", "-en", "-E"):
        end = "" if "n" in words[0] else end
        escapes |= "e" in words[0]
        words = words[1:]
    text = " ".join(words)
    streams.out((escaped(text) if escapes else text) + end)
    return 0


def escaped(text: str) -> str:
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
            byte = int(text[at + 1 : stop], 8) & 255
            found += chr(byte) if byte < 0x80 else chr(0xDC00 + byte)
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
    # Bytes that make a character are one; others stay what they are.
    return found.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")


def printf(_shell: Shell, argv: list[str], streams: Streams) -> int:
    if len(argv) < 2:
        streams.err("printf: usage: printf format [arguments]\n")
        return 2
    layout, values = escaped(argv[1].replace("%%", "\0")), argv[2:]
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
                value = escaped(value)
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
    return 0 if len(found) == wanted(argv) else 1


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


def tr(_shell: Shell, argv: list[str], streams: Streams) -> Steps:
    text = yield from typed(streams)
    words = [escaped(word) for word in argv[1:] if not word.startswith("-")]
    if "-d" in argv:
        streams.out("".join(char for char in text if char not in words[0]))
    elif len(words) > 1:
        table = {"a-z": "abcdefghijklmnopqrstuvwxyz", "A-Z": "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
        old, new = table.get(words[0], words[0]), table.get(words[1], words[1])
        new += new[-1:] * (len(old) - len(new))
        streams.out(text.translate({ord(a): b for a, b in zip(old, new, strict=False)}))
    return 0


COMMANDS = {
    "cat": cat, "cut": cut, "echo": echo, "egrep": grep, "grep": grep, "head": head, "printf": printf, "tail": head,
    "tr": tr, "wc": wc,
}  # fmt: skip
