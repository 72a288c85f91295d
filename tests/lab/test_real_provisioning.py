"""The three scenarios of the document, on guests that are real: from a clone of a template to a configured server."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import io
import itertools
import json
import os
import re
import tarfile
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from tests.lab import worlds
from tests.lab.agents import TERMINAL, Lab, wait_for
from tests.lab.judging import journal
from tests.lab.test_configuration import uploaded
from tests.lab.test_secrets import everything, mentions
from tests.lab.test_secrets import files as kept
from tests.lab.zygote import Zygote
from tests.labhost.guests import virtual
from tests.labhost.guests.machines import TEMPLATE, Machines, founded, missing

from labhost import faults
from labhost.templates import recipe
from labhost.templates.cache import Template
from labhost.templates.placing import put

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(missing()), reason=f"no containers: {missing()}")]

SECONDS = 180.0
nets = itertools.count(4 * os.getpid())
STRIDE = int(os.environ.get("GUEST_STRIDE", "5"))
"""From one command at which the agent dies to the next; 1 takes ten minutes."""
OMNIOS = Path(__file__).parent / "omnios"
USUAL_KEY = "/etc/zoneweaver-agent/ssh/provision_key"
DEBIAN = {"username": "startcloud", "password": "STARTcloud24@!", "ssh_key_path": USUAL_KEY}
PLAYBOOK = """\
- hosts: all
  become: true
  gather_facts: false
  tasks:
    - name: the message of the day
      ansible.builtin.copy:
        content: "{{ hostname }}.{{ domain }}\\n"
        dest: /etc/motd
        mode: "0644"
    - name: the role of a collection
      ansible.builtin.include_role:
        name: startcloud.startcloud_roles.mark
"""
ROLE = """\
- name: mark
  ansible.builtin.copy:
    content: "marked\\n"
    dest: /etc/marked
    mode: "0644"
"""


def collection() -> bytes:
    """A collection as `ansible-galaxy collection build` packs it, with one role."""
    files = {"roles/mark/tasks/main.yml": ROLE.encode()}
    listed = [
        {"name": ".", "ftype": "dir", "chksum_type": None, "chksum_sha256": None, "format": 1},
        *(
            {"name": name, "ftype": "file", "chksum_type": "sha256", "chksum_sha256": hashlib.sha256(data).hexdigest(), "format": 1}
            for name, data in files.items()
        ),
    ]  # fmt: skip
    index = json.dumps({"files": listed, "format": 1}).encode()
    manifest = {
        "collection_info": {
            "namespace": "startcloud", "name": "startcloud_roles", "version": "1.0.0", "authors": ["a"], "readme": "README.md",
            "tags": [], "description": None, "license": [], "license_file": None, "dependencies": {}, "repository": None,
            "documentation": None, "homepage": None, "issues": None,
        },
        "file_manifest_file": {
            "name": "FILES.json", "ftype": "file", "chksum_type": "sha256", "format": 1,
            "chksum_sha256": hashlib.sha256(index).hexdigest(),
        },
        "format": 1,
    }  # fmt: skip
    return gzipped(**{"MANIFEST.json": json.dumps(manifest).encode(), "FILES.json": index, **files})


def gzipped(**files: bytes) -> bytes:
    """A tar.gz."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


