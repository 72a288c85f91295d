"""The lab's networks in the kernel: what dladm, ipadm, routeadm and ipnat say holds for real packets."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.labhost.hosts import wait_for
from tests.labhost.zones.conftest import Host

from labhost.ending import end
from labhost.net import real, real_machine, real_plan
from labhost.net.iproute import NetworkError, look
from labhost.world import World


def _missing() -> str:
    if os.name != "posix" or os.geteuid() != 0:
        return "this is not root"
    absent = [name for name in ("ip", "nft", "nsenter", "unshare", "python3") if shutil.which(name) is None]
    return f"there is no program {absent[0]}" if absent else ""


pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(_missing()), reason=f"no real networks: {_missing()}")]
# Nobody listens on this port: whoever is reached says so at once.
KNOCK = """
import socket, sys
line = socket.socket()
line.settimeout(2.5)
line.bind((sys.argv[2], 0))
try:
    line.connect((sys.argv[1], 9))
except ConnectionRefusedError:
    sys.exit(0)
except OSError:
    sys.exit(1)
"""
STUB, GATEWAY = "estub_provision0", "provision_interconnect0"


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Somebody with a card on one of the lab's networks, in a network namespace of its own."""

    process: subprocess.Popen[bytes]

    def run(self, *argv: str) -> subprocess.CompletedProcess[str]:
        words = ["nsenter", f"--net=/proc/{self.process.pid}/ns/net", *argv]
        return subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)

    def can_reach(self, address: str, own: str = "") -> bool:
        return self.run("python3", "-c", KNOCK, address, own).returncode == 0


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    world = World.create(str(tmp_path / "host"), guest="container", reach=False)
    made = Host(world)
    made.ok("dladm", "create-etherstub", STUB)
    made.ok("dladm", "create-vnic", "-l", STUB, GATEWAY)
    made.ok("ipadm", "create-addr", "-T", "static", "-a", "10.190.190.1/24", f"{GATEWAY}/v4")
    yield made
    end(world)


def lend(host: Host, link: str) -> None:
    """Let a zone without a guest have a link."""
    with host.world.lock("zones"):
        state = host.world.read("zones") or {"next_id": 2, "zones": {}}
        zone = {"state": "ready", "zoneid": 1, "volumes": [], "links": [], "pid": os.getpid()}
        state["zones"].setdefault("web", zone)["links"].append(link)
        host.world.write("zones", state)


@pytest.fixture
def neighbour(host: Host) -> Iterator[Callable[..., Neighbour]]:
    """Return what puts somebody on a VNIC, with an address, and with a router if told."""
    own = os.readlink("/proc/self/ns/net")
    made: list[Neighbour] = []

    def settle(vnic: str, address: str, router: str = "") -> Neighbour:
        process = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        one = Neighbour(process)
        made.append(one)
        wait_for(lambda: os.readlink(f"/proc/{process.pid}/ns/net") != own)
        lend(host, vnic)
        real.plug(host.world, vnic, process.pid, "eth0")
        for words in (f"address add {address} dev eth0", "link set eth0 up"):
            assert one.run("ip", *words.split()).returncode == 0
        if router:
            assert one.run("ip", "route", "add", "default", "via", router).returncode == 0
        return one

    yield settle
    for one in made:
        one.process.kill()
        one.process.wait()


def inside(host: Host, *argv: str) -> subprocess.CompletedProcess[str]:
    words = ["nsenter", f"--net={real.place(host.world)}", *argv]
    return subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)


def test_the_devices_are_those_that_dladm_and_ipadm_show(host: Host) -> None:
    """Etherstubs are bridges, a VNIC with an address has its MAC and that address; names too long are cut."""
    devices = look(real.namespace(host.world))
    assert devices["igb0"]["address"] == "00:0c:29:3a:5b:7c"
    vnic = devices[real_plan.device_name(GATEWAY)]
    shown = host.ok("dladm", "show-vnic", "-p", "-o", "macaddress", GATEWAY).strip()
    assert vnic["address"] == real_plan.padded(shown)
    assert [each["local"] for each in vnic["addr_info"]] == ["10.190.190.1"]
    assert devices[real_plan.device_name(STUB)]["linkinfo"]["info_kind"] == "bridge"
    assert all(len(name) <= 15 for name in devices)


