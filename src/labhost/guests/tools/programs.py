"""awk and sed, as far as one line of them goes."""

from __future__ import annotations

from labhost.guests.tools.given import inputs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.guests.shell import Shell, Steps, Streams


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


COMMANDS = {"awk": awk, "sed": sed}