@dataclass
class Site:
    """An agent, a host with a provisioning network, and its real guests."""

    lab: Lab
    machines: Machines
    net: str
    """The first three numbers of its network."""

    def create(self, name: str, *, template: str = TEMPLATE, nic: Any = None, **more: Any) -> None:
        """Create a zone from a template, with a card on the provisioning network."""
        self.lab.close_connection()  # one that nobody spoke on while a machine was provisioned is closed by now
        card = {"physical": f"{name.replace('-', '_')}_0", "global_nic": "estub_provision0", **(nic or {})}
        source = {"type": "template", "template_dataset": template, "clone_strategy": "clone"}
        body = {"name": name, "brand": "bhyve", "ram": "512M", "source": source, "nics": [card], **more}
        self.lab.do("POST", "/zones", body)

    def configure(self, name: str, *, files: Mapping[str, bytes] | None = None, **configuration: Any) -> None:
        """Say how a zone is provisioned, with an artifact of these files."""
        if files is not None:
            configuration["artifact_id"] = uploaded(self.lab, gzipped(**files), "site.tar.gz")
        answer = self.lab.ask("PUT", f"/zones/{name}", {"provisioning": configuration})
        assert answer.status == 200, answer

    def variables(self, address: int) -> dict[str, Any]:
        """What a recipe for a static address wants to know."""
        return {"ip": f"{self.net}.{address}", "prefix": 24, "gateway": f"{self.net}.1", "dns": "8.8.8.8"}

    def begin(self, name: str, query: str = "") -> str:
        """Ask for the pipeline and return its task's id."""
        answer = self.lab.post(f"/zones/{name}/provision{query}", None)
        assert answer.status == 202, answer
        return str(answer.body["task_id"])

    def status(self, name: str) -> dict[str, Any]:
        """How far it is."""
        return dict(self.lab.get(f"/zones/{name}/provision/status"))

    def done(self, name: str, query: str = "", *, seconds: float = SECONDS) -> dict[str, Any]:
        """Run the pipeline, which must end well, and return its status."""
        self.lab.wait(self.begin(name, query), seconds=seconds)
        status = self.status(name)
        assert status["status"] == "completed", self.told(status)
        return status

    def told(self, status: Mapping[str, Any]) -> str:
        """What each stage said."""
        said = [
            f"{task['metadata']['stage']}: {task['status']}\n{self.lab.output(task['id'])}" for task in status["tasks"]
        ]
        return f"{status['error']}\n" + "\n".join(said)

    def output(self, status: Mapping[str, Any], stage: str) -> str:
        """What one stage said."""
        return self.lab.output(next(task["id"] for task in status["tasks"] if task["metadata"]["stage"] == stage))

    def inside(
        self, address: str, command: str, *, username: str = "startcloud", password: str = DEBIAN["password"]
    ) -> str:
        """Run a command in a guest and return what it prints."""

        async def run() -> str:
            async with asyncssh.connect(
                address,
                username=username,
                password=password,
                known_hosts=None,
                client_keys=None,
                agent_path=None,
                config=None,
            ) as made:
                return str((await made.run(command, check=True)).stdout)

        return asyncio.run(asyncio.wait_for(run(), 60))

    def booted_again(self, name: str, address: str) -> None:
        """Restart a zone, and wait for its SSH server: a pipeline looks once whether it answers, and sets it up if not."""
        self.lab.do("POST", f"/zones/{name}/restart", seconds=SECONDS)
        assert self.machines.banner(address), f"no SSH server at {address} after a boot of {name}"

    def console_is_free(self, name: str) -> bool:
        """Attach to a zone's console, which works for one at a time."""
        person = self.machines.sit_down(name)
        person.end()
        self.machines.people.remove(person)
        return True

    def discard(self, *names: str) -> None:
        """Stop and delete zones."""
        for name in names:
            self.lab.do("DELETE", f"/zones/{name}?cleanup_datasets=true", seconds=SECONDS)


@contextmanager
def site_on(machines: Machines, zygote: Zygote, home: Path, **flags: Any) -> Iterator[Site]:
    """Let an agent set up its provisioning network on a host; of two with the same one only the first is reached."""
    net = f"10.190.{100 + next(nets) % 150}"
    network = {
        "subnet": f"{net}.0/24",
        "host_ip": f"{net}.1",
        "dhcp_range_start": f"{net}.100",
        "dhcp_range_end": f"{net}.199",
    }
    flags |= {f"provisioning.network.{name}": value for name, value in network.items()}
    flags |= {"provisioning.ssh.poll_interval_seconds": 0.5}
    lab = Lab(zygote, machines.world, home, flags=flags).start()
    try:
        lab.new_key()
        lab.settled()
        lab.do("POST", "/provisioning/network/setup", {}, seconds=60)
        yield Site(lab, machines, net)
    finally:
        lab.kill()
        machines.leave()
        lab.discard()


@pytest.fixture(scope="module")
def site(zygote: Zygote) -> Iterator[Site]:
    """A host with containers for guests, and a template."""
    folder = worlds.place()
    machines = founded(folder / "world", reach=True)
    machines.template()
    with site_on(machines, zygote, folder / "home", **{"provisioning.ssh.timeout_seconds": 40}) as made:
        yield made


def scenario_1(site: Site, name: str, address: int) -> None:
    """Create and configure a zone as the document's first scenario has it."""
    site.create(name)
    site.configure(
        name,
        files={"ansible/playbook.yml": PLAYBOOK.encode(), "roles.tar.gz": collection()},
        recipe_id="debian-netplan",
        mode="ansible_local",
        credentials=DEBIAN,
        sync_folders=[{"source": "provisioning_dataset", "dest": "/vagrant", "exclude": []}],
        provisioners=[
            {
                "type": "ansible_local",
                "playbook": "/vagrant/ansible/playbook.yml",
                "collections": ["/vagrant/roles.tar.gz"],
                "extra_vars": {"hostname": "web01", "domain": "example.com"},
            }
        ],
        variables=site.variables(address),
    )