def test_what_is_deleted_is_gone_and_what_is_made_again_is_there(host: Host) -> None:
    """The devices follow the commands; a change by hand is put right when the lab is brought up again."""
    host.ok("ipadm", "delete-addr", f"{GATEWAY}/v4")
    host.ok("ipadm", "delete-if", GATEWAY)
    host.ok("dladm", "delete-vnic", GATEWAY)
    host.ok("dladm", "delete-etherstub", STUB)
    assert set(look(real.namespace(host.world))) == {"igb0"}
    host.ok("dladm", "create-etherstub", "stub0")
    assert set(look(real.namespace(host.world))) == {"igb0", "stub0"}
    assert inside(host, "ip", "link", "del", "stub0").returncode == 0
    World.create(host.world.path)
    assert set(look(real.namespace(host.world))) == {"igb0", "stub0"}


def test_a_name_that_somebody_took_is_taken_back(host: Host, neighbour: Callable[..., Neighbour]) -> None:
    """A device of another kind in the place of a bridge or of a guest's port goes as soon as a guest needs the place."""
    host.ok("dladm", "create-vnic", "-l", STUB, "web0")
    bridge = real_plan.device_name(STUB)
    assert inside(host, "ip", "link", "del", bridge).returncode == 0
    for name, stray in ((bridge, "stray0"), ("web0", "stray1")):
        assert inside(host, "ip", "link", "add", name, "type", "veth", "peer", "name", stray).returncode == 0
    web = neighbour("web0", "10.190.190.10/24")
    devices = look(real.namespace(host.world))
    assert devices[bridge]["linkinfo"]["info_kind"] == "bridge"
    assert not {"stray0", "stray1"} & set(devices)
    assert web.can_reach("10.190.190.1")


def test_a_cables_name_that_is_taken_is_said(host: Host, neighbour: Callable[..., Neighbour]) -> None:
    """What the machine has under that name stays; with the name free again the lab is joined to the machine."""
    device = f"lab-{real.namespace(host.world).rpartition('-')[2]}"
    subprocess.run(["ip", "link", "add", device, "type", "veth", "peer", "name", f"{device}x"], check=True)
    host.ok("dladm", "create-vnic", "-l", STUB, "web0")
    try:
        host.world.configure(reach=True)
        with pytest.raises(NetworkError, match=f"{device} is taken"):
            real.plug(host.world, "web0", os.getpid(), "lab-card")
        assert os.path.exists(f"/sys/class/net/{device}x")
    finally:
        subprocess.run(["ip", "link", "del", device], check=True)
    web = neighbour("web0", "10.190.190.10/24")
    assert web.can_reach("10.190.190.1")
    assert real_machine.CABLE in look(real.namespace(host.world))


def test_a_vnic_keeps_to_its_vlan(host: Host, neighbour: Callable[..., Neighbour]) -> None:
    """Two VNICs of one VLAN meet, one of another VLAN or of none meets neither."""
    for name, vid in (("a0", 5), ("b0", 5), ("c0", 6), ("d0", 0)):
        words = ["-v", str(vid)] if vid else []
        host.ok("dladm", "create-vnic", "-l", STUB, *words, name)
    one, same, other, plain = (neighbour(f"{name}0", f"10.190.190.1{n}/24") for n, name in enumerate("abcd", 1))
    assert one.can_reach("10.190.190.12")
    assert same.can_reach("10.190.190.11")
    assert not other.can_reach("10.190.190.11")
    assert not plain.can_reach("10.190.190.11")
    assert plain.can_reach("10.190.190.1")


def test_a_bridge_joins_its_members(host: Host, neighbour: Callable[..., Neighbour]) -> None:
    """Two etherstubs are one network while a bridge has both, and two again when it lets one go."""
    host.ok("dladm", "create-etherstub", "other0")
    host.ok("dladm", "create-vnic", "-l", STUB, "a0")
    host.ok("dladm", "create-vnic", "-l", "other0", "b0")
    one = neighbour("a0", "10.190.190.11/24")
    neighbour("b0", "10.190.190.12/24")
    assert not one.can_reach("10.190.190.12")
    host.ok("dladm", "create-bridge", "-l", STUB, "-l", "other0", "join")
    assert one.can_reach("10.190.190.12")
    host.ok("dladm", "remove-bridge", "-l", "other0", "join")
    assert not one.can_reach("10.190.190.12")


