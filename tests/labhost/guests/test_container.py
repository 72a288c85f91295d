"""Zones whose guests are containers: a real Debian, from its init to its network."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.labhost.guests.conftest import Person
from tests.labhost.guests.machines import (
    FAR_STUB,
    SSH,
    Machines,
    clean,
    does,
    founded,
    key_pair,
    left_behind,
    log_in,
    missing,
    netplan,
)
from tests.labhost.zones.conftest import wait_for

from labhost import processes
from labhost.ending import end
from labhost.world import World
from labhost.zones.cloudinit import padded

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(missing()), reason=f"no containers: {missing()}")]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    host = founded(tmp_path_factory.mktemp("machines") / "host")
    try:
        host.found()
        yield host
    finally:
        host.leave()


@pytest.fixture(scope="module")
def web(lab: Machines) -> Person:
    """Return somebody logged in at the console of `web`, which has the address 10.190.190.10."""
    lab.machine("web")
    person = lab.at_shell("web")
    netplan(person, "eth0", "{addresses: [10.190.190.10/24], routes: [{to: default, via: 10.190.190.1}]}")
    return person


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Machines]:
    """Return a lab of one test's own."""
    made = founded(tmp_path / "host")
    try:
        made.found()
        yield made
    finally:
        made.leave()


def guest_of(host: Machines, zone: str = "web") -> int:
    return int(host.world.read("zones")["zones"][zone]["pid"])


def init_of(host: Machines, zone: str = "web") -> int:
    """Return the init of a zone's guest, as this machine counts."""
    text = Path(f"/proc/{guest_of(host, zone)}/task/{guest_of(host, zone)}/children").read_text()
    return int(text.split()[0])


def test_a_clone_of_the_template_is_a_whole_system(web: Person) -> None:
    """Its init is systemd, it has its own processes, a user who may become root, and nothing of it has failed."""
    assert does(web, "cat /proc/1/comm") == "systemd\n"
    assert does(web, "sudo -n id -u") == "0\n"
    assert "ID=debian\n" in does(web, "cat /etc/os-release")
    wait_for(
        lambda: does(web, "systemctl is-system-running || true") == "running\n", lambda: does(web, "systemctl --failed")
    )


def test_the_card_has_the_address_that_dladm_shows(lab: Machines, web: Person) -> None:
    """The MAC of the VNIC on the host is the MAC of the guest's card."""
    shown = lab.ok("dladm", "show-vnic", "-p", "-o", "macaddress", "web0").strip()
    assert does(web, "cat /sys/class/net/eth0/address").strip() == padded(shown)


def test_a_static_address_by_netplan_is_reached_by_ssh(lab: Machines, web: Person) -> None:
    """After netplan over the console the host's network reaches the guest's SSH server, and the guest the host."""
    assert "10.190.190.10/24" in does(web, "ip -br -4 address show eth0")
    assert lab.banner("10.190.190.10").startswith("SSH-2.0-OpenSSH")
    does(web, "ping -c 1 -W 5 10.190.190.1")


def test_files_arrive_by_rsync(lab: Machines, web: Person, tmp_path: Path) -> None:
    """A key put there over the console opens the way for rsync, and what it brings is there."""
    key = key_pair(tmp_path)
    public = (tmp_path / "key.pub").read_text().strip()
    does(web, f"mkdir -p -m 700 ~/.ssh && echo '{public}' > ~/.ssh/authorized_keys")
    (tmp_path / "payload").mkdir()
    for number in range(50):
        (tmp_path / "payload" / f"file{number}").write_bytes(os.urandom(2000))
    lab.banner("10.190.190.10")
    shell = " ".join((*SSH, "-i", str(key)))
    done = lab.inside("rsync", "-a", "-e", shell, f"{tmp_path}/payload/", "startcloud@10.190.190.10:payload/")
    assert (done.returncode, done.stderr) == (0, "")
    assert does(web, "ls payload | wc -l") == "50\n"


def test_neighbours_meet_on_their_etherstub_and_nowhere_else(lab: Machines, web: Person) -> None:
    """Zones on one etherstub reach each other; one on another etherstub, with an address of the same net, does not."""
    lab.machine("db")
    lab.machine("far", over=FAR_STUB)
    near, away = lab.at_shell("db"), lab.at_shell("far")
    netplan(near, "eth0", "{addresses: [10.190.190.11/24]}")
    netplan(away, "eth0", "{addresses: [10.190.190.12/24]}")
    does(near, "ping -c 1 -W 5 10.190.190.10")
    does(web, "ping -c 1 -W 5 10.190.190.11")
    assert "100% packet loss" in away.ask("ping -c 1 -W 1 10.190.190.10", "$ ")
    assert "100% packet loss" in web.ask("ping -c 1 -W 1 10.190.190.12", "$ ")
    for zone in ("db", "far"):
        lab.ok("zoneadm", "-z", zone, "shutdown")