def test_a_debian_gets_its_network_over_the_console_and_runs_ansible(site: Site) -> None:
    """Scenario 1: a playbook in the guest changes it, a second run changes nothing, the way back undoes it."""
    scenario_1(site, "web-server-01", 10)
    status = site.done("web-server-01")
    assert set(status["progress"].values()) == {"completed"}
    assert "changed=2" in site.output(status, "provision")
    address = f"{site.net}.10"
    assert site.inside(address, "cat /etc/motd /etc/marked") == "web01.example.com\nmarked\n"
    assert site.console_is_free("web-server-01")

    again = site.done("web-server-01")
    assert again["progress"]["setup"] == "skipped"
    assert "0 files sent" in site.output(again, "sync")
    assert "changed=0" in site.output(again, "provision")

    # The disk of before the second run has what the first one did; what was done by hand since is gone.
    site.inside(address, "sudo touch /etc/by-hand && sync")
    site.lab.do("POST", "/zones/web-server-01/provision/rollback", seconds=SECONDS)
    last = site.done("web-server-01", "?from=wait_ssh")
    assert "changed=0" in site.output(last, "provision")
    assert site.inside(address, "ls /etc/by-hand || true") == ""
    site.discard("web-server-01")


@pytest.mark.skipif(bool(virtual.missing()), reason=f"no machines: {virtual.missing()}")
def test_machines_are_provisioned(zygote: Zygote) -> None:
    """On virtual machines: scenario 1, taken back and done again, then Ansible from the host; and scenario 3."""
    folder = worlds.place()
    machines = virtual.founded(folder / "world", reach=True)
    put(machines.world, Template(recipe.NAME))
    with site_on(machines, zygote, folder / "home") as site:
        scenario_1(site, "machine", 10)
        site.done("machine", seconds=600)
        address = f"{site.net}.10"
        assert site.inside(address, "cat /etc/motd /etc/marked") == "web01.example.com\nmarked\n"
        site.inside(address, "sudo touch /etc/by-hand && sync")
        site.lab.do("POST", "/zones/machine/provision/rollback", seconds=600)
        again = site.done("machine", "?from=wait_ssh", seconds=600)
        assert "changed=2" in site.output(again, "provision")
        assert site.inside(address, "ls /etc/by-hand || true") == ""
        from_the_host(site, "machine", 10)
        site.done("machine", seconds=600)
        assert site.inside(address, "cat /etc/motd") == "far01.example.com\n"
        site.discard("machine")
        scenario_3(site, "cloudy", 12)
        assert "status: done" in site.output(site.done("cloudy", seconds=600), "provision")
        site.discard("cloudy")


def test_the_way_back_undoes_what_the_provisioners_did(site: Site) -> None:
    """A run that fails half-way is undone on the disk of the guest; repaired, it is done."""
    site.create("half")
    scripts = {"good.sh": b"echo new >/etc/motd; sync\n", "bad.sh": b"echo it breaks >&2; exit 3\n"}
    configuration = {
        "recipe_id": "debian-netplan",
        "mode": "shell",
        "credentials": DEBIAN,
        "sync_folders": [{"source": "provisioning_dataset", "dest": "/vagrant"}],
        "variables": site.variables(11),
    }
    broken = [{"type": "shell", "scripts": ["/vagrant/good.sh", "/vagrant/bad.sh"], "run_as": "root"}]
    site.configure("half", files=scripts, provisioners=broken, **configuration)
    site.lab.wait(site.begin("half"), seconds=SECONDS)
    status = site.status("half")
    assert status["status"] == "failed", site.told(status)
    assert status["progress"]["provision"] == "failed"
    assert "bad.sh ended with 3" in status["error"]
    address = f"{site.net}.11"
    assert site.inside(address, "cat /etc/motd") == "new\n"
    site.lab.do("POST", "/zones/half/provision/rollback", seconds=SECONDS)
    repaired = [{"type": "shell", "scripts": ["/vagrant/old.sh", "/vagrant/good.sh"], "run_as": "root"}]
    scripts["old.sh"] = b"echo then: $(grep -c new /etc/motd)\n"
    site.configure("half", files=scripts, provisioners=repaired, **configuration)
    assert "then: 0\n" in site.output(site.done("half"), "provision")
    assert site.inside(address, "cat /etc/motd") == "new\n"
    site.discard("half")


