"""The sagas on address translation, DHCP and the provisioning network: twice, failing, cancelled, dying everywhere."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.lab import worlds
from tests.operations.test_network_sagas import NetworkBench, Said
from tests.operations.test_sagas import CHECKS

from zoneweaver.domain.dhcp import DhcpSubnet, Reservation
from zoneweaver.domain.nat import rule
from zoneweaver.domain.provisioning_network import wanted
from zoneweaver.domain.tasks import Kind
from zoneweaver.operations.registry import OPERATIONS
from zoneweaver.settings import ProvisioningNetwork
from zoneweaver.tasks.saga import run
from zoneweaver.testing import MemoryLog, check_cancelling, check_deaths, check_twice, check_unwinding

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

VNIC = "provision_interconnect0"
IPFILTER, DHCP = "svc:/network/ipfilter:default", "svc:/network/service/dhcp:ipv4"
THEIR_RULE = "rdr igb0 0/0 port 80 -> 192.0.2.7 port 80 tcp\n"
THEIR_DHCP = 'option domain-name "example.com";\nhost printer {\n  hardware ethernet 0:1:2:3:4:5;\n}'
"""What somebody else keeps in dhcpd.conf, without a last newline."""

FILTERING: Said = (("svcadm", "enable", "-s", IPFILTER),)
LAN: Said = (
    ("dladm", "create-etherstub", "lan1"),
    ("dladm", "create-vnic", "-l", "lan1", "in1"),
    ("ipadm", "create-addr", "-T", "static", "-a", "10.7.0.1/24", "in1/v4"),
)

BARE: Said = (("svcadm", "disable", "-s", DHCP), ("ipadm", "delete-addr", f"{VNIC}/v4"))

MAP = rule({"type": "portmap", "bridge": "igb0", "subnet": "10.7.0.0/24"})
REDIRECT = rule(
    {
        "type": "rdr",
        "bridge": "igb0",
        "external_ip": "0/0",
        "external_port": 8080,
        "internal_ip": "10.7.0.9",
        "internal_port": 80,
    }
)
SUBNET = {"subnet": "10.7.0.0/24", "router": "10.7.0.1", "range_start": "10.7.0.10", "range_end": "10.7.0.99"}
WEB = {"hostname": "web", "mac": "2:8:20:1:2:3", "ip": "10.7.0.5"}
NETWORK = {"network": wanted(ProvisioningNetwork().model_dump(mode="json")).as_json()}

Task = tuple[Kind, Mapping[str, Any]]


def serve(**other: Any) -> Task:
    """Serve a subnet; those of its facts that are named otherwise."""
    subnet = DhcpSubnet.from_json({**SUBNET, **other}).as_json()
    return (Kind.NETWORK_DHCP_CONFIG, {"subnet": subnet, "replacing": None, "listen": "in1"})


def act(action: str) -> Task:
    """Do something with the DHCP server."""
    return (Kind.NETWORK_DHCP_SERVICE, {"action": action})


RULE: Task = (Kind.NETWORK_NAT_RULE_CREATE, {"rule": MAP.as_json()})
RULE_TOO: Task = (Kind.NETWORK_NAT_RULE_CREATE, {"rule": REDIRECT.as_json()})
RULE_GONE: Task = (Kind.NETWORK_NAT_RULE_DELETE, {"id": MAP.id})
RESERVE: Task = (Kind.NETWORK_DHCP_HOST_CREATE, {"host": Reservation.from_json(WEB).as_json()})
RELEASE: Task = (Kind.NETWORK_DHCP_HOST_DELETE, {"hostname": "web"})
SETUP: Task = (Kind.PROVISIONING_NETWORK_SETUP, NETWORK)
TEARDOWN: Task = (Kind.PROVISIONING_NETWORK_TEARDOWN, {})

CASES: dict[str, tuple[Task, tuple[Task, ...], Said, Mapping[str, str]]] = {
    "rule": (RULE, (), (), {}),
    "rule-beside-others": (RULE, (), FILTERING, {"/etc/ipf/ipnat.conf": f"# theirs\n{THEIR_RULE}"}),
    "delete-one-rule": (RULE_GONE, (RULE, RULE_TOO), (), {}),
    "delete-last-rule": (RULE_GONE, (RULE,), (), {}),
    "serve": (serve(), (), LAN, {}),
    "serve-beside-others": (serve(), (), LAN, {"/etc/dhcpd.conf": THEIR_DHCP}),
    "serve-otherwise": (serve(range_end="10.7.0.50"), (serve(), RESERVE, act("start")), LAN, {}),
    "reserve": (RESERVE, (serve(), act("start")), LAN, {}),
    "reserve-while-it-rests": (RESERVE, (serve(),), LAN, {}),
    "release": (RELEASE, (serve(), RESERVE, act("start")), LAN, {}),
    "start": (act("start"), (serve(),), LAN, {}),
    "stop": (act("stop"), (serve(), act("start")), LAN, {}),
    "restart": (act("restart"), (serve(), act("start")), LAN, {}),
    "setup": (SETUP, (), (), {}),
    "setup-over-half-of-it": (SETUP, (SETUP,), (("svcadm", "disable", "-s", DHCP),), {}),
    "teardown": (TEARDOWN, (SETUP,), (), {}),
    "teardown-of-a-bare-interface": (TEARDOWN, (SETUP,), BARE, {}),
    "teardown-beside-others": (TEARDOWN, (SETUP,), FILTERING, {"/etc/dhcpd.conf": THEIR_DHCP}),
}
"""The task, the tasks that were done before, what was said to the host before those, and files of others."""

LATER = {"setup-over-half-of-it", "teardown-of-a-bare-interface"}
"""Cases in which the host is spoken to after the earlier tasks."""


class ServiceBench(NetworkBench):
    """Makes the same host again and again, with files of others and what earlier tasks made."""

    def put(self, files: Mapping[str, str]) -> None:
        """Write files of others into the host that is copied."""
        assert self.prepared is not None
        for path, text in files.items():
            file = Path(self.prepared.root) / path.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")

    def tell(self, said: Said) -> None:
        """Speak to the host that is copied."""
        assert self.prepared is not None
        for argv in said:
            worlds.say(self.prepared, *argv)

    async def do(self, number: int, task: Task) -> None:
        """Do an earlier task."""
        assert self.prepared is not None
        kind, params = task
        ctx = self.context(self.prepared, params, kind, f"earlier{number}")
        operation = OPERATIONS[kind]
        outcome = await run(operation.steps(ctx, await operation.survey(ctx)), ctx, MemoryLog())
        assert outcome.ok, outcome


@pytest.fixture
async def bench(request, tmp_path):
    """The worlds of one case."""
    (kind, params), earlier, said, files = CASES[request.param]
    made = ServiceBench(worlds.place(), kind, params)
    made.say(())  # the files come first, so that the services read them
    made.put(files)
    if request.param not in LATER:
        made.tell(said)
    for number, task in enumerate(earlier):
        await made.do(number, task)
    if request.param in LATER:
        made.tell(said)
    yield made
    made.database.close()
    shutil.rmtree(made.folder)


async def deaths_on_the_way(make):
    """A saga of many steps dies at every log write while it does its work."""
    await check_deaths(make, [None])


async def deaths_on_the_way_back(make):
    """It dies at every log write of its work and of its way back from the last step."""
    await check_deaths(make, [-1])


GREAT = {
    "setup": (check_twice, check_unwinding, check_cancelling, deaths_on_the_way_back),
    "teardown": (check_twice, check_unwinding, check_cancelling, deaths_on_the_way),
    # The server would not start again on an interface without an address: there is no way back to that.
    "teardown-of-a-bare-interface": (check_twice,),
    "teardown-beside-others": (check_twice, check_unwinding),
}
"""Sagas of so many steps that every death in each of their failures would take minutes."""

TRIALS = [(case, check) for case in CASES for check in GREAT.get(case, CHECKS)]


@pytest.mark.parametrize(
    ("bench", "check"), TRIALS, ids=[f"{case}-{check.__name__}" for case, check in TRIALS], indirect=["bench"]
)
async def test_the_saga_ends_clean_or_complete_whatever_happens(bench, check):
    """Each step twice, a failure, a cancellation and a death anywhere leave the host as before or as it should be."""
    await check(bench.make)
    assert bench.count >= (1 if check is check_twice else 3)


def test_every_kind_of_task_on_these_has_a_case():
    """None is left out."""
    tried = {kind for (kind, _), _, _, _ in CASES.values()}
    asked = {kind for kind in Kind if kind.value.startswith(("network_nat", "network_dhcp", "provisioning_network"))}
    assert tried == asked
