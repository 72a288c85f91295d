"""What the host is asked about the cards of a zone, and what its answers keep from being given."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from zoneweaver.domain.errors import Conflict, NotFound
from zoneweaver.domain.requests import CreateZone
from zoneweaver.host.zonexml import ConfigFiles
from zoneweaver.operations.cards import refuse_unfit
from zoneweaver.store.database import Database
from zoneweaver.store.seal import Seal
from zoneweaver.tasks.context import Context
from zoneweaver.testing import ScriptedHost

pytestmark = pytest.mark.anyio

LINKS = ("dladm", "show-link", "-p", "-o", "LINK,CLASS,MTU,STATE,OVER")
VNICS = ("dladm", "show-vnic", "-p", "-o", "LINK,OVER,MACADDRESS,VID,ZONE")
MACS = ("dladm", "show-phys", "-m", "-p", "-o", "LINK,ADDRESS")
ADDRESSES = ("ipadm", "show-addr", "-p", "-o", "ADDROBJ,TYPE,STATE,PERSISTENT,ADDR")
SAID = {
    LINKS: "igb0:phys:1500:up:\n",
    MACS: "igb0:0\\:c\\:29\\:0\\:0\\:1\n",
    VNICS: "web0:igb0:2\\:8\\:20\\:0\\:0\\:5:0:web\nold0:igb0:2\\:8\\:20\\:0\\:0\\:6:0:\n",
    ADDRESSES: "igb0/v4:static:ok:U--:192.0.2.10/24\n",
}
DOCUMENT = """<zone name="web" zonepath="/zones/web" brand="bhyve" autoboot="false" ip-type="exclusive">
<network physical="web0" global-nic="igb0" mac-addr="2:8:20:0:0:5" allowed-address="10.0.0.5/24"/></zone>"""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(f"sqlite:///{tmp_path}/d.db", Seal.load(tmp_path))
    yield opened
    opened.close()


@pytest.fixture
def host(tmp_path: Path) -> ScriptedHost:
    host = ScriptedHost(tmp_path / "root", {**SAID})
    folder = host.path("/etc/zones")
    folder.mkdir(parents=True)
    (folder / "web.xml").write_text(DOCUMENT)
    (folder / "index").write_text("global:installed:/:\nweb:installed:/zones/web:u-1\n")
    return host


@pytest.fixture
def ctx(database: Database, host: ScriptedHost) -> Context:
    return Context(task_id="t", zone_name=None, params={}, host=host, database=database, files=ConfigFiles(host))


def nic(**facts: Any) -> Any:
    return CreateZone.from_json({"name": "x", "brand": "bhyve", "nics": [{"physical": "new0", **facts}]}).nics


async def test_only_what_matters_is_asked(ctx: Context, host: ScriptedHost) -> None:
    """A card that says nothing of links and addresses costs no command, and force none but that for links."""
    await refuse_unfit(ctx, "x", nic(), name="nics", force=False)
    assert host.said == []
    facts = {"global_nic": "igb0", "mac_addr": "2:8:20:0:0:5", "allowed_address": "10.0.0.5/24"}
    await refuse_unfit(ctx, "x", nic(**facts), name="nics", force=True)
    assert [tuple(command.argv) for command in host.said] == [LINKS]


@pytest.mark.parametrize(
    ("facts", "holder"),
    [
        ({"mac_addr": "2:8:20:0:0:5"}, "card web0 of zone web"),
        ({"mac_addr": "2:8:20:0:0:6"}, "link old0"),
        ({"mac_addr": "0:c:29:0:0:1"}, "link igb0"),
        ({"global_nic": "igb0", "allowed_address": "10.0.0.5/24"}, "card web0 of zone web"),
        ({"allowed_address": "192.0.2.10/24"}, "the host, as igb0/v4"),
    ],
)
async def test_what_others_have_is_refused(ctx: Context, facts: dict[str, Any], holder: str) -> None:
    """Cards of zones, links of the host and its addresses are in the way of another zone's card."""
    with pytest.raises(Conflict) as caught:
        await refuse_unfit(ctx, "x", nic(**facts), name="nics", force=False)
    assert caught.value.details["holder"] == holder


async def test_a_link_that_is_missing_is_named(ctx: Context) -> None:
    """Nothing is configured over a link that is not there."""
    with pytest.raises(NotFound, match="no link igb9"):
        await refuse_unfit(ctx, "x", nic(global_nic="igb9"), name="nics", force=False)


async def test_what_a_zone_gives_up_it_may_have_again(ctx: Context) -> None:
    """A card that leaves hands its MAC address and its allowed address to one that comes, also while the zone runs."""
    facts = {"global_nic": "igb0", "mac_addr": "2:8:20:0:0:5", "allowed_address": "10.0.0.5/24"}
    await refuse_unfit(ctx, "web", nic(**facts), name="add_nics", force=False, leaving=("web0",))
    with pytest.raises(Conflict):
        await refuse_unfit(ctx, "web", nic(**facts), name="add_nics", force=False)