def scenario_3(site: Site, name: str, address: int) -> None:
    """Create and configure a zone as the document's third scenario has it."""
    cloud = {"enabled": "on", "dns_domain": "example.org", "resolvers": f"{site.net}.1"}
    site.create(name, nic={"allowed_address": f"{site.net}.{address}/24"}, cloud_init=cloud)
    site.configure(
        name,
        files={"mark.sh": b'echo "$WHO" >/etc/marked; cloud-init status\n'},
        recipe_id="cloud-init-wait",
        mode="shell",
        credentials={"username": "startcloud", "ssh_key_path": USUAL_KEY},
        sync_folders=[{"source": "provisioning_dataset", "dest": "/vagrant", "owner": "root", "group": "root"}],
        provisioners=[{"type": "shell", "scripts": ["/vagrant/mark.sh"], "run_as": "root", "env": {"WHO": "cloud"}}],
    )


def test_cloud_init_and_the_agents_key_need_no_console(site: Site) -> None:
    """Scenario 3: the guest configures itself and lets the agent's key in; a guest that has finished is asked."""
    scenario_3(site, "told", 12)
    status = site.done("told")
    assert "status: done" in site.output(status, "provision"), "cloud-init was not waited for"
    key = site.lab.home / "ssh" / "provision_key"
    said = site.machines.ssh(key, f"{site.net}.12", "cat /etc/marked; hostname; stat -c %U /vagrant/mark.sh").stdout
    assert said == "cloud\ntold\nroot\n", site.told(status)
    assert site.done("told")["progress"]["setup"] == "skipped"
    site.discard("told")


def from_the_host(site: Site, name: str, address: int) -> None:
    """Say that a zone is configured by Ansible on the host."""
    site.configure(
        name,
        files={"ansible/playbook.yml": PLAYBOOK.encode(), "roles.tar.gz": collection()},
        recipe_id="debian-netplan",
        mode="ansible",
        credentials=DEBIAN,
        provisioners=[
            {
                "type": "ansible",
                "playbook": "ansible/playbook.yml",
                "collections": ["./roles.tar.gz"],
                "extra_vars": {"hostname": "far01", "domain": "example.com"},
            }
        ],
        variables=site.variables(address),
    )


def test_ansible_on_the_host_configures_a_guest(site: Site) -> None:
    """The playbook and its collection come from the artifact; its recap is kept."""
    site.create("far")
    from_the_host(site, "far", 13)
    status = site.done("far")
    last = status["tasks"][-1]
    assert last["progress_info"]["provisioners"][0]["parts"][0]["recap"], last
    assert site.inside(f"{site.net}.13", "cat /etc/motd /etc/marked") == "far01.example.com\nmarked\n"
    assert "changed=0" in site.output(site.done("far"), "provision")
    site.discard("far")


def test_an_illumos_is_set_up_with_its_own_commands(site: Site) -> None:
    """Scenario 2, on a guest that behaves like OmniOS where it is touched: its template is made by provisioning."""
    site.create("maker")
    site.configure(
        "maker",
        files={file.name: file.read_bytes() for file in OMNIOS.iterdir()},
        recipe_id="debian-netplan",
        mode="shell",
        credentials=DEBIAN,
        sync_folders=[{"source": "provisioning_dataset", "dest": "/root/omnios"}],
        provisioners=[{"type": "shell", "scripts": ["/root/omnios/become.sh"], "run_as": "root"}],
        variables=site.variables(14),
    )
    site.done("maker")
    site.lab.do("POST", "/zones/maker/stop", seconds=SECONDS)
    site.machines.ok("zfs", "snapshot", "rpool/zones/maker/root@made")
    site.machines.ok("zfs", "clone", "rpool/zones/maker/root@made", "rpool/templates/omnios")
    site.machines.ok("zfs", "snapshot", "rpool/templates/omnios@ready")

    site.create("illumos", template="rpool/templates/omnios")
    root = {"username": "root", "password": "omnios!1"}
    site.configure(
        "illumos",
        files={"setup.sh": b"uname -s >/dev/null; cat /etc/nsswitch.conf /etc/resolv.conf >/etc/seen\n"},
        recipe_id="omnios-dladm",
        mode="shell",
        credentials=root,
        sync_folders=[{"source": "provisioning_dataset", "dest": "/var/setup"}],
        provisioners=[{"type": "shell", "scripts": ["/var/setup/setup.sh"]}],
        variables=site.variables(15),
    )
    status = site.done("illumos")
    assert "omnios console login:" in site.output(status, "setup")
    address = f"{site.net}.15"
    seen = site.inside(address, "cat /etc/seen /etc/inet/static_routes; ip route show default", **root)
    assert seen.splitlines() == [
        *("hosts: files dns", "nameserver 8.8.8.8"),
        *(f"default {site.net}.1", f"default via {site.net}.1 dev eth0 "),
    ]
    # It is there after the next boot, too.
    site.booted_again("illumos", address)
    again = site.done("illumos")
    assert again["progress"]["setup"] == "skipped", site.told(again)
    site.discard("illumos")
    site.machines.ok("zfs", "promote", "rpool/templates/omnios")
    site.discard("maker")


