"""ipnat(8): the rules of address translation, as text and in the kernel.

Offers `render` and `parse` of one rule (`domain.nat.NatRule`), `rules` of lines; the commands `check` and `load` of a
file, and `clear`; `active`, what the kernel does at the moment; and what a refusal meant: `said_not_running`,
`said_syntax`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from zoneweaver.domain.errors import CommandFailed, Invalid
from zoneweaver.domain.nat import BimapRule, MapRule, NatKind, NatRule, rule, short
from zoneweaver.host.command import CHANGE_SECONDS, Command, Completed, Query
from zoneweaver.host.zonexml import BrokenFile

FILE: Final = "/etc/ipf/ipnat.conf"
"""What the service loads when it starts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Active:
    """What the kernel translates by: rules that we can say, lines that we cannot, and how many sessions there are.

    `running` is False when the packet filter is not enabled.
    """

    rules: tuple[NatRule, ...] = ()
    others: tuple[str, ...] = ()
    sessions: int = 0
    running: bool = True


def render(which: NatRule) -> str:
    """Write a rule as a line of ipnat.conf(5), without its newline."""
    interface = which.interface
    if isinstance(which, MapRule):
        text = f"map {interface} {short(which.source)} -> {short(which.target)}"
        if which.protocol is None:
            return text
        ports = "auto" if which.ports is None else f"{which.ports[0]}:{which.ports[1]}"
        return f"{text} portmap {which.protocol} {ports}"
    if isinstance(which, BimapRule):
        return f"bimap {interface} {short(which.source)} -> {short(which.target)}"
    external = f"{short(which.external)} port {which.external_port}"
    return f"rdr {interface} {external} -> {which.internal} port {which.internal_port} {which.protocol}"


def parse(line: str) -> NatRule | None:
    """Read a line of ipnat.conf(5), or one that `ipnat -l` prints; None for whatever we would not write."""
    words = line.partition("#")[0].replace("->", " -> ").split()
    try:
        return rule(_said(words))
    except (Invalid, ValueError):
        return None


def rules(lines: Iterable[str], *, path: str = FILE) -> tuple[NatRule, ...]:
    """Read the lines of a block of ours. Raises BrokenFile at a line that we did not write."""
    found = []
    for line in lines:
        if not line.partition("#")[0].strip():
            continue
        read = parse(line)
        if read is None:
            raise BrokenFile(path=path, why=f"{line!r} stands in a block of the agent's, which did not write it")
        found.append(read)
    return tuple(found)


def check(path: str) -> Command:
    """Read a file's rules without loading them; it fails when they are wrong."""
    return Command(argv=("ipnat", "-n", "-f", path))


def load(path: str = FILE) -> Command:
    """Put a file's rules in the place of those of the kernel. Sessions that there are go on as they began."""
    return Command(argv=("ipnat", "-C", "-f", path), changes=True, timeout=CHANGE_SECONDS)


def clear() -> Command:
    """Take every rule out of the kernel, where there is no file any more."""
    return Command(argv=("ipnat", "-C"), changes=True, timeout=CHANGE_SECONDS)


def active() -> Query[Active]:
    """Ask for what the kernel translates by. Raises CommandFailed."""
    return Query(command=Command(argv=("ipnat", "-l"), ok=frozenset({0, 1})), parse=_read)


def said_not_running(stderr: str) -> bool:
    """Say whether the packet filter is not enabled, so that there is nobody to talk to."""
    return "I/O error" in stderr or "/dev/ipnat: open: No such" in stderr


def said_syntax(stderr: str) -> bool:
    """Say whether the file was at fault."""
    return "syntax error" in stderr


def _said(words: list[str]) -> dict[str, Any]:
    """Return what a rule's words say, as `domain.nat.rule` takes it. Raises ValueError when they are none of ours."""
    match words:
        case ["map", interface, source, "->", target]:
            return {"type": NatKind.MAP, "bridge": interface, "subnet": source, "target": target}
        case ["map", interface, source, "->", target, "portmap", protocol, ports]:
            nets = {"subnet": source, "target": target, "protocol": protocol, "ports": ports}
            return {"type": NatKind.PORTMAP, "bridge": interface, **nets}
        case ["bimap", interface, source, "->", target]:
            return {"type": NatKind.BIMAP, "bridge": interface, "subnet": source, "target": target}
        case ["rdr", interface, external, "port", port, "->", internal, "port", inner, *protocol] if len(protocol) < 2:
            ends = {"external_ip": external, "external_port": int(port)}
            ends |= {"internal_ip": internal, "internal_port": int(inner)}
            return {"type": NatKind.RDR, "bridge": interface, **ends, "protocol": "".join(protocol) or None}
        case _:
            raise ValueError(words)


def _read(completed: Completed) -> Active:
    if completed.exit_status != 0:
        if said_not_running(completed.stderr):
            return Active(running=False)
        raise CommandFailed(argv=completed.argv, exit_status=completed.exit_status, stderr=completed.stderr)
    ours: list[NatRule] = []
    others: list[str] = []
    sessions = 0
    in_sessions = False
    for line in completed.stdout.splitlines():
        if line.startswith("List of active"):
            in_sessions = "sessions" in line
        elif in_sessions and line.startswith(("MAP", "BIMAP", "RDR")):
            sessions += 1
        elif not in_sessions and line.strip():
            found = parse(line)
            if found is None:
                others.append(line.strip())
            else:
                ours.append(found)
    return Active(rules=tuple(ours), others=tuple(others), sessions=sessions)
