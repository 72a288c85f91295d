"""The bhyve brand: what boots, what falls back, what is left behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.labhost.zones.conftest import Host, wait_for

from labhost.evidence import difference, evidence
from labhost.zones import boot, lifecycle, states

NET = "add net; set physical=web0; set global-nic=igb0; end; "


def disk(host: Host, name: str = "rpool/zones/web/root") -> str:
    """Make a volume and return the commands that make it the boot disk."""
    host.ok("zfs", "create", "-p", "-s", "-V", "1G", name)
    return f"add device; set match=/dev/zvol/rdsk/{name}; end; " + host.attrs(bootdisk=name)


@pytest.mark.parametrize(
    ("attrs", "words", "status"),
    [
        ({"ram": "banana"}, "invalid memsize 'banana'", 64),
        ({"vcpus": "0"}, "invalid cpu topology", 4),
        ({"vcpus": "2,sockets=2,cores=2"}, "invalid cpu topology", 4),
        ({"vcpus": "64"}, "exceeds the maximum of 32", 4),
        ({"bootdisk": "rpool/missing"}, "/dev/zvol/rdsk/rpool/missing: No such file or directory", 4),
        ({"disk3": "rpool/zones/web/root,serial=x"}, "No such file or directory", 4),
        ({"diskif": "floppy", "bootdisk": "rpool/none"}, "'floppy' is not known", 4),
    ],
)
def test_a_boot_that_exits_0_and_then_falls_back(host: Host, attrs: dict[str, str], words: str, status: int) -> None:
    """bhyve dies a moment after a good boot: the zone runs, then is installed, and only init.log says why."""
    host.installed("web", host.attrs(**attrs))
    host.ok("zfs", "create", "-s", "-V", "1G", "rpool/zones/web/root")
    host.ok("zoneadm", "-z", "web", "boot")
    host.wait_state("installed")
    assert words in host.file("/rpool/zones/web/root/tmp/init.log").read_text()
    assert host.file("/rpool/zones/web/lastexited").read_text().split()[1] == str(status)
    assert f"status {status}" in host.file("/rpool/zones/web/log/zone.log").read_text()


@pytest.mark.parametrize(
    ("attrs", "text"),
    [
        ({"rng": "maybe"}, "Invalid value maybe for boolean variable rng"),
        ({"bootrom": "NOTHING"}, "bootrom NOTHING not found."),
        ({"disk16": "rpool/x"}, "disk16 slot out of range"),
        ({"disk1": "rpool/x", "disk01": "rpool/y"}, "disk1 appears more than once in configuration"),
        ({"cloud-init": "/no/such/file"}, "cloud-init file /no/such/file not found."),
    ],
)
def test_a_boot_the_hook_refuses(host: Host, attrs: dict[str, str], text: str) -> None:
    """The hook's line reaches the caller, the zone is back in installed, and its VNIC is gone again."""
    host.installed("web", NET + host.attrs(**attrs))
    said = host.refused("zoneadm", "-z", "web", "boot")
    assert said == f"{text}\nzoneadm: zone 'web': call to zoneadmd failed\n"
    assert host.state() == "installed"
    assert "web0" not in host.ok("dladm", "show-vnic", "-p", "-o", "LINK")


def test_a_volume_of_a_running_zone_is_busy(host: Host) -> None:
    """The boot disk cannot be destroyed under the guest; after a halt it can."""
    host.installed()
    host.ok("zonecfg", "-z", "web", disk(host))
    host.ok("zoneadm", "-z", "web", "boot")
    assert "dataset is busy" in host.refused("zfs", "destroy", "rpool/zones/web/root")
    assert (
        "pci.0.4.0.path=/dev/zvol/rdsk/rpool/zones/web/root\n"
        in host.file("/rpool/zones/web/root/etc/bhyve.cfg").read_text()
    )
    host.ok("zoneadm", "-z", "web", "halt")
    host.ok("zfs", "destroy", "rpool/zones/web/root")


def test_a_device_match_may_be_a_pattern(host: Host) -> None:
    """A disk is found through a device resource with a wildcard."""
    host.installed()
    disk(host)
    host.ok("zonecfg", "-z", "web", "add device; set match=/dev/zvol/rdsk/rpool/zones/*; end")
    host.ok("zonecfg", "-z", "web", host.attrs(bootdisk="rpool/zones/web/root"))
    host.ok("zoneadm", "-z", "web", "boot")
    assert host.world.read("zones")["zones"]["web"]["volumes"] == ["rpool/zones/web/root"]


