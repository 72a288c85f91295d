"""The state machine of zoneadm(8), every subcommand in every state.

Source: zoneadm(8); `sanity_check` and the functions of the subcommands in `usr/src/cmd/zoneadm/zoneadm.c`, `server` in
`usr/src/cmd/zoneadmd/zoneadmd.c`, both of the illumos family, of no particular release. `mount`, `unmount`, `apply` and `sysboot` are private to upgrades and to
the zones service, and the lab host has none of them: a zone is brought to `mounted` by hand here. `shutting_down` and
`down` are passing states: what holds the zone in them is a process that a case ends when the command waits for it.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from tests.labhost.zones.conftest import Host, wait_for

STATES = ("configured", "incomplete", "installed", "ready", "running", "shutting_down", "down", "mounted")
PASSING = ("shutting_down", "down")


@dataclass(frozen=True, slots=True)
class Outcome:
    """The next state (empty: the same one), the exit code and the complaint, with `{z}`, `{c}`, `{s}` in it."""

    state: str = ""
    code: int = 0
    complaint: str = ""


def refused(complaint: str, code: int = 1) -> Outcome:
    return Outcome("", code, complaint)


def relayed(complaint: str) -> Outcome:
    return refused(f"zone '{{z}}': {complaint}\nzoneadm: zone '{{z}}': call to zoneadmd failed\n")


SAME = Outcome()
CONFIGURED, INCOMPLETE, INSTALLED = Outcome("configured"), Outcome("incomplete"), Outcome("installed")
READY, RUNNING = Outcome("ready"), Outcome("running")
THERE = refused("zoneadm: zone '{z}': is already installed.\n")
BROKEN = refused("zoneadm: zone '{z}': zone is incomplete; uninstall required.\n")
EARLY = refused("zoneadm: zone '{z}': must be installed before {c}.\n")
ACTIVE = refused("zoneadm: zone '{z}': {c} operation is invalid for {s} zones.\n")
NOTHING = refused("zoneadm: zone '{z}': is already in state 'configured'.\n")
UNASKED = refused("zoneadm: zone '{z}': Input not from terminal and -F not specified: uninstall not done.\n")
STOPPED = refused("zoneadm: zone '{z}': not running\n")
INVALID = relayed("{c} operation is invalid for zones in state '{s}'")
BOOTED = refused("zone '{z}': zone is already booted\n", 0)
HALTED = refused("zone '{z}': zone is already halted\n", 0)
AT_READY = refused("zone '{z}': zone is already ready\n", 0)

# command           configured  incomplete  installed   ready     running    shutting_down  down      mounted
TABLE = {
    "verify":          (SAME,       BROKEN,     SAME,       SAME,     SAME,      SAME,      SAME,      SAME),
    "install":         (INSTALLED,  BROKEN,     THERE,      ACTIVE,   ACTIVE,    ACTIVE,    ACTIVE,    ACTIVE),
    "clone origin":    (INSTALLED,  BROKEN,     THERE,      ACTIVE,   ACTIVE,    ACTIVE,    ACTIVE,    ACTIVE),
    "attach":          (INSTALLED,  BROKEN,     THERE,      ACTIVE,   ACTIVE,    ACTIVE,    ACTIVE,    ACTIVE),
    "attach -F":       (INSTALLED,  BROKEN,     THERE,      ACTIVE,   ACTIVE,    ACTIVE,    ACTIVE,    ACTIVE),
    "attach -n any":   (SAME,       SAME,       SAME,       SAME,     SAME,      SAME,      SAME,      SAME),
    "detach":          (EARLY,      EARLY,      CONFIGURED, ACTIVE,   ACTIVE,    ACTIVE,    ACTIVE,    ACTIVE),
    "detach -n":       (SAME,       SAME,       SAME,       SAME,     SAME,      SAME,      SAME,      SAME),
    "move /rpool/zones/{z}-moved":
                       (EARLY,      EARLY,      SAME,       ACTIVE,   ACTIVE,    ACTIVE,    ACTIVE,    ACTIVE),
    "mark incomplete": (INCOMPLETE, SAME,       INCOMPLETE, ACTIVE,   ACTIVE,    ACTIVE,    ACTIVE,    ACTIVE),
    "mark -F installed":
                       (INSTALLED,  INSTALLED,  SAME,       ACTIVE,   ACTIVE,    ACTIVE,    ACTIVE,    ACTIVE),
    "mark -F configured":
                       (SAME,       CONFIGURED, CONFIGURED, ACTIVE,   ACTIVE,    ACTIVE,    ACTIVE,    ACTIVE),
    "uninstall":       (NOTHING,    UNASKED,    UNASKED,    ACTIVE,   ACTIVE,    ACTIVE,    ACTIVE,    ACTIVE),
    "uninstall -F":    (NOTHING,    CONFIGURED, CONFIGURED, ACTIVE,   ACTIVE,    ACTIVE,    ACTIVE,    ACTIVE),
    "ready":           (EARLY,      EARLY,      READY,      AT_READY, READY,     READY,     READY,     INVALID),
    "boot":            (EARLY,      EARLY,      RUNNING,    RUNNING,  BOOTED,    BOOTED,    BOOTED,    INVALID),
    "halt":            (INVALID,    INVALID,    HALTED,     INSTALLED, INSTALLED, INSTALLED, INSTALLED, INVALID),
    "shutdown":        (STOPPED,    STOPPED,    STOPPED,    INVALID,  INSTALLED, INSTALLED, INSTALLED, INVALID),
    "shutdown -r":     (STOPPED,    STOPPED,    STOPPED,    INVALID,  RUNNING,   RUNNING,   RUNNING,   INVALID),
    "reboot":          (STOPPED,    STOPPED,    STOPPED,    INVALID,  RUNNING,   RUNNING,   RUNNING,   INVALID),
}  # fmt: skip


@dataclass(slots=True)
class Zones:
    """Zones in each state, made when they are asked for and used until they have left it."""

    host: Host
    made: int = 0
    in_state: dict[str, str] = field(default_factory=dict)
    holders: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def get(self, state: str) -> str:
        if state not in self.in_state:
            self.in_state[state] = self.make(state)
        return self.in_state[state]

    def make(self, state: str) -> str:
        self.made += 1
        name = f"zone{self.made}"
        self.host.configure(name)
        zoneadm = ("zoneadm", "-z", name)
        if state != "configured":
            self.host.ok(*zoneadm, "install")
        if state == "incomplete":
            self.host.ok(*zoneadm, "mark", "incomplete")
        if state == "running":
            self.host.ok(*zoneadm, "boot")
        if state in ("ready", *PASSING, "mounted"):
            self.host.ok(*zoneadm, "ready")
        if state in (*PASSING, "mounted"):
            self.holders[name] = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
            with self.host.world.lock("zones"):
                zones = self.host.world.read("zones")
                zones["zones"][name].update(state=state, pid=self.holders[name].pid)
                self.host.world.write("zones", zones)
        return name

    def let_go(self, name: str) -> None:
        """End what holds a zone in its passing state."""
        self.holders[name].communicate()


@pytest.fixture(scope="module")
def zones(shared: Host) -> Iterator[Zones]:
    shared.installed("origin")
    zones = Zones(shared)
    yield zones
    for holder in zones.holders.values():
        holder.communicate()


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("command", TABLE)
def test_each_command_in_each_state(zones: Zones, command: str, state: str) -> None:
    """The next state, the exit code and the complaint are those of the table."""
    host, outcome, zone = zones.host, TABLE[command][STATES.index(state)], zones.get(state)
    before = host.row(zone)
    words = command.replace("{z}", zone).split()
    argv = ["zoneadm", "-z", zone, *words]
    if state in PASSING and outcome.state:
        with subprocess.Popen([host.command(argv[0]), *argv[1:]], stderr=subprocess.PIPE, text=True) as process:
            wait_for(lambda: {"halting", "shutting"} & host.world.read("zones")["zones"][zone].keys())
            zones.let_go(zone)
            _, complaint = process.communicate(timeout=30)
            code = process.returncode
    else:
        code, _, complaint = host.run(*argv)
    assert (code, complaint) == (outcome.code, outcome.complaint.format(z=zone, c=words[0], s=state))
    after = host.row(zone)
    assert before[2] == state
    assert after[2] == (outcome.state or state)
    if outcome != SAME and not outcome.state:
        assert after == before
    if outcome == RUNNING:
        assert (after[0] == before[0]) == (state == "ready"), "an id is that of one time of being active"
    if after[2] in ("configured", "incomplete", "installed"):
        assert after[0] == "-"
    if command != "mark incomplete" or state != "configured":
        assert bool(after[4]) == (after[2] != "configured"), "an identity is there from the first installation on"
    if outcome.state or command.startswith("move"):
        del zones.in_state[state]


@pytest.mark.parametrize("command", ["verify", *sorted({command.split()[0] for command in TABLE} - {"verify"})])
def test_the_global_zone_and_an_unknown_one(shared: Host, command: str) -> None:
    """No subcommand acts on the global zone or on one that nobody configured."""
    words = {"clone": ["origin"], "mark": ["incomplete"], "move": ["/rpool/zones/moved"]}.get(command, [])
    assert shared.refused("zoneadm", "-z", "global", command, *words) == (
        f"zoneadm: zone 'global': {command} operation is invalid for the global zone.\n"
    )
    assert shared.refused("zoneadm", "-z", "nobody", command, *words) == "zoneadm: nobody: No such zone configured\n"


def test_the_table_is_whole() -> None:
    """Every subcommand of the lab host that acts on a zone has a row, and every row a cell for each state."""
    from labhost.commands.zoneadm import SHORT

    assert {command.split()[0] for command in TABLE} == SHORT.keys() - {"help", "list"}
    assert {len(cells) for cells in TABLE.values()} == {len(STATES)}
