"""What the commands answer, as text beside what it means: `COMMAND/CASE.txt` and `COMMAND/CASE.json`."""

import dataclasses
import json
from collections.abc import Mapping
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest

from zoneweaver.domain.errors import AgentError
from zoneweaver.host import (
    dladm,
    dladm_kinds,
    ipadm,
    ipf,
    ipnat,
    netstat,
    route,
    routeadm,
    svccfg,
    svcs,
    zfs,
    zoneadm,
    zpool,
)
from zoneweaver.host.command import Completed, Query

HERE = Path(__file__).parent
CASES = sorted(HERE.glob("*/*.json"))


def query_for(command: str, words: list[str]) -> Query[Any]:
    asked, *rest = words
    table: dict[tuple[str, str], Any] = {
        ("zoneadm", "list"): zoneadm.list_zones,
        ("zoneadm", "find"): lambda: zoneadm.find("web01"),
        ("zfs", "survey"): lambda: zfs.survey(rest),
        ("dladm", "show_links"): dladm.show_links,
        ("dladm", "show_vnics"): dladm.show_vnics,
        ("dladm", "find_vnic"): lambda: dladm.find_vnic("web0"),
        ("dladm", "find_link"): lambda: dladm.find_link("web0"),
        ("dladm", "show_phys"): dladm_kinds.show_phys,
        ("dladm", "show_macs"): dladm_kinds.show_macs,
        ("dladm", "show_vlans"): dladm_kinds.show_vlans,
        ("dladm", "show_aggregations"): dladm_kinds.show_aggregations,
        ("dladm", "show_bridges"): dladm_kinds.show_bridges,
        ("dladm", "show_bridge_links"): lambda: dladm_kinds.show_bridge_links("lan"),
        ("ipadm", "show_addresses"): ipadm.show_addresses,
        ("ipadm", "show_interfaces"): ipadm.show_interfaces,
        ("ipadm", "show_forwarding"): ipadm.show_forwarding,
        ("ipadm", "find_address"): lambda: ipadm.find_address("lo0/v4"),
        ("routeadm", "show"): routeadm.show,
        ("netstat", "show_routes"): netstat.show_routes,
        ("route", "way_out"): route.way_out,
        ("ipf", "running"): ipf.running,
        ("ipnat", "active"): ipnat.active,
        ("svccfg", "properties"): lambda: svccfg.properties(svcs.DHCP, "config"),
        ("zpool", "list_pools"): zpool.list_pools,
        ("svcs", "find"): lambda: svcs.find("svc:/system/zones:default"),
    }
    query: Query[Any] = table[command, asked]()
    return query


def plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return plain(dataclasses.asdict(value))
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, IPv4Network):
        return str(value)
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize("case", CASES, ids=[f"{case.parent.name}-{case.stem}" for case in CASES])
def test_an_answer_means_what_stands_beside_it(case: Path) -> None:
    """Every answer is read as expected, or refused with the command and what was seen."""
    facts = json.loads(case.read_text())
    query = query_for(case.parent.name, facts["query"].split())
    completed = Completed(
        argv=query.command.argv,
        exit_status=facts["exit"],
        stdout=case.with_suffix(".txt").read_text(),
        stderr=facts["stderr"],
        seconds=0.1,
    )
    assert facts["exit"] in query.command.ok
    if "error" in facts:
        with pytest.raises(AgentError) as caught:
            query.parse(completed)
        assert caught.value.code == facts["error"]
        assert facts["why"] in caught.value.message
        assert caught.value.details["argv"] == list(query.command.argv)
    else:
        assert plain(query.parse(completed)) == facts["expected"]


def test_there_are_answers_of_every_command() -> None:
    """The folders of answers are found, so that none of the above is passed by having no cases."""
    assert {case.parent.name for case in CASES} == {
        "zoneadm", "zfs", "dladm", "zpool", "svcs", "svccfg", "ipadm", "ipf", "ipnat", "netstat", "route", "routeadm",
    }  # fmt: skip
    assert len(CASES) > 80
