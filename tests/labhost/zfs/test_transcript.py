"""The lab's zfs and zpool against a transcript of real ones, command by command.

The transcript is of OpenZFS 2.1.11 on Linux (its own first lines say so); illumos differs in the places listed here.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.labhost.zfs.conftest import Host

TRANSCRIPT = Path(__file__).with_name("openzfs-2.1.11-linux.txt")
DISK_SIZE = 2013265920

# The shell had quotes here that the transcript does not show.
QUOTED = {"zfs create rpool/bad name": ["zfs", "create", "rpool/bad name"]}

# Properties of OpenZFS on Linux that illumos does not have (or, objsetid, does not list).
NOT_ON_ILLUMOS = {"volmode", "snapdev", "context", "fscontext", "defcontext", "rootcontext", "objsetid"}

# What illumos says instead, as a whole; the reason stands above each.
INSTEAD: dict[str, tuple[str, str, int]] = {
    # Without -r only a snapshot may be named when snapshots alone are asked for: illumos does not add the depth itself.
    "zfs list -Hp -t snapshot -o name,used,refer,creation -s creation rpool/zones/vol1": (
        "",
        "cannot open 'rpool/zones/vol1': missing '@' delimiter in snapshot name\n",
        1,
    ),
    # The reason is strerror(EBUSY) there.
    "zfs unmount rpool/prov": ("", "cannot unmount '/prov': Device busy\n", 1),
    "zfs destroy -r rpool/prov": ("", "cannot unmount '/prov': Device busy\n", 1),
}

# Children are walked in the order of an on-disk hash there, by name here: the set of lines is compared.
ANY_ORDER = {"zfs destroy rpool/zones"}

# Columns whose numbers are space accounting, times and identities: only that they are numbers is compared.
_INEXACT = {"used", "avail", "available", "refer", "referenced", "alloc", "free", "creation"}
_INEXACT_PROPERTIES = _INEXACT | {
    "guid", "createtxg", "usedbydataset", "usedbyrefreservation", "usedbysnapshots", "written", "logicalused",
    "logicalreferenced", "usedbychildren",
}  # fmt: skip
ZPOOL_LIST = "name,size,alloc,free,ckpoint,expandsz,frag,cap,dedup,health,altroot"


@dataclass(slots=True)
class Step:
    """One command of the transcript and what it left."""

    line: str
    out: str = ""
    err: str = ""
    code: str = ""
    other: list[str] = field(default_factory=list)


def steps() -> list[Step]:
    """Return the commands of the transcript in order."""
    found: list[Step] = []
    for line in TRANSCRIPT.read_text().splitlines():
        if line.startswith("$ "):
            found.append(Step(line[2:]))
        elif found and line.startswith("out| "):
            found[-1].out += line[5:] + "\n"
        elif found and line.startswith("err| "):
            found[-1].err += line[5:] + "\n"
        elif found and line.startswith("rc="):
            found[-1].code = line[3:]
        elif found and line and line != "TRANSCRIPT-END":
            found[-1].other.append(line)
    return found


def columns(argv: list[str]) -> list[str] | None:
    """Return the columns of a list command, None for another command."""
    if argv[1:2] != ["list"]:
        return None
    if "-o" in argv:
        return argv[argv.index("-o") + 1].split(",")
    return ZPOOL_LIST.split(",") if argv[0] == "zpool" else ["name", "used", "avail", "refer", "mountpoint"]


def number(text: str) -> str:
    return "NUMBER" if text.isdigit() else text


def normal(argv: list[str], text: str) -> str:
    """Return output without what may differ."""
    lines = []
    inexact = columns(argv)
    for line in text.splitlines():
        cells = line.split("\t")
        if inexact is not None:
            cells = [number(cell) if inexact[at] in _INEXACT else cell for at, cell in enumerate(cells)]
        elif argv[1:2] == ["get"] and len(cells) == 4:
            if cells[1] in NOT_ON_ILLUMOS:
                continue
            if cells[1] in _INEXACT_PROPERTIES:
                cells[2] = number(cells[2])
            if cells[1] in ("compressratio", "refcompressratio"):
                # illumos keeps the x, exact or not.
                cells[2] = cells[2].removesuffix("x") + "x"
        lines.append("\t".join(cells))
    return "\n".join(lines)


def without_usage(text: str) -> str:
    """Return what is said before the usage: the lists of verbs, options and properties are each system's own."""
    return re.split(r"^usage:", text, maxsplit=1, flags=re.MULTILINE)[0]