def marking(site: Site, name: str, **more: Any) -> None:
    """Configure a zone whose provisioner only says where it is, with the address left to the DHCP server."""
    site.configure(
        name,
        files={"where.sh": b"ip -br -4 address show\n"},
        mode="shell",
        credentials=DEBIAN,
        sync_folders=[{"source": "provisioning_dataset", "dest": "/vagrant"}],
        provisioners=[{"type": "shell", "scripts": ["/vagrant/where.sh"]}],
        **more,
    )


def test_a_guest_is_where_dhcp_puts_it(site: Site) -> None:
    """Without an address the lease of the zone's card is waited for; a reservation is known before."""
    site.create("lent")
    marking(site, "lent")
    status = site.done("lent")
    said = site.output(status, "provision")
    assert re.search(rf"eth0.* {re.escape(site.net)}\.1\d\d/24", said), said
    assert "has lent it none yet" in site.output(status, "wait_ssh")
    (lease,) = [row for row in site.lab.get("/network/dhcp/leases")["leases"] if row["zone"] == "lent"]
    assert lease["ip"] in said

    mac = "02:08:20:00:77:77"
    site.lab.do("POST", "/network/dhcp/hosts", {"hostname": "kept", "mac": mac, "ip": f"{site.net}.77"}, seconds=60)
    site.create("kept", nic={"mac_addr": mac})
    marking(site, "kept")
    assert f"{site.net}.77/24" in site.output(site.done("kept"), "provision")
    # Each reaches the other, and the host.
    for address in (f"{site.net}.77", f"{site.net}.1"):
        assert "1 received" in site.inside(lease["ip"], f"ping -c 1 -W 5 {address}")
    site.discard("lent", "kept")
    site.lab.do("DELETE", "/network/dhcp/hosts/kept", seconds=60)


def cards(site: Site, name: str) -> list[str]:
    """The links of a zone's configuration."""
    return re.findall(r"physical=\"?([^\"\n]+)", site.machines.ok("zonecfg", "-z", name, "export"))


def test_a_card_is_lent_to_a_zone_for_its_provisioning(site: Site) -> None:
    """It is there from the boot on, and gone from the configuration when all is done; the zone's own card stays."""
    site.create("visit", nic={"global_nic": "igb0", "allowed_address": "192.0.2.40/24"})
    marking(site, "visit", network={"attach": True})
    before = cards(site, "visit")
    status = site.done("visit")
    assert re.search(rf"{re.escape(site.net)}\.1\d\d/24", site.output(status, "provision"))
    assert "add net" in site.output(status, "boot"), site.told(status)
    assert cards(site, "visit") == before
    # It runs with the card that it was booted with, and so it can be done once more.
    assert site.done("visit")["progress"]["boot"] == "skipped"
    site.lab.do("POST", "/zones/visit/stop", seconds=SECONDS)
    assert "provision_" not in site.machines.ok("dladm", "show-vnic", "-p", "-o", "link").replace("provision_inter", "")
    site.lab.do("POST", "/zones/visit/start", seconds=SECONDS)
    refused = site.lab.post("/zones/visit/provision", None)
    assert (refused.status, refused.body["code"]) == (409, "runs_unattached")
    site.discard("visit")


STAGES = ("extract", "boot", "setup", "wait_ssh", "sync", "provision")
COUNTED = b"echo run >>/etc/runs\nsleep 1\n"


