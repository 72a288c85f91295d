"""The sagas on the host's network, against the lab host's commands: twice, failing, cancelled and dying everywhere."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from tests.lab import worlds
from tests.operations.test_sagas import CHECKS, Bench

from labhost.evidence import evidence
from labhost.world import World
from zoneweaver.domain.datalinks import NOUNS, Datalink, wanted
from zoneweaver.domain.network import AddressKind, LinkClass
from zoneweaver.domain.tasks import Kind
from zoneweaver.operations.addresses import WantedAddress
from zoneweaver.testing import check_twice

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

Said = Sequence[Sequence[str]]

CARDS: Said = (
    ("dladm", "create-etherstub", "stub0"),
    ("dladm", "create-etherstub", "lan1"),
    ("dladm", "create-etherstub", "lan2"),
    ("dladm", "create-vnic", "-l", "lan1", "in1"),
)
BRIDGE: Said = (*CARDS, ("dladm", "create-bridge", "-l", "lan1", "-l", "lan2", "lan"))
AGGREGATE: Said = (("dladm", "create-aggr", "-P", "L3,L4", "-l", "igb1", "-l", "igb2", "aggr0"),)
ADDRESS: Said = (*CARDS, ("ipadm", "create-addr", "-T", "static", "-a", "10.7.0.1/24", "in1/v4"))
TWO: Said = (*ADDRESS, ("ipadm", "create-addr", "-T", "addrconf", "in1/v6"))
APART: Said = (*ADDRESS, ("ipadm", "set-ifprop", "-p", "forwarding=on", "-m", "ipv4", "in1"))
ON: Said = (*ADDRESS, ("routeadm", "-u", "-e", "ipv4-forwarding"))
STATIC = WantedAddress(name="in1/v4", kind=AddressKind.STATIC, address="10.7.0.1/24")


def link(kind: LinkClass, **body: Any) -> Mapping[str, Any]:
    return {"link": wanted(kind, body).as_json()}


def gone(kind: LinkClass, name: str) -> Mapping[str, Any]:
    return {"kind": kind.value, "name": name, "force": True}


def forward(*interfaces: str, enabled: bool = True) -> Mapping[str, Any]:
    return {"family": "ipv4", "enabled": enabled, "interfaces": list(interfaces)}


CASES: dict[str, tuple[Kind, Mapping[str, Any], Said]] = {
    "etherstub": (Kind.NETWORK_LINK_CREATE, link(LinkClass.ETHERSTUB, name="new1"), ()),
    "vnic": (Kind.NETWORK_LINK_CREATE, link(LinkClass.VNIC, name="new1", link="stub0", vlan_id=7), CARDS),
    "vlan": (Kind.NETWORK_LINK_CREATE, link(LinkClass.VLAN, vid=7, link="igb0"), ()),
    "bridge": (Kind.NETWORK_LINK_CREATE, link(LinkClass.BRIDGE, name="lan", links=["lan1", "lan2"]), CARDS),
    "aggregate": (Kind.NETWORK_LINK_CREATE, link(LinkClass.AGGR, name="aggr0", links=["igb1", "igb2"]), ()),
    "delete-aggregate": (Kind.NETWORK_LINK_DELETE, gone(LinkClass.AGGR, "aggr0"), AGGREGATE),
    "delete-etherstub": (Kind.NETWORK_LINK_DELETE, gone(LinkClass.ETHERSTUB, "lan2"), CARDS),
    "delete-vnic": (Kind.NETWORK_LINK_DELETE, gone(LinkClass.VNIC, "in1"), CARDS),
    "delete-bridge": (Kind.NETWORK_LINK_DELETE, gone(LinkClass.BRIDGE, "lan"), BRIDGE),
    "address": (Kind.NETWORK_ADDRESS_CREATE, {"address": STATIC.as_json()}, CARDS),
    "delete-address": (Kind.NETWORK_ADDRESS_DELETE, {"addrobj": "in1/v4", "release": False, "force": False}, ADDRESS),
    "delete-one-of-two": (Kind.NETWORK_ADDRESS_DELETE, {"addrobj": "in1/v6", "release": False, "force": False}, TWO),
    "forward-host": (Kind.NETWORK_FORWARDING, forward(), APART),
    "forward-host-no-more": (Kind.NETWORK_FORWARDING, forward(enabled=False), ON),
    "forward-two": (Kind.NETWORK_FORWARDING, forward("igb0", "in1"), APART),
    "forward-one-no-more": (Kind.NETWORK_FORWARDING, forward("in1", enabled=False), ON),
}
"""Kind, parameters, and what was said to the host before."""


class NetworkBench(Bench):
    """Makes the same host again and again, without a zone."""

    zone = "global"

    def say(self, said: Said) -> None:
        """Make the host that is copied for every trial."""
        self.prepared = World.create(str(self.folder / "prepared"), **worlds.FAST, cards=3)
        for argv in said:
            worlds.say(self.prepared, *argv)

    def state(self, world: World) -> Any:
        """Everything that counts: the whole host."""
        return evidence(world)


@pytest.fixture(params=CASES)
async def bench(request, tmp_path):
    """The worlds of one case."""
    kind, params, said = CASES[request.param]
    made = NetworkBench(worlds.place(), kind, params)
    made.say(said)
    yield made
    made.database.close()
    shutil.rmtree(made.folder)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_the_saga_ends_clean_or_complete_whatever_happens(bench, check):
    """Each step twice, a failure, a cancellation and a death anywhere leave the host as before or as it should be."""
    await check(bench.make)
    assert bench.count >= (1 if check is check_twice else 3)


def test_the_cases_ask_for_every_kind_of_link():
    """None of those that can be made is left out."""
    asked = {Datalink.from_json(params["link"]).kind for _, params, _ in CASES.values() if "link" in params}
    assert asked == set(NOUNS)