def test_a_vnic_on_demand_lives_as_long_as_the_zone(host: Host) -> None:
    """Made at boot with the VLAN asked for, its MAC written into the configuration, lent to the zone, deleted at halt."""
    host.booted("web", "add net; set physical=web0; set global-nic=igb0; set vlan-id=7; end")
    line = host.ok("dladm", "show-vnic", "-p", "-o", "LINK,OVER,VID,ZONE,MACADDRESS").strip()
    mac = line.split(":", 4)[4].replace("\\:", ":")
    assert line.startswith("web0:igb0:7:web:")
    assert f"mac-addr: {mac}\n" in host.ok("zonecfg", "-z", "web", "info net")
    assert "link busy" in host.refused("dladm", "delete-vnic", "web0")
    host.ok("zoneadm", "-z", "web", "halt")
    assert host.ok("dladm", "show-vnic", "-p", "-o", "LINK") == ""
    host.ok("zoneadm", "-z", "web", "boot")
    assert host.ok("dladm", "show-vnic", "-p", "-o", "MACADDRESS").strip() == mac


def test_a_net_removed_while_running_leaks_its_vnic(host: Host) -> None:
    """Halt deletes what the configuration names then, not what was booted."""
    host.booted("web", NET)
    host.ok("zonecfg", "-z", "web", "remove net physical=web0")
    host.ok("zoneadm", "-z", "web", "halt")
    assert host.ok("dladm", "show-vnic", "-p", "-o", "LINK") == "web0\n"


def test_a_premade_vnic_is_taken_as_it_is_and_deleted_if_global_nic_is_added(host: Host) -> None:
    """Without global-nic a VNIC stays at halt; with one added meanwhile it goes."""
    host.ok("dladm", "create-vnic", "-l", "igb0", "web0")
    host.booted("web", "add net; set physical=web0; end")
    host.ok("zoneadm", "-z", "web", "halt")
    assert host.ok("dladm", "show-vnic", "-p", "-o", "LINK") == "web0\n"
    host.ok("zoneadm", "-z", "web", "boot")
    host.ok("zonecfg", "-z", "web", "select net physical=web0; set global-nic=igb0; end")
    host.ok("zoneadm", "-z", "web", "halt")
    assert host.ok("dladm", "show-vnic", "-p", "-o", "LINK") == ""


def test_links_that_cannot_be_lent_fail_the_boot(host: Host) -> None:
    """A missing VNIC, one of another zone, and one plumbed in the global zone each end the boot in installed."""
    host.installed("web", "add net; set physical=web0; end")
    assert host.refused("zoneadm", "-z", "web", "boot") == (
        "zone 'web': failed to add network device: No such device or address\n"
        "zoneadm: zone 'web': call to zoneadmd failed\n"
    )
    host.ok("dladm", "create-vnic", "-l", "igb0", "web0")
    host.booted("other", "add net; set physical=web0; end")
    said = host.refused("zoneadm", "-z", "web", "boot")
    assert said.startswith("zone 'web': WARNING: unable to add network interface 'web0': ")
    assert host.state() == "installed"
    assert host.state("other") == "running"
    host.ok("zoneadm", "-z", "other", "halt")
    host.ok("ipadm", "create-if", "web0")
    said = host.refused("zoneadm", "-z", "web", "boot")
    assert "WARNING: skipping network interface 'web0' which is used in the global zone\n" in said


def test_an_allowed_address_protects_the_link_only_while_running(host: Host) -> None:
    """ip-nospoof and allowed-ips are on the link from boot to halt; a preset protection fails the boot."""
    host.ok("dladm", "create-vnic", "-l", "igb0", "web0")
    host.booted("web", "add net; set physical=web0; set allowed-address=10.0.0.5/24; end")
    props = host.world.read("links")["links"]["web0"]["props"]
    assert (props["protection"], props["allowed-ips"]) == ("ip-nospoof", "10.0.0.5")
    host.ok("zoneadm", "-z", "web", "halt")
    assert host.world.read("links")["links"]["web0"]["props"] == {}
    host.ok("dladm", "set-linkprop", "-p", "protection=mac-nospoof", "web0")
    assert "zone 'web': Protection is already set\n" in host.refused("zoneadm", "-z", "web", "boot")


