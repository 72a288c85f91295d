"""Cards that are asked for, against what exists."""

from typing import Any

import pytest

from zoneweaver.domain.cards import Card, Network, cards_of, refuse_unfit
from zoneweaver.domain.errors import AgentError, Conflict, Invalid, NotFound
from zoneweaver.domain.network import LinkClass
from zoneweaver.domain.requests import CreateZone, Nic
from zoneweaver.domain.zone import Resource, ResourceKind, ZoneConfig

THERE = Network(
    links={"igb0": LinkClass.PHYS, "stub0": LinkClass.ETHERSTUB, "v7": LinkClass.VLAN},
    macs={"00:0c:29:00:00:01": "igb0", "02:08:20:00:00:02": "web0"},
    addresses={"192.0.2.10": "igb0/v4"},
    cards=(
        Card(zone="db", physical="db0", global_nic="stub0", vlan_id="7", mac="02:08:20:00:00:09", address="10.0.0.5"),
    ),
)


def nics(*items: dict[str, Any]) -> tuple[Nic, ...]:
    return CreateZone.from_json({"name": "web", "brand": "bhyve", "nics": list(items)}).nics


@pytest.mark.parametrize(
    "item",
    [
        {"physical": "web0"},
        {"physical": "web0", "global_nic": "igb0", "vlan_id": 7},
        {"physical": "web0", "global_nic": "stub0", "mac_addr": "2:8:20:0:0:2"},
        {"physical": "web0", "global_nic": "auto", "allowed_address": "10.0.0.5/24"},
        {"physical": "web0", "global_nic": "stub0", "allowed_address": "10.0.0.5/24"},
        {"physical": "web0", "global_nic": "stub0", "vlan_id": 7, "allowed_address": "10.0.0.6/24"},
    ],
)
def test_what_fits_is_let_through(item: dict[str, Any]) -> None:
    """A link that is there, its own MAC address, and an address that is somebody's on another wire are all right."""
    refuse_unfit(nics(item), THERE, name="nics", force=False)


@pytest.mark.parametrize(
    ("item", "kind", "field", "said"),
    [
        ({"global_nic": "igb7"}, NotFound, "global_nic", "the host has no link igb7"),
        ({"global_nic": "v7"}, Invalid, "global_nic", "v7 is of class vlan"),
        ({"mac_addr": "0:c:29:0:0:1"}, Conflict, "mac_addr", "in use by link igb0"),
        ({"mac_addr": "2:8:20:0:0:2"}, Conflict, "mac_addr", "in use by link web0"),
        ({"mac_addr": "2:8:20:0:0:9"}, Conflict, "mac_addr", "in use by card db0 of zone db"),
        ({"allowed_address": "192.0.2.10/24"}, Conflict, "allowed_address", "in use by the host, as igb0/v4"),
        (
            {"global_nic": "stub0", "vlan_id": 7, "allowed_address": "10.0.0.5/16"},
            Conflict,
            "allowed_address",
            "in use by card db0 of zone db",
        ),
    ],
)
def test_what_does_not_fit_is_refused_by_name(
    item: dict[str, Any], kind: type[AgentError], field: str, said: str
) -> None:
    """The field and the holder are named; what is in use can be had by force, what is not there cannot."""
    wanted = nics({"physical": "other0"}, {"physical": "new0", **item})
    with pytest.raises(kind, match=said) as caught:
        refuse_unfit(wanted, THERE, name="nics", force=False)
    assert caught.value.details["field"] == f"nics[1].{field}"
    if kind is Conflict:
        refuse_unfit(wanted, THERE, name="nics", force=True)
    else:
        with pytest.raises(kind):
            refuse_unfit(wanted, THERE, name="nics", force=True)


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ({"physical": "stub0", "global_nic": "igb0"}, "stub0 exists and is of class etherstub"),
        ({"physical": "old0", "global_nic": "stub0"}, "old0 exists and is over igb0"),
    ],
)
def test_a_link_that_would_be_taken_as_it_is_must_be_the_one_that_is_meant(item: dict[str, Any], said: str) -> None:
    """A guest must not find itself on another wire than the one that was named."""
    there = Network(
        links={"igb0": LinkClass.PHYS, "stub0": LinkClass.ETHERSTUB, "old0": LinkClass.VNIC}, below={"old0": ["igb0"]}
    )
    with pytest.raises(Conflict, match=said) as caught:
        refuse_unfit(nics(item), there, name="nics", force=False)
    assert caught.value.details["field"] == "nics[0].physical"
    refuse_unfit(nics(item), there, name="nics", force=True)
    refuse_unfit(nics({"physical": "old0", "global_nic": "igb0"}), there, name="nics", force=False)


@pytest.mark.parametrize(
    ("mine", "theirs", "who"),
    [({"global_nic": "igb0"}, None, "this zone"), ({}, "igb0", "zone db")],
)
def test_a_link_made_on_demand_is_not_shared(mine: dict[str, Any], theirs: str | None, who: str) -> None:
    """Whoever had it made deletes it when it halts, force or not; the zone itself may change its mind."""
    there = Network(links={"igb0": LinkClass.PHYS}, cards=[Card(zone="db", physical="web0", global_nic=theirs)])
    wanted = nics({"physical": "web0", **mine})
    for force in (False, True):
        with pytest.raises(Conflict, match=f"card web0 of zone db.*deleted when {who} halts"):
            refuse_unfit(wanted, there, name="nics", force=force)
    refuse_unfit(wanted, there, name="nics", force=False, zone="db")


def test_two_cards_of_one_request_are_told_apart() -> None:
    """The same MAC address twice is refused at the second."""
    mac = "02:08:20:00:00:77"
    wanted = nics({"physical": "a0", "mac_addr": mac}, {"physical": "b0", "mac_addr": mac})
    with pytest.raises(Conflict, match=r"nics\[1\]\.mac_addr.*card a0 of the same request"):
        refuse_unfit(wanted, THERE, name="nics", force=False)


def test_the_cards_of_a_configuration() -> None:
    """What others wrote into a configuration is read as far as it can be."""
    net = Resource(
        kind=ResourceKind.NET,
        props=(
            ("physical", "db0"),
            ("global-nic", "igb0"),
            ("mac-addr", "2:8:20:0:0:9"),
            ("allowed-address", "10.0.0.5/24"),
        ),
    )
    odd = Resource(kind=ResourceKind.NET, props=(("physical", "db1"), ("mac-addr", "random")))
    assert cards_of("db", ZoneConfig(resources=(net, odd))) == (
        Card(zone="db", physical="db0", global_nic="igb0", mac="02:08:20:00:00:09", address="10.0.0.5"),
        Card(zone="db", physical="db1"),
    )
