"""What stands in the way of a link, on a host that has one of each kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.api.scripted_network import SAID

from zoneweaver.domain.datalinks import wanted
from zoneweaver.domain.errors import AgentError, Conflict, NotFound
from zoneweaver.domain.network import LinkClass
from zoneweaver.host.zonexml import ConfigFiles
from zoneweaver.operations.datalink_checks import PLACEHOLDER, placed, refuse_used
from zoneweaver.store.database import Database
from zoneweaver.store.seal import Seal
from zoneweaver.tasks.context import Context
from zoneweaver.testing import ScriptedHost

pytestmark = pytest.mark.anyio

DOCUMENT = """<zone name="db" zonepath="/zones/db" brand="bhyve" autoboot="false" ip-type="exclusive">
<network physical="db0" global-nic="stub0" mac-addr="2:8:20:0:0:9"/><network physical="db1"/></zone>"""


@pytest.fixture
def ctx(tmp_path: Path) -> Iterator[Context]:
    database = Database.open(f"sqlite:///{tmp_path}/d.db", Seal.load(tmp_path))
    host = ScriptedHost(tmp_path / "root", {**SAID})
    folder = host.path("/etc/zones")
    folder.mkdir(parents=True)
    (folder / "db.xml").write_text(DOCUMENT)
    (folder / "index").write_text("global:installed:/:\ndb:installed:/zones/db:u-1\n")
    yield Context(task_id="t", zone_name="global", params={}, host=host, database=database, files=ConfigFiles(host))
    database.close()


@pytest.mark.parametrize(
    ("kind", "body", "error", "field", "said"),
    [
        (LinkClass.ETHERSTUB, {"name": "igb1"}, Conflict, "name", "igb1 exists already: it is of kind phys"),
        (LinkClass.BRIDGE, {"name": "lan"}, Conflict, "name", "lan0 exists already: it is of kind bridge"),
        (LinkClass.VNIC, {"name": "db0", "link": "stub0"}, Conflict, "name", "zone db makes a link db0 when it boots"),
        (LinkClass.VNIC, {"name": "x0", "link": "igb9"}, NotFound, "link", "igb9 does not exist"),
        (LinkClass.VNIC, {"name": "x0", "link": "lan0"}, Conflict, "link", "lan0 is of kind bridge"),
        (LinkClass.VNIC, {"name": "x0", "link": "web0"}, Conflict, "link", "web0 is lent to zone web"),
        (
            LinkClass.VNIC,
            {"name": "x0", "link": "igb0", "mac_address": "2:8:20:0:0:9"},
            Conflict,
            "mac_address",
            "that of zone db",
        ),
        (
            LinkClass.VNIC,
            {"name": "x0", "link": "igb0", "mac_address": "2:8:20:0:0:5"},
            Conflict,
            "mac_address",
            "that of web0",
        ),
        (LinkClass.VLAN, {"vid": 7, "link": "igb0", "name": "x0"}, Conflict, "vid", "VLAN 7 of igb0 is igb7000"),
        (LinkClass.VLAN, {"vid": 8, "link": "igb7000"}, Conflict, "link", "igb7000 is of kind vlan"),
        (LinkClass.BRIDGE, {"name": "b", "links": ["igb1"]}, Conflict, "links[0]", "igb1 is in bridge lan0"),
        (LinkClass.BRIDGE, {"name": "b", "links": ["igb0", "igb2"]}, Conflict, "links[1]", "igb2 is in aggr aggr0"),
        (LinkClass.BRIDGE, {"name": "b", "links": ["igb7000"]}, Conflict, "links[0]", "igb7000 is of kind vlan"),
        (LinkClass.AGGR, {"name": "a1", "links": ["igb1"]}, Conflict, "links[0]", "igb1 is used by bridge lan0"),
        (LinkClass.AGGR, {"name": "a1", "links": ["stub0"]}, Conflict, "links[0]", "stub0 is of kind etherstub"),
    ],
)
async def test_what_stands_in_the_way_is_named(
    ctx: Context, kind: LinkClass, body: dict[str, Any], error: type[AgentError], field: str, said: str
) -> None:
    """The field, and who or what it is."""
    with pytest.raises(error, match=said) as caught:
        await placed(ctx, wanted(kind, body))
    assert caught.value.details["field"] == field


@pytest.mark.parametrize("name", ["x0", "db1"])
async def test_a_vnic_gets_an_address_by_which_it_is_known_again(ctx: Context, name: str) -> None:
    """Also one that a zone waits for; a plan does not know the address yet."""
    new = wanted(LinkClass.VNIC, {"name": name, "link": "stub0"})
    made = await placed(ctx, new)
    assert made.mac is not None
    assert made == await placed(ctx, new)
    ctx.dry = True
    assert (await placed(ctx, new)).mac == PLACEHOLDER


@pytest.mark.parametrize(
    ("kind", "name", "users"),
    [
        (LinkClass.ETHERSTUB, "stub0", ["zone db"]),
        (LinkClass.VNIC, "web0", ["zone web"]),
        (LinkClass.VNIC, "db1", ["zone db"]),
        (LinkClass.VLAN, "igb7000", []),
        (LinkClass.BRIDGE, "lan", ["link igb1"]),
    ],
)
async def test_who_uses_a_link_is_told(ctx: Context, kind: LinkClass, name: str, users: list[str]) -> None:
    """Zones that run or are configured with it, and the links in a bridge."""
    body = {"name": name, "link": "igb0", "vid": 7, "links": ["igb1"]}
    gone = wanted(kind, body)
    if not users:
        await refuse_used(ctx, gone, members=True)
        return
    with pytest.raises(Conflict) as caught:
        await refuse_used(ctx, gone, members=True)
    assert caught.value.details["used_by"] == users
    await refuse_used(ctx, gone, but=users)