def prepare(host: Host) -> dict[str, Callable[[], object]]:
    """Return what the transcript's shell did unseen before some of its commands."""
    shared = Path(host.world.host("/prov"))
    return {
        "zfs snapshot rpool/prov@pre-provision": lambda: (shared / "f").write_text("hi\n"),
        "zfs rollback rpool/prov@pre-provision": lambda: (shared / "f").write_text("changed\n"),
        "zfs unmount rpool/prov": lambda: host.hold_open("rpool/prov"),
        "zfs destroy rpool/zones/sparse": lambda: host.hold_open("rpool/zones/sparse"),
        "zfs send rpool/zones/sparse@send | zfs recv rpool/zones/received": lambda: host.ok(
            "zfs", "snapshot", "rpool/zones/sparse@send"
        ),
    }


def pipe(host: Host, snapshot: str, target: str) -> tuple[str, str]:
    """Send and receive; return both exit codes as the transcript has them, and what the receiver said."""
    binaries = f"{host.world.path}/bin/zfs"
    with subprocess.Popen([binaries, "send", snapshot], stdout=subprocess.PIPE) as sender:
        received = subprocess.run(
            [binaries, "recv", target], stdin=sender.stdout, capture_output=True, check=False, timeout=60
        )
        assert sender.stdout is not None
        sender.stdout.close()
    return f"{sender.returncode} {received.returncode}", received.stderr.decode()


def check_special(host: Host, step: Step) -> bool:
    """Check the steps that are no single command of zfs or zpool; False for any other."""
    if step.line.startswith("cat "):
        assert Path(host.world.host(step.line[4:])).read_text() == step.out
        return True
    if step.line.startswith("zfs send") and "|" in step.line:
        codes, said = pipe(host, "rpool/zones/sparse@send", "rpool/zones/received")
        assert codes == step.code, said
        assert said.splitlines() == step.other
        return True
    return False


def test_every_command_of_the_transcript_says_the_same(host: Host) -> None:
    """Each command of a real system's transcript has the same stdout, stderr and exit code in the lab."""
    host.ok("zpool", "destroy", "rpool")
    disk = Path(host.world.host("/var/tmp/p1.img"))
    disk.parent.mkdir(parents=True)
    with disk.open("wb") as file:
        file.truncate(DISK_SIZE)
    unseen = prepare(host)
    differences = []
    replayed = steps()
    for step in replayed:
        unseen.get(step.line, lambda: None)()
        if check_special(host, step):
            continue
        argv = QUOTED.get(step.line, step.line.split(" "))
        said = host.run(*argv)
        out, err, code = INSTEAD.get(step.line, (step.out, step.err, int(step.code)))
        got_err = said.err
        if code == 2:
            assert "usage:" in got_err, step.line
            err, got_err = without_usage(err), without_usage(got_err)
        if step.line in ANY_ORDER:
            err, got_err = "\n".join(sorted(err.splitlines())), "\n".join(sorted(got_err.splitlines()))
        wanted = (normal(argv, out), err, code)
        got = (normal(argv, said.out), got_err, said.code)
        if wanted != got:
            differences.append(f"$ {step.line}\n  wanted {wanted}\n  got    {got}")
    assert len(replayed) == 90
    assert not differences, "\n".join(differences)