def test_a_client_gets_its_lease_from_the_hosts_server(lab: Machines) -> None:
    """The DHCP service runs the real server on the host's file; the lease it gives is on the host too."""
    lab.file("/etc/dhcpd.conf").write_text(
        "default-lease-time 600;\nmax-lease-time 7200;\nping-check false;\nauthoritative;\n"
        "subnet 10.190.190.0 netmask 255.255.255.0 {\n"
        "  option routers 10.190.190.1;\n  range 10.190.190.100 10.190.190.110;\n}\n"
    )
    lab.ok("svcadm", "enable", "-s", "dhcp:ipv4")
    assert lab.ok("svcs", "-H", "-o", "state", "dhcp:ipv4") == "online\n"
    lab.machine("leased")
    person = lab.at_shell("leased")
    wait_for(
        lambda: re.search(r"10\.190\.190\.1[01]\d/24", does(person, "ip -br -4 address show eth0")),
        lambda: lab.file("/var/svc/log/network-service-dhcp:ipv4.log").read_text()[-2000:],
    )
    mac = padded(lab.ok("dladm", "show-vnic", "-p", "-o", "macaddress", "leased0").strip())
    assert f"hardware ethernet {mac}" in lab.file("/var/db/dhcpd.leases").read_text()
    lab.ok("svcadm", "disable", "-s", "dhcp:ipv4")
    lab.ok("zoneadm", "-z", "leased", "shutdown")


def test_a_configuration_that_the_server_refuses_is_maintenance(lab: Machines) -> None:
    """What only the real server finds wrong puts the service into maintenance."""
    lab.file("/etc/dhcpd.conf").write_text("subnet 10.190.190.0 netmask 255.255.255.0 {\n  option nonsense 1;\n}\n")
    lab.run("svcadm", "enable", "-s", "dhcp:ipv4")
    assert lab.ok("svcs", "-H", "-o", "state", "dhcp:ipv4") == "maintenance\n"
    lab.ok("svcadm", "disable", "dhcp:ipv4")


def test_turning_it_off_from_inside_ends_the_zone(host: Machines) -> None:
    """`poweroff` in the guest brings the zone to installed, with the exit status of a power-off."""
    host.machine("web")
    person = host.at_shell("web")
    person.type("sudo poweroff\r")
    host.wait_state("installed")
    assert host.file("/rpool/zones/web/lastexited").read_text().split()[-1] == "1"


def test_a_reboot_from_inside_keeps_the_zone_and_the_disk(host: Machines) -> None:
    """The guest boots anew, the zone has the same id; what was written is there, what was only running is not."""
    host.machine("web")
    person = host.at_shell("web")
    zoneid = host.row("web")[0]
    does(person, "echo kept > kept; sudo touch /run/passing")
    person.type("sudo reboot\r")
    person.read_to("login: ")
    log_in(person)
    assert does(person, "cat kept") == "kept\n"
    assert person.ask("test -e /run/passing; echo $?", "$ ") == "1\n"
    assert host.row("web")[0] == zoneid


def test_the_power_button_stops_the_system_in_order(host: Machines) -> None:
    """`zoneadm shutdown` lets systemd stop everything; `zoneadm reboot` boots it again with what was written."""
    host.machine("web")
    person = host.at_shell("web")
    does(person, "echo kept > kept")
    host.ok("zoneadm", "-z", "web", "reboot")
    assert "Zone halted" in person.read_to("login: ")
    log_in(person)
    assert does(person, "cat kept") == "kept\n"
    host.ok("zoneadm", "-z", "web", "shutdown")
    assert "Powering off." in person.read_to("[NOTICE: Zone halted]")
    assert host.state() == "installed"


def test_a_cut_and_a_reset_need_no_consent(host: Machines) -> None:
    """bhyvectl's reset boots the guest anew in the same zone, its power-off ends it at once."""
    host.machine("web")
    person = host.boot("web")
    zoneid = host.row("web")[0]
    host.ok("bhyvectl", "--vm=web", "--force-reset")
    person.read_to("login: ")
    assert host.row("web")[0] == zoneid
    host.ok("bhyvectl", "--vm=web", "--force-poweroff")
    host.wait_state("installed")


