"""The whole agent over HTTPS, on a host whose guests are containers: what it asks for happens in a real system."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from tests.lab.agents import wait_for
from tests.lab.real import Real, addressed, agent_on, whole_life
from tests.lab.zygote import Zygote
from tests.labhost.guests.conftest import Person
from tests.labhost.guests.machines import (
    FAR_STUB,
    GATEWAY,
    STUB,
    clean,
    does,
    founded,
    key_pair,
    left_behind,
    log_in,
    missing,
)

from labhost.ending import end
from labhost.world import World
from labhost.zones.cloudinit import padded

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(missing()), reason=f"no containers: {missing()}")]


def _has_address(person: Person, wanted: str) -> re.Match[str] | None:
    return re.search(wanted, does(person, "ip -br -4 address show eth0"))


@pytest.fixture(scope="module")
def real(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    folder = tmp_path_factory.mktemp("real")
    machines = founded(folder / "host")
    machines.found()
    with agent_on(machines, zygote, folder / "home") as made:
        yield made


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a private SSH key, its public one beside it."""
    return key_pair(tmp_path_factory.mktemp("keys"))


def test_from_the_template_to_ssh_and_to_nothing(real: Real, key: Path) -> None:
    """A zone is created from the template, started, logged in to, given an address, reached by SSH, stopped, deleted."""

    def address(person: Person) -> str:
        addressed(person, "{addresses: [10.190.190.10/24]}")
        return "10.190.190.10"

    whole_life(real, key, address)


def test_cloud_init_gives_a_guest_its_key_password_and_address(real: Real, key: Path) -> None:
    """What the zone is told by cloud-init holds in the guest: nobody has to sit at its console."""
    public = key.with_suffix(".pub").read_text().strip()
    told = {"enabled": "on", "password": "another1", "sshkey": public, "dns_domain": "example.org", "resolvers": "10.190.190.1"}  # fmt: skip
    real.create("told", nic={"allowed_address": "10.190.190.20/24"}, cloud_init=told)
    real.start("told")
    done = real.machines.ssh(key, "10.190.190.20", "hostname; resolvectl domain; cloud-init query instance_id")
    name, domain, instance = done.stdout.splitlines()[0], done.stdout, done.stdout.splitlines()[-1]
    assert name == "told", done
    assert "example.org" in domain
    assert re.fullmatch(r"[0-9a-f-]{36}", instance), done
    real.stop("told")
    real.delete("told")


def test_a_guest_that_turns_itself_off_is_seen(real: Real) -> None:
    """After `poweroff` inside the agent says installed; after `reboot` inside the zone runs on."""
    real.create("moody")
    person = real.at_shell("moody")
    person.type("sudo reboot\r")
    person.read_to("login: ")
    assert real.status("moody") == "running"
    log_in(person)
    person.type("sudo poweroff\r")
    real.await_status("moody", "installed")
    person.end()
    real.delete("moody")


def test_snapshots_and_clones_carry_what_was_written(real: Real) -> None:
    """A zone made of another's snapshot has what its guest wrote; going back to a snapshot brings it back."""
    real.create("first")
    person = real.at_shell("first")
    does(person, "echo kept > note")
    real.machines.ok("zfs", "snapshot", "rpool/zones/first/root@ready")
    does(person, "rm note; echo lost > other; sync")
    real.stop("first")
    real.create("second", template="rpool/zones/first/root")
    twin = real.at_shell("second")
    assert does(twin, "cat note; ls other 2>/dev/null || true") == "kept\n"
    real.stop("second")
    real.machines.ok("zfs", "rollback", "rpool/zones/first/root@ready")
    real.start("first")
    person.read_to("login: ")
    log_in(person)
    assert does(person, "cat note; ls other 2>/dev/null || true") == "kept\n"
    real.stop("first")
    for one, zone in ((twin, "second"), (person, "first")):
        one.end()
        real.delete(zone)


def test_zones_meet_on_their_etherstub_only(real: Real) -> None:
    """Two zones on one etherstub reach each other, a third on another one reaches neither."""
    people = {}
    for number, (name, over) in enumerate((("near", STUB), ("next", STUB), ("away", FAR_STUB)), 31):
        real.create(name, over=over)
        people[name] = real.at_shell(name, plan=f"{{addresses: [10.190.190.{number}/24]}}")
    does(people["near"], "ping -c 1 -W 5 10.190.190.32")
    does(people["next"], "ping -c 1 -W 5 10.190.190.31")
    for address in ("10.190.190.31", "10.190.190.32", "10.190.190.1"):
        assert "100% packet loss" in people["away"].ask(f"ping -c 1 -W 1 {address}", "$ ")
    for name, person in people.items():
        real.stop(name)
        person.end()
        real.delete(name)