def test_a_preset_list_of_addresses_fails_the_boot(host: Host) -> None:
    """allowed-ips is the zone's to set; one that is there already fails the boot and stays."""
    host.ok("dladm", "create-vnic", "-l", "igb0", "web0")
    host.ok("dladm", "set-linkprop", "-p", "allowed-ips=10.0.0.9", "web0")
    host.installed("web", "add net; set physical=web0; set allowed-address=10.0.0.5/24; end")
    said = host.refused("zoneadm", "-z", "web", "boot")
    assert said.startswith("zone 'web': allowed-ips is already set\nzone 'web': failed to add address: ")
    assert host.state() == "installed"
    assert host.world.read("links")["links"]["web0"]["props"] == {"allowed-ips": "10.0.0.9"}


def test_a_vnic_that_is_there_is_taken_as_it_is(host: Host) -> None:
    """With a global-nic too: it stays over its own link, its MAC is not written down, and it goes at halt."""
    host.ok("dladm", "create-etherstub", "stub0")
    host.ok("dladm", "create-vnic", "-l", "stub0", "-v", "9", "web0")
    host.booted("web", NET)
    assert host.ok("dladm", "show-vnic", "-p", "-o", "LINK,OVER,VID") == "web0:stub0:9\n"
    assert "mac-addr not specified\n" in host.ok("zonecfg", "-z", "web", "info net")
    host.ok("zoneadm", "-z", "web", "halt")
    assert host.ok("dladm", "show-vnic", "-p", "-o", "LINK") == ""


def test_vlan_0_is_none_and_a_mac_is_kept(host: Host) -> None:
    """A VLAN of 0 makes a plain VNIC; a MAC that is given is the VNIC's and stays as it was written."""
    host.booted(
        "web",
        "add net; set physical=web0; set global-nic=igb0; set vlan-id=0; set mac-addr=02:08:20:00:0A:01; end",
    )
    assert host.ok("dladm", "show-vnic", "-p", "-o", "VID,MACADDRESS") == "0:2\\:8\\:20\\:0\\:a\\:1\n"
    assert "mac-addr: 02:08:20:00:0A:01\n" in host.ok("zonecfg", "-z", "web", "info net")


@pytest.mark.parametrize(
    ("address", "over"), [("192.0.2.77/24", "igb0"), ("10.9.9.9/24", "stub9"), ("203.0.113.9/24", "igb0")]
)
def test_global_nic_auto_follows_the_routes(host: Host, address: str, over: str) -> None:
    """The link is the one that the host's own network or its routes lead through, the default route last."""
    host.ok("dladm", "create-etherstub", "stub9")
    host.ok("ipadm", "create-addr", "-T", "static", "-a", "172.16.0.1/24", "stub9/v4")
    host.ok("route", "-p", "add", "10.9.0.0/16", "172.16.0.254")
    host.booted("web", f"add net; set physical=web0; set global-nic=auto; set allowed-address={address}; end")
    assert host.ok("dladm", "show-vnic", "-p", "-o", "OVER", "web0") == f"{over}\n"


def test_global_nic_auto_without_a_route(host: Host) -> None:
    """Where no route leads there is no link."""
    host.ok("route", "-p", "delete", "default", "192.0.2.1")
    host.installed("web", "add net; set physical=web0; set global-nic=auto; set allowed-address=10.0.0.5/24; end")
    said = host.refused("zoneadm", "-z", "web", "boot")
    assert said.startswith("Could not determine global-nic for web0\n")
    assert host.state() == "installed"


def test_global_nic_auto_needs_an_address(host: Host) -> None:
    """Without allowed-address there is nothing to look a route up for."""
    host.installed("web", "add net; set physical=web0; set global-nic=auto; end")
    assert host.refused("zoneadm", "-z", "web", "boot").startswith(
        "Cannot use 'auto' global NIC without allowed-address.\n"
    )