def test_packets_go_out_under_the_hosts_address_when_it_forwards_and_translates(
    host: Host, neighbour: Callable[..., Neighbour]
) -> None:
    """Without forwarding nothing leaves the etherstub; with it and a map rule the outside sees the host's address."""
    for name, over in (("a0", STUB), ("out0", "igb0")):
        host.ok("dladm", "create-vnic", "-l", over, name)
    inner = neighbour("a0", "10.190.190.11/24", "10.190.190.1")
    outer = neighbour("out0", "192.0.2.20/24")
    host.file("/etc/ipf").mkdir(parents=True, exist_ok=True)
    host.file("/etc/ipf/ipnat.conf").write_text(
        "map igb0 10.190.190.0/24 -> 0/32 portmap tcp/udp auto\nmap igb0 10.190.190.0/24 -> 0/32\n"
        "rdr igb0 192.0.2.10/32 port 2222 -> 10.190.190.11 port 22 tcp\n"
    )
    host.ok("svcadm", "enable", "-s", "ipfilter")
    assert not inner.can_reach("192.0.2.20")
    host.ok("routeadm", "-e", "ipv4-forwarding", "-u")
    assert inner.can_reach("192.0.2.20")
    script = "import socket; s=socket.create_server(('', {0})); print(flush=True); print(s.accept()[1][0])"
    connect = "import socket,sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)"
    for server, port, client, goal, seen in (
        (outer, 80, inner, ("192.0.2.20", "80"), "192.0.2.10"),
        (inner, 22, outer, ("192.0.2.10", "2222"), "192.0.2.20"),
    ):
        words = ["nsenter", f"--net=/proc/{server.process.pid}/ns/net", "python3", "-c", script.format(port)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as listening:
            assert listening.stdout is not None
            listening.stdout.readline()
            assert client.run("python3", "-c", connect, *goal).returncode == 0
            assert listening.stdout.readline().strip() == seen
    host.ok("routeadm", "-d", "ipv4-forwarding", "-u")
    assert not inner.can_reach("192.0.2.20")


def test_a_protected_zone_has_its_allowed_address_only(host: Host, neighbour: Callable[..., Neighbour]) -> None:
    """With ip-nospoof what a guest sends from another address arrives nowhere, from the allowed one it does."""
    host.ok("dladm", "create-vnic", "-l", STUB, "a0")
    host.ok("dladm", "set-linkprop", "-p", "protection=ip-nospoof,allowed-ips=10.190.190.11", "a0")
    guest = neighbour("a0", "10.190.190.11/24")
    assert guest.run("ip", "address", "add", "10.190.190.99/24", "dev", "eth0").returncode == 0
    assert guest.can_reach("10.190.190.1")
    assert not guest.can_reach("10.190.190.1", "10.190.190.99")


def test_the_machine_reaches_the_hosts_networks_and_no_guest_gets_out(
    host: Host, neighbour: Callable[..., Neighbour], tmp_path: Path
) -> None:
    """One cable with routes to the networks the host is in; a guest without a router answers, and reaches nothing."""
    host.ok("dladm", "create-vnic", "-l", STUB, "a0")
    guest = neighbour("a0", "10.190.190.11/24", "10.190.190.1")
    bare = f"lab-outside-{os.getpid()}"
    outside = ["nsenter", f"--net=/run/netns/{bare}"]
    subprocess.run(["ip", "netns", "add", bare], check=True)
    try:
        subprocess.run([*outside, "ip", "link", "set", "lo", "up"], check=True)
        subprocess.run([*outside, "ip", "address", "add", "198.51.100.1/32", "dev", "lo"], check=True)
        host.world.configure(reach=True)
        subprocess.run([*outside, host.command("dladm"), "create-etherstub", "new0"], check=True)
        knock = [*outside, "python3", "-c", KNOCK]
        for address in ("10.190.190.1", "10.190.190.11"):
            subprocess.run([*knock, address, ""], check=True)
        assert guest.run("ip", "route", "del", "default").returncode == 0
        subprocess.run([*knock, "10.190.190.11", ""], check=True)
        assert guest.run("ip", "route", "add", "default", "via", "10.190.190.1").returncode == 0
        assert not guest.can_reach("198.51.100.1")
        host.world.configure(reach=False)
        subprocess.run([*outside, host.command("dladm"), "delete-etherstub", "new0"], check=True)
        assert subprocess.run([*knock, "10.190.190.1", ""], check=False).returncode != 0
    finally:
        subprocess.run(["ip", "netns", "del", bare], check=True)


def test_the_namespace_of_a_deleted_lab_is_swept_away(host: Host, tmp_path: Path) -> None:
    """Bringing up any lab removes what a lab has left whose folder somebody deleted, and nothing of one that is there."""
    other = World.create(str(tmp_path / "other"), guest="container", reach=False)
    place = real.place(other)
    shutil.rmtree(other.path)
    assert os.path.exists(place)
    World.create(host.world.path)
    assert not os.path.exists(place)
    assert os.path.exists(real.place(host.world))