def test_addresses_by_dhcp_and_a_way_out_by_translation(real: Real) -> None:
    """One card gets any address of the range, another the one reserved for its MAC; NAT carries both to the outside."""
    host, mac = real.machines, "2:8:20:ab:cd:1"
    host.file("/etc/dhcpd.conf").write_text(
        "default-lease-time 600;\nmax-lease-time 7200;\nping-check false;\nauthoritative;\n"
        "subnet 10.190.190.0 netmask 255.255.255.0 {\n"
        "  option routers 10.190.190.1;\n  range 10.190.190.100 10.190.190.110;\n}\n"
        f"host fixed {{ hardware ethernet {padded(mac)}; fixed-address 10.190.190.77; }}\n"
    )
    host.ok("svcadm", "enable", "-s", "dhcp:ipv4")
    host.file("/etc/ipf").mkdir(parents=True, exist_ok=True)
    host.file("/etc/ipf/ipnat.conf").write_text("map igb0 10.190.190.0/24 -> 0/32\n")
    host.ok("svcadm", "enable", "-s", "ipfilter")
    host.ok("routeadm", "-e", "ipv4-forwarding", "-u")
    real.create("leased")
    real.create("fixed", nic={"mac_addr": mac})
    real.create("outside", over="igb0")
    leased, fixed = real.at_shell("leased"), real.at_shell("fixed")
    outside = real.at_shell("outside", plan="{addresses: [192.0.2.60/24]}")
    log = host.file("/var/svc/log/network-service-dhcp:ipv4.log")
    for person, wanted in ((leased, r"10\.190\.190\.1[01]\d/24"), (fixed, r"10\.190\.190\.77/24")):
        wait_for(partial(_has_address, person, wanted), wanted, real.seconds, lambda: log.read_text()[-2000:])
        # The outside has no way back but to the host's own address.
        does(person, "ping -c 1 -W 5 192.0.2.60")
    assert "bytes from" not in outside.ask("ping -c 1 -W 1 10.190.190.77", "$ ")
    for name, person in (("leased", leased), ("fixed", fixed), ("outside", outside)):
        real.stop(name)
        person.end()
        real.delete(name)
    for service in ("dhcp:ipv4", "ipfilter"):
        host.ok("svcadm", "disable", "-s", service)
    host.ok("routeadm", "-d", "ipv4-forwarding", "-u")


def test_guests_outlive_the_agent_and_the_agent_their_death(real: Real) -> None:
    """A guest runs on when the agent dies; when what stands for bhyve dies, the zone is down and boots again."""
    real.create("hardy")
    person = real.at_shell("hardy")
    real.lab.kill()
    assert does(person, "echo here") == "here\n"
    real.lab.start()
    assert real.status("hardy") == "running"
    os.kill(int(real.machines.world.read("zones")["zones"]["hardy"]["pid"]), signal.SIGKILL)
    real.await_status("hardy", "installed")
    real.start("hardy")
    person.read_to("login: ")
    real.stop("hardy")
    person.end()
    real.delete("hardy")


def test_a_machine_started_anew_has_its_lab_again(real: Real) -> None:
    """After a loss of power the books name processes that are others by now: the zone is down, and boots as before."""
    host = real.machines
    real.create("again")
    person = real.at_shell("again")
    does(person, "echo kept > kept; sync")
    person.end()
    pid = int(host.world.read("zones")["zones"]["again"]["pid"])
    real.lab.kill()
    os.kill(pid, signal.SIGKILL)
    subprocess.run(["ip", "netns", "del", host.namespace], check=True)
    with host.world.lock("zones"):
        state = host.world.read("zones")
        state["zones"]["again"]["pid"] = os.getpid()
        host.world.write("zones", state)
    World.create(host.world.path)
    real.lab.start()
    real.lab.settled()
    real.await_status("again", "installed")
    person = real.at_shell("again", plan="{addresses: [10.190.190.40/24]}")
    assert does(person, "cat kept") == "kept\n"
    does(person, "ping -c 1 -W 5 10.190.190.1")
    real.stop("again")
    person.end()
    real.delete("again")


def test_nothing_is_left_of_it(real: Real) -> None:
    """With a zone running and the agent at work the lab is ended: no process, namespace, device, mount or group stays."""
    real.create("last")
    real.start("last")
    assert real.machines.ok("dladm", "show-vnic", "-p", "-o", "over", GATEWAY) == f"{STUB}\n"
    real.lab.kill()
    end(real.machines.world)
    assert clean(real.machines), left_behind(real.machines)