def test_a_running_zone_keeps_the_configuration_it_booted_with(host: Host) -> None:
    """An edit changes the file only; a reset of the guest changes nothing, halt and boot take the edit."""
    host.booted("web", host.attrs(ram="2G"))
    host.ok("zonecfg", "-z", "web", "select attr name=ram; set value=4G; end")
    cfg = host.file("/rpool/zones/web/root/etc/bhyve.cfg")
    assert 'value="2G"' in host.file("/var/run/zones/web.snapshot.xml").read_text()
    host.ok("bhyvectl", "--vm=web", "--force-reset")
    assert host.row("web")[:3] == ["1", "web", "running"]
    assert "memory.size=2G\n" in cfg.read_text()
    host.ok("zoneadm", "-z", "web", "reboot")
    assert "memory.size=4G\n" in cfg.read_text()
    host.ok("zoneadm", "-z", "web", "halt")
    assert not host.file("/var/run/zones/web.snapshot.xml").exists()


def test_a_deaf_guest_holds_up_shutdown_and_halt(host: Host) -> None:
    """shutdown gives up with exit 1 and the guest runs on; a forced power-off ends it at once."""
    host.world.configure(deaf=["web"], time_scale=0.003)
    host.booted()
    begun = time.monotonic()
    assert host.refused("zoneadm", "-z", "web", "shutdown") == (
        "zone 'web': unable to shutdown zone\nzoneadm: zone 'web': call to zoneadmd failed\n"
    )
    assert time.monotonic() - begun >= 100 * 0.003
    assert host.state() == "running"
    host.ok("bhyvectl", "--vm=web", "--inject-nmi")
    assert host.state() == "running"
    host.ok("bhyvectl", "--vm=web", "--force-poweroff")
    host.wait_state("installed")
    assert host.file("/rpool/zones/web/lastexited").read_text().split()[1] == "1"
    assert host.refused("bhyvectl", "--vm=web", "--force-poweroff") == "VM:web is not created.\n"


def test_halt_takes_a_deaf_guest_away_in_the_end(host: Host) -> None:
    """After half an hour of the books halt wins, and the exit is recorded as administrative."""
    host.world.configure(deaf=["*"], time_scale=0.0003)
    host.booted()
    begun = time.monotonic()
    host.ok("zoneadm", "-z", "web", "halt")
    assert time.monotonic() - begun >= 1800 * 0.0003
    assert host.state() == "installed"
    assert host.file("/rpool/zones/web/lastexited").read_text().split()[1] == "-1"


def test_a_guest_killed_from_outside_leaves_an_installed_zone(host: Host) -> None:
    """Whoever looks next finds the zone halted, its VNIC deleted and its volumes free."""
    host.booted("web", NET)
    os.kill(host.world.read("zones")["zones"]["web"]["pid"], signal.SIGKILL)
    host.wait_state("installed")
    assert host.ok("dladm", "show-vnic", "-p", "-o", "LINK") == ""
    assert host.world.read("zones")["zones"] == {}


def test_a_guest_outlives_the_command_that_booted_it(host: Host) -> None:
    """It has a session of its own and none of the command's files."""
    host.booted()
    pid = host.world.read("zones")["zones"]["web"]["pid"]
    assert os.getsid(pid) != os.getsid(0)
    wait_for(lambda: all(Path(f"/proc/{pid}/fd/{n}").readlink() == Path("/dev/null") for n in (0, 1, 2)))


def test_vnc_is_there_only_while_the_zone_runs(host: Host) -> None:
    """A UNIX socket that speaks RFB, gone at halt; without the attr there is none."""
    host.booted("web", host.attrs(vnc="on"))
    place = host.file("/rpool/zones/web/root/tmp/vm.vnc")
    assert place.is_socket()
    folder = os.open(place.parent, os.O_RDONLY)
    viewer = socket.socket(socket.AF_UNIX)
    viewer.settimeout(10)
    viewer.connect(f"/proc/self/fd/{folder}/vm.vnc")
    os.close(folder)
    assert viewer.recv(12) == b"RFB 003.008\n"
    viewer.sendall(b"RFB 003.008\n")
    assert viewer.recv(2) == b"\x01\x01"
    viewer.sendall(b"\x01")
    assert viewer.recv(4) == bytes(4)
    viewer.sendall(b"\x01")
    assert viewer.recv(4) == b"\x02\x80\x01\xe0"
    viewer.close()
    host.ok("zoneadm", "-z", "web", "halt")
    assert not place.exists()
    host.ok("zonecfg", "-z", "web", "remove attr name=vnc")
    host.ok("zoneadm", "-z", "web", "boot")
    assert not place.exists()