def swept(site: Site, name: str, address: int) -> None:
    """Make a zone whose pipeline uses every stage."""
    site.create(name)
    site.configure(
        name,
        files={"count.sh": COUNTED, "big": os.urandom(2 << 20)},
        recipe_id="debian-netplan",
        mode="shell",
        credentials=DEBIAN,
        sync_folders=[{"source": "provisioning_dataset", "dest": "/vagrant"}],
        provisioners=[{"type": "shell", "scripts": ["/vagrant/count.sh"], "run_as": "root"}],
        variables=site.variables(address),
    )
    # Its first boot gives it a host key, which it has from then on.
    person = site.machines.sit_down(name)
    site.lab.do("POST", f"/zones/{name}/start", seconds=SECONDS)
    person.read_to("login: ")
    person.end()
    site.machines.people.remove(person)
    site.lab.do("POST", f"/zones/{name}/stop", seconds=SECONDS)
    site.machines.ok("zfs", "snapshot", f"rpool/zones/{name}/root@bare")


def bare(site: Site, name: str) -> None:
    """Stop a zone and take its disk back to what it was before it was provisioned."""
    site.lab.do("POST", f"/zones/{name}/stop?force=true", seconds=SECONDS)
    site.machines.ok("zfs", "rollback", "-r", f"rpool/zones/{name}/root@bare")


def revive(site: Site) -> None:
    """Kill the agent, if it is not dead yet, and start another."""
    site.lab.kill()
    site.lab.start()


def nothing_left(site: Site, address: str) -> None:
    """See that no process of a run is left on the machine or in the guest."""
    ours = [
        words
        for file in Path("/proc").glob("[0-9]*/cmdline")
        if any(f"{site.machines.world.path}/bin/{name} " in (words := _words(file)) for name in ("rsync", "zlogin"))
    ]
    assert ours == [], ours
    left = site.inside(address, "pgrep -l 'rsync|count.sh|sudo' || true")
    assert left == "", left


def _words(file: Path) -> str:
    try:
        return file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def await_stage(site: Site, name: str, stage: str) -> None:
    """Wait until a stage is under way, or through."""
    looked = lambda: site.status(name)["progress"][stage] not in {"pending", "skipped"} or None  # noqa: E731
    wait_for(looked, f"the beginning of {stage}", SECONDS, site.lab.seen)


def test_deaths_in_every_stage_are_survived(site: Site) -> None:
    """The agent is killed while each stage runs; the next one brings the pipeline to its end, and nothing is left."""
    swept(site, "mortal", 20)
    for stage in STAGES:
        begun = site.begin("mortal")
        await_stage(site, "mortal", stage)
        revive(site)
        row = site.lab.wait(begun, seconds=SECONDS)
        status = site.status("mortal")
        assert (stage, row["status"], status["status"]) == (stage, "completed", "completed"), site.told(status)
        nothing_left(site, f"{site.net}.20")
        assert site.console_is_free("mortal")
        assert set(site.inside(f"{site.net}.20", "cat /etc/runs").split()) == {"run"}
        bare(site, "mortal")
    site.discard("mortal")


def test_it_is_cancelled_in_every_stage(site: Site) -> None:
    """What runs on the host and in the guest ends, the console is free, the status is true, and a re-run succeeds."""
    swept(site, "stopped", 21)
    for stage in STAGES:
        begun = site.begin("stopped")
        await_stage(site, "stopped", stage)
        site.lab.post("/zones/stopped/provision/cancel")
        ended = site.lab.wait(begun, seconds=SECONDS)["status"]
        status = site.status("stopped")
        # What was through before the cancellation came stays so.
        assert (stage, status["status"]) in {(stage, "cancelled"), ("provision", "completed")}, site.told(status)
        assert ended == status["status"]
        assert site.console_is_free("stopped") if status["progress"]["boot"] == "completed" else True
        assert site.done("stopped")["status"] == "completed"
        nothing_left(site, f"{site.net}.21")
        bare(site, "stopped")
    site.discard("stopped")


def test_deaths_at_every_command_of_the_host_are_survived(site: Site) -> None:
    """The agent is killed at a command of the pipeline, at a later one and so on, just before it or just after."""
    swept(site, "frail", 22)
    for number in range(1, 200, STRIDE):
        when = "before" if number // STRIDE % 2 else "after"
        order = faults.order(site.machines.world, command="*", nth=number, act="kill", when=when)
        try:
            begun = site.begin("frail")
        except (http.client.HTTPException, OSError):
            faults.clear(site.machines.world)
            revive(site)  # it died while it was asked: nothing was begun
            continue
        struck = wait_for(partial(_struck, site, order, begun), "a death or the end", SECONDS)
        faults.clear(site.machines.world)
        if not struck:
            break
        revive(site)
        row = site.lab.wait(begun, seconds=SECONDS)
        assert (number, struck, row["status"]) == (number, struck, "completed"), site.told(site.status("frail"))
        nothing_left(site, f"{site.net}.22")
        assert site.inside(f"{site.net}.22", "cat /etc/runs").split()[-1:] == ["run"]
        bare(site, "frail")
    assert number > len(STAGES), "there were hardly any commands"
    site.discard("frail")


