"""What illumos' commands do, statement by statement: how a statement is written down, and how it is tried.

A statement is one of three: a script that is run, a name of tests elsewhere that prove it at more length, or a reason
why a lab host cannot be asked. A script is a transcript:

    $ command        a command of the host, its words quoted as for a shell; a line indented by two spaces goes on with it
    < line           a line of its standard input
    > line           a line of its standard output
    ! line           a line of its standard error
    = 1              its exit code, where that is not 0

All of a command's output is given, but for a missing end of its last line; `…` stands for any text within a line, and alone for any number of lines; `␠` is a
blank at a line's end, and `\\t` a tabulator. `{n}` is
the number of the statement: a script works on zone `z{n}`, link `web{n}` and dataset `rpool/d{n}`, and so on, because
the statements of a part share one host. Besides the host's commands a script may use those of `Stage`.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field

from tests.labhost.zones.conftest import Host, Said


@dataclass(frozen=True, slots=True)
class Statement:
    """One sentence about the host, and one of: its script, the tests that prove it, the reason why it is not tried."""

    says: str
    script: str = ""
    tests: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """The statements about one thing; `source` is where they were read."""

    number: str
    title: str
    source: str
    statements: tuple[Statement, ...]


def tried(says: str, script: str) -> Statement:
    """A statement that is tried by running its script."""
    return Statement(says, script=script)


def proved(says: str, tests: str) -> Statement:
    """A statement that tests elsewhere prove, named as `file: function function; file: function` without `test_`."""
    return Statement(says, tests=tests)


def untried(says: str, reason: str) -> Statement:
    """A statement that cannot be tried here."""
    return Statement(says, reason=reason)


@dataclass(slots=True)
class Step:
    """One command of a script and what it is to leave."""

    line: str
    stdin: list[str] = field(default_factory=list)
    out: list[str] = field(default_factory=list)
    err: list[str] = field(default_factory=list)
    code: int = 0


def steps(script: str) -> list[Step]:
    """Return the steps of a script."""
    found: list[Step] = []
    for line in script.strip("\n").splitlines():
        mark, rest = line[:2], line[2:]
        if mark == "$ ":
            found.append(Step(rest))
        elif mark == "  ":
            found[-1].line += f" {rest.strip()}"
        elif mark == "= ":
            found[-1].code = int(rest)
        else:
            lines = {"<": found[-1].stdin, ">": found[-1].out, "!": found[-1].err}[mark[:1]]
            lines.append(rest)
    return found


def fits(text: str, lines: list[str]) -> bool:
    """Tell whether an output is the one of these lines."""
    if text and not text.endswith("\n"):
        text += "\n"
    pattern = "".join(
        r"(?:[^\n]*\n)*" if line == "…" else re.escape(line.replace("␠", " ")).replace("…", "[^\n]*") + r"\n"
        for line in lines
    )
    return re.fullmatch(pattern, text) is not None


@dataclass(frozen=True, slots=True)
class Stage:
    """A host with what scripts need besides its commands."""

    host: Host

    def run(self, words: list[str], stdin: str | None) -> Said:
        """Run a command of the host or of this class."""
        own = getattr(self, f"do_{words[0]}", None)
        if own is not None:
            return Said(0, own(*words[1:]) or "", "")
        return self.host.run(*words, stdin=stdin)

    def do_configured(self, zone: str, *more: str) -> None:
        """Configure a bhyve zone, with further commands of zonecfg."""
        self.host.configure(zone, " ".join(more))

    def do_installed(self, zone: str, *more: str) -> None:
        """Configure and install a zone."""
        self.host.installed(zone, " ".join(more))

    def do_booted(self, zone: str, *more: str) -> None:
        """Configure, install and boot a zone."""
        self.host.booted(zone, " ".join(more))

    def do_state(self, zone: str) -> str:
        """Say the state of a zone."""
        return self.host.ok("zoneadm", "-z", zone, "list", "-p").split(":")[2] + "\n"

    def do_falls(self, zone: str) -> None:
        """Wait until a zone is installed and no more than that."""
        self.host.wait_state("installed", zone)

    def do_cat(self, path: str) -> str:
        """Say what is in a file of the host."""
        return self.host.file(path).read_text(encoding="utf-8")

    def do_grep(self, pattern: str, path: str) -> str:
        """Say the lines of a file of the host that match a regular expression, or that there is no such file."""
        place = self.host.file(path)
        if not place.exists():
            return "no file\n"
        lines = place.read_text(encoding="utf-8").splitlines(keepends=True)
        return "".join(line for line in lines if re.search(pattern, line))

    def do_mode(self, path: str) -> str:
        """Say the kind and mode of a file of the host, or that it is not there."""
        place = self.host.file(path)
        if not place.exists():
            return "no file\n"
        kind = "folder" if place.is_dir() else "socket" if place.is_socket() else "file"
        return f"{kind} {place.stat().st_mode & 0o7777:04o}\n"

    def do_put(self, path: str, *lines: str) -> None:
        """Write a file of the host, line by line."""
        place = self.host.file(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def do_disk(self, path: str) -> None:
        """Make a file of the host that a pool fits in."""
        place = self.host.file(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("wb") as file:
            file.truncate(128 << 20)

    def do_rm(self, path: str) -> None:
        """Remove a file of the host."""
        self.host.file(path).unlink()

    def do_mkdir(self, path: str, mode: str) -> None:
        """Make a folder of the host, or give it another mode."""
        place = self.host.file(path)
        place.mkdir(parents=True, exist_ok=True)
        place.chmod(int(mode, 8))

    def do_world(self, *settings: str) -> None:
        """Change settings of the lab host; without a value one goes back to its default."""
        pairs = (setting.partition("=") for setting in settings)
        self.host.world.configure(
            **{name: int(value) if value.isdigit() else value or None for name, _, value in pairs}
        )

    def do_profiles(self, euid: str = "", *names: str) -> None:
        """Be an unprivileged caller with rights profiles; without any, root again."""
        self.host.world.configure(euid=int(euid) if euid else None, profiles=list(names) or None)

    def do_unauthorised(self, user: str = "", *zones: str) -> None:
        """Be a user without the authorisation for zones; without any, one who has it for all."""
        self.host.world.configure(user=user or None, not_authorized=list(zones) or None)


def play(stage: Stage, script: str) -> None:
    """Run a script; every command must leave exactly what it says."""
    for step in steps(script):
        stdin = "".join(f"{line}\n" for line in step.stdin) if step.stdin else None
        said = stage.run(shlex.split(step.line), stdin)
        assert said.code == step.code, (step.line, said)
        assert fits(said.out, step.out), (step.line, "standard output", said.out, step.out)
        assert fits(said.err, step.err), (step.line, "standard error", said.err, step.err)