def test_ten_may_look_at_once(host: Host) -> None:
    """Ten viewers are served side by side; an eleventh is turned away."""
    host.booted("web", host.attrs(vnc="on"))
    folder = os.open(host.file("/rpool/zones/web/root/tmp"), os.O_RDONLY)
    viewers = [socket.socket(socket.AF_UNIX) for _ in range(11)]
    greetings = []
    for viewer in viewers:
        viewer.settimeout(20)
        viewer.connect(f"/proc/self/fd/{folder}/vm.vnc")
        greetings.append(viewer.recv(12))
    os.close(folder)
    for viewer in viewers:
        viewer.close()
    assert greetings == [b"RFB 003.008\n"] * 10 + [b""]


def test_the_buttons_need_privilege(host: Host) -> None:
    """bhyvectl says in its own words that the guest is out of reach, and presses nothing."""
    host.booted()
    host.world.configure(euid=1000)
    assert host.refused("bhyvectl", "--vm=web", "--force-poweroff") == "vm_open: web: Permission denied\n"
    assert host.run("bhyvectl", "--force-poweroff").code == 64
    assert host.state() == "running"


def test_cloud_init_files_are_made_at_each_boot_for_the_same_instance(host: Host) -> None:
    """meta-data, user-data and network-config follow the configuration; the instance id stays the zone's uuid."""
    host.file("/tmp/key").write_text("ssh-ed25519 AAAA me\n")
    host.installed(
        "web",
        "add net; set physical=web0; set global-nic=igb0; set mac-addr=2:8:20:a:b:c; "
        "set allowed-address=10.0.0.5/24; set defrouter=10.0.0.1; end; "
        + host.attrs(
            cloud_init="on",
            password="s3cret: #1",
            sshkey="/tmp/key",
            dns_domain="example.com",
            resolvers="1.1.1.1,8.8.8.8",
        ),
    )
    host.ok("zoneadm", "-z", "web", "boot")
    folder = host.file("/rpool/zones/web/root/cloud-init")
    uuid = host.row("web")[4]
    assert (folder / "meta-data").read_text() == f"instance-id: {uuid}\nlocal-hostname: web\n"
    user = (folder / "user-data").read_text()
    assert user.startswith("#cloud-config\n")
    assert f"password: {json.dumps('s3cret: #1')}\n" in user
    assert '- "ssh-ed25519 AAAA me"\n' in user
    net = (folder / "network-config").read_text()
    assert 'macaddress: "02:08:20:0a:0b:0c"\n' in net
    assert "    - 10.0.0.5/24\n" in net
    assert "via: 10.0.0.1\n" in net
    assert "      - 8.8.8.8\n" in net
    image = host.file("/rpool/zones/web/root/cloud-init.iso").read_bytes()
    assert image[0x8001:0x8006] == b"CD001"
    assert image[0x8028:0x802E] == b"CIDATA"
    assert user.encode() in image
    host.ok(
        "zonecfg",
        "-z",
        "web",
        "remove attr name=password; select net physical=web0; clear allowed-address; clear defrouter; end",
    )
    host.ok("zoneadm", "-z", "web", "reboot")
    assert "password" not in (folder / "user-data").read_text()
    assert not (folder / "network-config").exists()
    assert (folder / "meta-data").read_text() == f"instance-id: {uuid}\nlocal-hostname: web\n"
    host.ok("zonecfg", "-z", "web", "select attr name=cloud-init; set value=off; end")
    host.ok("zoneadm", "-z", "web", "reboot")
    assert not folder.exists()


@pytest.mark.parametrize(
    ("value", "serial"),
    [
        ("off", "{uuid}"), ("on", "ds=nocloud;i={uuid}"),
        ("http://10.0.0.1/seed/", "ds=nocloud-net;s=http://10.0.0.1/seed/;i={uuid}"),
    ],
)  # fmt: skip
def test_the_serial_number_tells_where_the_data_is(host: Host, value: str, serial: str) -> None:
    """Off it is the uuid alone, on it says that there is a disk, and a URL is passed on without one."""
    host.booted("web", host.attrs(cloud_init=value))
    cfg = host.file("/rpool/zones/web/root/etc/bhyve.cfg").read_text()
    assert f"system.serial_number={serial.format(uuid=host.row('web')[4])}\n" in cfg
    assert host.file("/rpool/zones/web/root/cloud-init.iso").exists() == (value == "on")
    assert ("pci.0.29.0.path" in cfg) == (value == "on")