def _struck(site: Site, order: str, begun: str) -> list[list[str]] | None:
    """Return the command at which the agent died; an empty list when the pipeline ended without; None meanwhile."""
    if found := faults.fired(site.machines.world, order):
        return found
    ended = site.lab.look(f"SELECT status FROM tasks WHERE id = '{begun}'")
    return [] if ended and ended[0][0] in TERMINAL else None


def test_a_stage_that_fails_is_told_and_repaired(site: Site) -> None:
    """The pipeline says where and why, the stages after it do not begin, nothing is left, a second try succeeds."""
    swept(site, "broken", 23)
    kept = site.lab.get("/zones/broken")["zone_info"]["provisioning"]
    orders = {"extract": ("zfs", "create"), "boot": ("zoneadm", "boot"), "setup": ("zlogin", "-C")}
    wrong: dict[str, dict[str, Any]] = {
        "wait_ssh": {"ssh_port": 2222},
        "sync": {"sync_folders": [{"source": "provisioning_dataset", "dest": "/proc/nowhere"}]},
        "provision": {"provisioners": [{"type": "shell", "scripts": ["/vagrant/none.sh"]}]},
    }
    for stage in STAGES:
        if stage in orders:
            command, word = orders[stage]
            # The boot listens at the console, too: the recipe's own attachment is the second.
            nth = 2 if stage == "setup" else 1
            faults.order(site.machines.world, command=command, words=(word,), nth=nth, act="fail", message="no luck")
        assert site.lab.ask("PUT", "/zones/broken", {"provisioning": {**kept, **wrong.get(stage, {})}}).status == 200
        site.lab.wait(site.begin("broken"), seconds=SECONDS)
        faults.clear(site.machines.world)
        status = site.status("broken")
        at = STAGES.index(stage)
        assert (stage, status["status"], status["progress"][stage]) == (stage, "failed", "failed"), site.told(status)
        assert {status["progress"][later] for later in STAGES[at + 1 :]} <= {"cancelled"}, status["progress"]
        assert status["error"], status
        assert site.lab.ask("PUT", "/zones/broken", {"provisioning": kept}).status == 200
        assert site.done("broken")["status"] == "completed"
        nothing_left(site, f"{site.net}.23")
        bare(site, "broken")
    site.discard("broken")


CLASSIC = b"""\
rm -f /etc/netplan/*
for unit in systemd-networkd.service systemd-networkd.socket systemd-resolved.service; do
    ln -sf /dev/null /etc/systemd/system/$unit
done
rm -f /etc/resolv.conf && touch /etc/resolv.conf
rm -f /usr/sbin/netplan /usr/sbin/resolvconf
sync
"""


def test_a_debian_with_interfaces_is_set_up(site: Site) -> None:
    """The recipe linux-ifconfig gives an address that stays, on a Debian with ifupdown and without netplan."""
    site.create("classic")
    site.configure(
        "classic",
        files={"classic.sh": CLASSIC},
        recipe_id="debian-netplan",
        mode="shell",
        credentials=DEBIAN,
        sync_folders=[{"source": "provisioning_dataset", "dest": "/vagrant"}],
        provisioners=[{"type": "shell", "scripts": ["/vagrant/classic.sh"], "run_as": "root"}],
        variables=site.variables(16),
    )
    site.done("classic")
    site.lab.do("POST", "/zones/classic/stop", seconds=SECONDS)
    site.configure(
        "classic",
        files={"seen.sh": b"cat /etc/resolv.conf; ip route show default\n"},
        recipe_id="linux-ifconfig",
        mode="shell",
        credentials=DEBIAN,
        sync_folders=[{"source": "provisioning_dataset", "dest": "/vagrant", "delete": True}],
        provisioners=[{"type": "shell", "scripts": ["/vagrant/seen.sh"]}],
        variables=site.variables(17),
    )
    status = site.done("classic")
    assert status["progress"]["setup"] == "completed"
    said = site.output(status, "provision")
    assert f"nameserver 8.8.8.8\ndefault via {site.net}.1 dev eth0" in said, said
    site.booted_again("classic", f"{site.net}.17")
    assert site.done("classic")["progress"]["setup"] == "skipped"
    site.discard("classic")


PLANTED = {name: f"pl4nted-{name}-Pa55" for name in ("env", "variable", "local", "far")}
TELLING = """\
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.debug:
        msg: "it is {{ db_password }} and {{ root_password }}"
    - ansible.builtin.command:
        cmd: "true"
"""