def test_a_guest_whose_init_dies_is_a_crash(host: Machines) -> None:
    """The kernel of a real machine would triple-fault: the zone is installed, and nothing of the guest is left."""
    host.machine("web")
    host.boot("web")
    os.kill(init_of(host), signal.SIGKILL)
    host.wait_state("installed")
    assert host.file("/rpool/zones/web/lastexited").read_text().split()[-1] == "3"


def test_a_guest_does_not_outlive_its_process(host: Machines) -> None:
    """Killing the process that stands for bhyve kills all that runs in the guest."""
    host.machine("web")
    person = host.boot("web")
    init = init_of(host)
    os.kill(guest_of(host), signal.SIGKILL)
    wait_for(lambda: not processes.is_alive(init), lambda: f"{init} still runs")
    host.wait_state("installed")
    host.ok("zoneadm", "-z", "web", "boot")
    person.read_to("login: ")


def test_nothing_is_left_of_a_lab_that_was_ended(host: Machines) -> None:
    """No namespace, device, mount, group or process; what the guest wrote is on its disk when the lab is up again."""
    host.machine("web")
    person = host.at_shell("web")
    does(person, "echo kept > kept; sync")
    end(host.world)
    assert clean(host), left_behind(host)
    World.create(host.world.path)
    person = host.at_shell("web")
    assert does(person, "cat kept") == "kept\n"


def test_a_lab_whose_folder_is_deleted_is_gone(host: Machines) -> None:
    """Guests, networks and groups go by themselves when somebody deletes the folder of a lab that is up."""
    host.machine("web")
    host.boot("web").end()
    shutil.rmtree(host.world.path, ignore_errors=True)
    wait_for(lambda: not left_behind(host), lambda: left_behind(host))


def test_a_disk_with_nothing_on_it_does_not_boot(host: Machines) -> None:
    """The firmware finds nothing and waits; it hears no power button, but the power can be cut."""
    host.ok("zfs", "create", "-s", "-V", "1G", "rpool/vms/blank")
    disk = "add device; set match=/dev/zvol/rdsk/rpool/vms/blank; end; "
    host.installed("blank", disk + host.attrs(bootdisk="rpool/vms/blank"))
    person = host.sit_down("blank")
    host.ok("zoneadm", "-z", "blank", "boot")
    person.read_to("No bootable option or device was found.")
    host.ok("bhyvectl", "--vm=blank", "--force-poweroff")
    host.wait_state("installed", "blank")


def test_snapshots_clones_and_streams_carry_what_the_guest_wrote(host: Machines) -> None:
    """Going back undoes what was written since, deletions too; clones and received volumes have it."""
    host.machine("web")
    person = host.at_shell("web")
    does(person, "echo first > note; sudo rm /etc/motd; sudo ln note hard; sync")
    host.ok("zoneadm", "-z", "web", "shutdown")
    host.ok("zfs", "snapshot", "rpool/vms/web@first")
    host.ok("zoneadm", "-z", "web", "boot")
    person.read_to("login: ")
    log_in(person)
    does(person, "echo second > note; sync")
    host.ok("zoneadm", "-z", "web", "shutdown")
    script = f"{host.command('zfs')} send rpool/vms/web@first | {host.command('zfs')} receive rpool/vms/sent"
    subprocess.run(["bash", "-o", "pipefail", "-c", script], check=True)
    host.ok("zfs", "rollback", "rpool/vms/web@first")
    person.end()
    host.machine("twin", origin="rpool/vms/web@first")
    host.machine("senttwin", origin="rpool/vms/sent@first")
    for zone in ("web", "twin", "senttwin"):
        person = host.at_shell(zone)
        assert does(person, "cat note") == "first\n"
        assert does(person, "stat -c '%U %h' note") == "startcloud 2\n"
        assert person.ask("test -e /etc/motd; echo $?", "$ ") == "1\n"
        host.ok("zoneadm", "-z", zone, "shutdown")
        person.end()
    volumes = set(os.listdir(f"{host.world.path}/volumes"))
    host.ok("zfs", "destroy", "-R", "rpool/vms")
    gone = volumes - set(os.listdir(f"{host.world.path}/volumes"))
    assert len([name for name in gone if name.endswith(".layer")]) == 6
