"""dladm as a program sees it: streams, texts, exit codes, escaping."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labhost.net.links import LinkError, create_vnic, delete_vnic, vnic

if TYPE_CHECKING:
    from tests.labhost.net.conftest import Host


def test_without_words_it_shows_links(host: Host) -> None:
    """A bare dladm lists links in the human form with `--` for nothing."""
    out = host.ok("dladm")
    assert out.splitlines()[0].split() == ["LINK", "CLASS", "MTU", "STATE", "BRIDGE", "OVER"]
    assert out.splitlines()[1].split() == ["igb0", "phys", "1500", "up", "--", "--"]


def test_more_than_one_parsable_field_is_escaped_and_one_is_not(host: Host) -> None:
    """Colons carry a backslash only where a field separator could be meant, and MACs have no leading zeros."""
    host.ok("dladm", "create-vnic", "-l", "igb0", "-m", "02:08:20:0a:0b:0c", "web0")
    assert (
        host.ok("dladm", "show-vnic", "-p", "-o", "link,over,macaddress", "web0")
        == "web0:igb0:2\\:8\\:20\\:a\\:b\\:c\n"
    )
    assert host.ok("dladm", "show-vnic", "-p", "-o", "macaddress", "web0") == "2:8:20:a:b:c\n"
    assert host.ok("dladm", "show-link", "-po", "link,bridge,over") == "igb0::\nweb0::igb0\n"


@pytest.mark.parametrize(
    ("argv", "error"),
    [
        ("show-vnic nope0", "dladm: invalid vnic name 'nope0': object not found"),
        ("show-link nope0", "dladm: link nope0 is not valid: object not found"),
        ("show-vlan nope0", "dladm: link nope0 is not valid: object not found"),
        ("show-vnic igb0", "dladm: datalink igb0 is not a vnic: found class phys"),
        ("delete-vnic nope0", "dladm: invalid link name 'nope0'"),
        ("delete-vnic stub0", "dladm: 'stub0' is not a vnic"),
        ("delete-etherstub vnic0", "dladm: 'vnic0' is not an etherstub"),
        ("delete-etherstub stub0", "dladm: vnic deletion failed: link busy"),
        ("create-etherstub stub0", "dladm: etherstub creation failed: object already exists"),
        ("create-etherstub stub", "dladm: invalid link name 'stub'"),
        ("create-vnic -l igb0 vnic0", "dladm: vnic creation over igb0 failed: object already exists"),
        ("create-vnic -l nope0 vnic1", "dladm: invalid link name 'nope0'"),
        ("create-vnic -l vnic0 vnic1", "dladm: vnic creation over vnic0 failed: invalid argument"),
        ("create-vnic -l igb0 web-0", "dladm: invalid link name 'web-0'"),
        ("create-vnic -l igb0 -v 4095 vnic1", "dladm: invalid VLAN identifier '4095'"),
        ("create-vnic -l igb0 -v x vnic1", "dladm: invalid VLAN identifier 'x'"),
        ("create-vnic -l igb0 -m 2:8:20 vnic1", "dladm: invalid MAC address"),
        ("create-vnic -l igb0 -m 3:8:20:1:1:1 vnic1", "dladm: vnic creation over igb0 failed: invalid MAC address value"),
        ("create-vnic -l stub0 -m 2:8:20:1:1:1 v1", "dladm: vnic creation over stub0 failed: MAC address is already in use"),
        ("create-vnic -l igb0 -p nope=1 vnic1", "dladm: vnic creation over igb0 failed: invalid property"),
        ("show-link -p", "dladm: output fields must be specified in parsable mode"),
        ("show-link -p -o all", "dladm: output field `all' invalid in parsable mode"),
        ("show-link -p -o link,x", "dladm: unknown output field: `x'"),
        ("show-link -o x", "dladm: no valid output fields"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_on_stderr_with_exit_1(host: Host, argv: str, error: str) -> None:
    """Every refusal has its own words, prints nothing on stdout and changes nothing."""
    host.ok("dladm", "create-etherstub", "stub0")
    host.ok("dladm", "create-vnic", "-l", "stub0", "-m", "2:8:20:1:1:1", "vnic0")
    before = host.world.read("links")
    said = host.run("dladm", *argv.split())
    assert (said.code, said.out, said.err.splitlines()[0]) == (1, "", error)
    assert host.world.read("links") == before


def test_a_usage_error_exits_with_1_too(host: Host) -> None:
    """Without -l the usage is printed on stderr."""
    said = host.run("dladm", "create-vnic", "vnic0")
    assert said.code == 1
    assert said.err.startswith("usage:")


def test_an_unknown_field_in_the_human_form_is_a_warning(host: Host) -> None:
    """The other columns are printed."""
    said = host.run("dladm", "show-link", "-o", "link,x")
    assert (said.code, said.out) == (0, "LINK\nigb0\n")
    assert said.err == "dladm: warning: unknown output field: `x'\n"


def test_a_lent_vnic_shows_its_zone_and_is_busy(host: Host) -> None:
    """A VNIC of a running zone stays in the list, with the zone, and cannot be deleted."""
    host.ok("dladm", "create-vnic", "-l", "igb0", "web0")
    host.lend("web0", "web")
    assert host.ok("dladm", "show-vnic", "-p", "-o", "link,zone") == "web0:web\n"
    said = host.run("dladm", "delete-vnic", "web0")
    assert (said.code, said.err) == (1, "dladm: vnic deletion failed: link busy\n")


def test_a_plumbed_vnic_is_busy_until_its_interface_is_gone(host: Host) -> None:
    """Deleting the address is not enough."""
    host.ok("dladm", "create-vnic", "-l", "igb0", "web0")
    host.ok("ipadm", "create-addr", "-T", "static", "-a", "10.0.0.1/24", "web0/v4")
    host.ok("ipadm", "delete-addr", "web0/v4")
    assert host.run("dladm", "delete-vnic", "web0").code == 1
    host.ok("ipadm", "delete-if", "web0")
    host.ok("dladm", "delete-vnic", "web0")


def test_temporary_links_are_not_in_the_persistent_list(host: Host) -> None:
    """-t keeps a link out of `show-link -P`, and nothing persistent sits on it."""
    host.ok("dladm", "create-etherstub", "-t", "stub0")
    assert host.ok("dladm", "show-link", "-P", "-p", "-o", "link") == "igb0\n"
    said = host.run("dladm", "create-vnic", "-l", "stub0", "vnic0")
    assert said.err.endswith("can't create persistent object on top of temporary object\n")
    host.ok("dladm", "create-vnic", "-t", "-l", "stub0", "vnic0")


def test_a_vlan_names_itself(host: Host) -> None:
    """Without a name a VLAN is called driver, then VID * 1000 + instance."""
    host.ok("dladm", "create-vlan", "-l", "igb0", "-v", "11")
    assert host.ok("dladm", "show-vlan", "-p", "-o", "link,vid,over") == "igb11000:11:igb0\n"
    host.ok("dladm", "delete-vlan", "igb11000")


def test_a_bridge_has_members(host: Host) -> None:
    """A bridge shows as a link with 0 behind its name, marks its members, and goes only when it has none."""
    host.ok("dladm", "create-bridge", "-l", "igb0", "office")
    assert host.ok("dladm", "show-link", "-p", "-o", "link,class,bridge") == "igb0:phys:office\noffice0:bridge:\n"
    assert host.run("dladm", "delete-bridge", "office").err == "dladm: delete operation failed: link busy\n"
    host.ok("dladm", "remove-bridge", "-l", "igb0", "office")
    host.ok("dladm", "delete-bridge", "office")


def test_an_aggregation_needs_a_free_link(host: Host) -> None:
    """A link that carries IP cannot be a port."""
    assert host.run("dladm", "create-aggr", "-l", "igb0", "aggr0").err == "dladm: create operation failed: link busy\n"
    host.ok("ipadm", "delete-if", "igb0")
    host.ok("dladm", "create-aggr", "-L", "active", "-l", "igb0", "aggr0")
    assert host.ok("dladm", "show-aggr", "-p", "-o", "link,policy,lacpactivity") == "aggr0:L4:active\n"


def test_link_properties_are_set_and_reset(host: Host) -> None:
    """The parsable flag of show-linkprop is -c; a wrong value is a warning with exit 1."""
    host.ok("dladm", "create-vnic", "-l", "igb0", "web0")
    host.ok("dladm", "set-linkprop", "-p", "protection=mac-nospoof,ip-nospoof", "web0")
    assert (
        host.ok("dladm", "show-linkprop", "-c", "-o", "value", "-p", "protection", "web0") == "mac-nospoof,ip-nospoof\n"
    )
    host.ok("dladm", "reset-linkprop", "-p", "protection", "web0")
    assert host.ok("dladm", "show-linkprop", "-c", "-o", "value", "-p", "protection", "web0") == "\n"
    said = host.run("dladm", "set-linkprop", "-p", "mtu=9000", "web0")
    assert said.code == 1
    assert said.err.startswith("dladm: warning: cannot set link property 'mtu' on 'web0': MTU check failed")
    said = host.run("dladm", "set-linkprop", "-p", "priority=huge", "web0")
    assert said.err == "dladm: warning: link property 'priority' must be one of: low,medium,high\n"


def test_an_unprivileged_caller_is_denied(host: Host) -> None:
    """Without privilege creation fails in dladm's own words and showing still works."""
    host.world.configure(euid=1000)
    said = host.run("dladm", "create-vnic", "-l", "igb0", "web0")
    assert (said.code, said.err) == (1, "dladm: vnic creation over igb0 failed: permission denied\n")
    host.ok("dladm", "show-link")


def test_the_brand_makes_and_takes_vnics_in_process(host: Host) -> None:
    """What dladm shows and what other parts of the host are told is one and the same."""
    made = create_vnic(host.world, "web0", "igb0", vid=7)
    assert vnic(host.world, "web0") == made
    assert host.ok("dladm", "show-vnic", "-p", "-o", "vid,macaddrtype", "web0") == "7:random\n"
    with pytest.raises(LinkError, match="object already exists"):
        create_vnic(host.world, "web0", "igb0")
    delete_vnic(host.world, "web0")
    assert vnic(host.world, "web0") is None
    assert vnic(host.world, "igb0") is None