@contextmanager
def watching(secrets: Collection[str]) -> Iterator[set[str]]:
    """Read the argument lists of all processes, those in guests too, while the block lasts; return those that tell."""
    seen: set[str] = set()
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.005):
            seen.update(
                words
                for file in Path("/proc").glob("[0-9]*/cmdline")
                if any(secret in (words := _words(file)) for secret in secrets)
            )

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join(10)


def test_nobody_tells_a_secret(site: Site) -> None:
    """Secrets of the guest, of scripts and of playbooks reach them, and are in no list, log, answer, row or error."""
    secrets = (DEBIAN["password"], *PLANTED.values())
    site.create("quiet")
    configuration: dict[str, Any] = {
        "recipe_id": "debian-netplan",
        "mode": "shell",
        "credentials": DEBIAN,
        "sync_folders": [{"source": "provisioning_dataset", "dest": "/vagrant"}],
        "variables": {**site.variables(30), "root_password": PLANTED["variable"]},
    }
    shell = {"type": "shell", "scripts": ["/vagrant/tell.sh"], "run_as": "root", "env": {"API_TOKEN": PLANTED["env"]}}
    playbooks = [
        {"type": "ansible_local", "playbook": "/vagrant/tell.yml", "extra_vars": {"db_password": PLANTED["local"]}},
        {"type": "ansible", "playbook": "tell.yml", "extra_vars": {"db_password": PLANTED["far"]}},
    ]
    files = {
        "tell.yml": TELLING.encode(),
        "tell.sh": b'echo "told $API_TOKEN"; printf %s "$API_TOKEN" | sha256sum\n',
        "fails.sh": b'echo "it was $API_TOKEN" >&2; exit 4\n',
    }
    site.configure("quiet", files=files, provisioners=[shell, *playbooks], **configuration)
    with watching(secrets) as seen:
        status = site.done("quiet")
        # They were there, where they were needed.
        said = site.output(status, "provision")
        assert hashlib.sha256(PLANTED["env"].encode()).hexdigest() in said, said
        assert said.count("it is ********") == 2, said
        site.configure("quiet", provisioners=[{**shell, "scripts": ["/vagrant/fails.sh"]}], **configuration)
        site.lab.wait(site.begin("quiet"), seconds=SECONDS)
        assert "fails.sh ended with 4" in site.status("quiet")["error"]
    told = {f"process {words}": words for words in seen}
    told |= everything(site.lab)
    del told["/openapi.json"]  # whose examples are the document's
    told["status"] = json.dumps(site.status("quiet"))
    told["journal"] = json.dumps(journal(site.machines.world))
    told |= {name: content.decode("latin-1") for name, content in kept(site.lab.home).items()}
    assert {name: found for name, text in told.items() if (found := mentions(text, secrets))} == {}
    site.discard("quiet")


def test_one_more_waits_for_the_console_only(zygote: Zygote) -> None:
    """With a single console at a time the second zone is unpacked and booted all the same, and has its turn."""
    folder = worlds.place()
    machines = founded(folder / "world", reach=True)
    machines.template()
    with site_on(machines, zygote, folder / "home", **{"provisioning.zlogin.max_concurrent_automations": 1}) as site:
        for name, address in (("first", 33), ("second", 34)):
            swept(site, name, address)
        begun = [site.begin(name) for name in ("first", "second")]
        for task in begun:
            assert site.lab.wait(task, seconds=SECONDS)["status"] == "completed", site.lab.seen()
        waited = [
            name for name in ("first", "second") if "waiting for a turn" in site.output(site.status(name), "setup")
        ]
        assert len(waited) == 1, [site.told(site.status(name)) for name in ("first", "second")]


def test_two_are_provisioned_at_once(site: Site) -> None:
    """Neither waits for the other: both are in their first stages at the same moment."""
    for name, address in (("one", 31), ("two", 32)):
        swept(site, name, address)
    begun = {name: site.begin(name) for name in ("one", "two")}
    for task in begun.values():
        assert site.lab.wait(task, seconds=SECONDS)["status"] == "completed", site.lab.seen()
    spans = {name: {row["metadata"]["stage"]: row for row in site.status(name)["tasks"]} for name in begun}
    for stage in ("setup", "provision"):
        one, two = (spans[name][stage] for name in begun)
        assert max(one["started_at"], two["started_at"]) < min(one["completed_at"], two["completed_at"]), (stage, spans)
    site.discard("one", "two")