def test_a_file_of_user_data_is_taken_whole(host: Host) -> None:
    """With a file, password and sshkey are ignored; resolvers are only for the first card."""
    host.file("/tmp/user-data").write_text("#cloud-config\nmine: true\n")
    nets = "".join(
        f"add net; set physical=web{n}; set global-nic=igb0; set allowed-address=10.0.{n}.5/24; end; " for n in (0, 1)
    )
    host.booted("web", nets + host.attrs(cloud_init="/tmp/user-data", password="x", sshkey="y", resolvers="1.1.1.1"))
    folder = host.file("/rpool/zones/web/root/cloud-init")
    assert (folder / "user-data").read_text() == "#cloud-config\nmine: true\n"
    net = (folder / "network-config").read_text()
    assert net.count("nameservers:") == 1
    assert net.index("web0:") < net.index("nameservers:") < net.index("web1:")


def test_without_an_allowed_address_resolvers_are_not_passed(host: Host) -> None:
    """A guest of DHCP gets no network-config, and so no resolvers."""
    host.booted("web", NET + host.attrs(cloud_init="on", resolvers="1.1.1.1", dns_domain="example.com"))
    folder = host.file("/rpool/zones/web/root/cloud-init")
    assert sorted(path.name for path in folder.iterdir()) == ["meta-data", "user-data"]
    assert not any("1.1.1.1" in path.read_text() for path in folder.iterdir())


def test_bootnext_is_for_one_boot(host: Host) -> None:
    """The boot program takes the attribute out of the configuration."""
    host.booted("web", host.attrs(bootnext="cdrom0"))
    assert host.run("zonecfg", "-z", "web", "info attr name=bootnext").out == "No such attr resource.\n"


def test_ending_the_lab_ends_its_guests(host: Host) -> None:
    """A loss of power leaves no active zone and no process."""
    host.booted("web")
    host.booted("db")
    pids = [zone["pid"] for zone in host.world.read("zones")["zones"].values()]
    assert sorted(lifecycle.end_all(host.world)) == ["db", "web"]
    wait_for(lambda: not any(states.alive(pid) for pid in pids))
    assert host.world.read("zones")["zones"] == {}


def test_a_boot_killed_half_way_leaves_an_installed_zone(host: Host) -> None:
    """When the booting command dies between ready and the guest's start, whoever looks next finds the zone halted."""
    host.installed("web", NET)
    half = (
        f"import sys; sys.path.insert(0, {str(Path(boot.__file__).parents[2])!r})\n"
        "from labhost.world import World; from labhost.zones import boot\n"
        f"boot.ready(World({host.world.path!r}), 'web')\n"
    )
    subprocess.run([sys.executable, "-IS", "-c", half], check=True)
    assert host.state() == "installed"
    assert host.ok("dladm", "show-vnic", "-p", "-o", "LINK") == ""
    host.ok("zoneadm", "-z", "web", "boot")
    assert host.row("web")[:3] == ["2", "web", "running"]


def test_who_looked_before_a_boot_was_done_does_not_end_it(host: Host) -> None:
    """The booting command is found dead only because it is done: the zone is its guest's by then, and lives on."""
    host.booted()
    lifecycle.ended(host.world, "web", 1, lifecycle.ADMINISTRATIVE, owner=999999999)
    assert host.row("web")[:3] == ["1", "web", "running"]


def test_zones_live_side_by_side(host: Host) -> None:
    """Six whole lives at once end where they began: no zone, dataset, link or guest is left."""
    before = evidence(host.world)

    def live(number: int) -> None:
        name = f"zone{number}"
        net = f"add net; set physical=z{number}v0; set global-nic=igb0; end; "
        host.booted(name, net + host.attrs(vnc="on", cloud_init="on"))
        host.ok("zoneadm", "-z", name, "reboot")
        host.ok("zoneadm", "-z", name, "shutdown")
        host.ok("zoneadm", "-z", name, "uninstall", "-F")
        host.ok("zonecfg", "-z", name, "delete", "-F")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(live, range(6)))
    assert difference(before, evidence(host.world)) == []
