"""svcs, svcadm and svccfg."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labhost.smf.services import first_state, matching

if TYPE_CHECKING:
    from tests.labhost.net.conftest import Host

SUBNET = "subnet 10.190.190.0 netmask 255.255.255.0 { range 10.190.190.10 10.190.190.20; }\n"
MANIFEST = """<?xml version='1.0'?>
<!DOCTYPE service_bundle SYSTEM '/usr/share/lib/xml/dtd/service_bundle.dtd.1'>
<service_bundle type='manifest' name='agent'>
 <service name='application/agent' type='service' version='1'>
  <create_default_instance enabled='false'/>
  <template><common_name><loctext xml:lang='C'>the agent</loctext></common_name></template>
 </service>
</service_bundle>
"""


def test_states_are_asked_by_column(host: Host) -> None:
    """-H -o state,fmri names the columns; the first is padded, nothing trails."""
    assert host.ok("svcs", "-H", "-o", "state,fmri", "ssh") == "online         svc:/network/ssh:default\n"
    assert host.ok("svcs", "-H", "-o", "state", "dhcp:ipv4") == "disabled\n"


def test_a_pattern_that_matches_nothing_is_an_error(host: Host) -> None:
    """The same text comes from svcs and svcadm, with exit 1."""
    assert host.run("svcs", "-H", "nope") == (1, "", "svcs: Pattern 'nope' doesn't match any instances\n")
    assert host.run("svcadm", "enable", "nope") == (1, "", "svcadm: Pattern 'nope' doesn't match any instances\n")


def test_patterns_are_ends_of_names_or_globs() -> None:
    """An operand is an FMRI, the end of one at a slash, or a shell pattern."""
    known = first_state(0)["services"]
    dhcp = ["svc:/network/service/dhcp:ipv4", "svc:/network/service/dhcp:ipv6"]
    assert matching(known, "dhcp") == dhcp
    assert matching(known, "service/dhcp:ipv4") == dhcp[:1]
    assert matching(known, "svc:/network/service/dhcp:ipv6") == dhcp[1:]
    assert matching(known, "svc:/network/service/dhcp") == dhcp
    assert matching(known, "*dhcp*") == dhcp
    assert matching(known, "hcp") == []


def test_an_ambiguous_name_is_refused(host: Host) -> None:
    """svcadm acts on one instance unless a pattern asks for more."""
    said = host.run("svcadm", "enable", "dhcp")
    assert said.code == 1
    assert said.err.startswith("svcadm: Pattern 'dhcp' matches multiple instances:\n\tsvc:/network/service/dhcp:ipv4")


def test_enabling_is_asynchronous_without_s(host: Host) -> None:
    """Until a change is done the instance shows the state before, with an asterisk."""
    host.world.configure(time_scale=3600.0)
    host.ok("svcadm", "enable", "ipv4-forwarding")
    assert host.ok("svcs", "-H", "-o", "state,nstate", "ipv4-forwarding").split() == ["offline*", "online"]
    host.world.configure(time_scale=None)
    host.ok("svcadm", "disable", "-s", "ipv4-forwarding")
    assert host.ok("svcs", "-H", "-o", "state", "ipv4-forwarding") == "disabled\n"


def test_a_missing_configuration_ends_in_maintenance(host: Host) -> None:
    """The DHCP server exits with the code for a bad configuration; the waiting svcadm exits 3; clear tries again."""
    said = host.run("svcadm", "enable", "-s", "dhcp:ipv4")
    assert said.code == 3
    assert 'svcadm: Instance "svc:/network/service/dhcp:ipv4" is in maintenance state.' in said.err
    assert "Reason: Start method exited with $SMF_EXIT_ERR_CONFIG." in host.ok("svcs", "-x", "dhcp:ipv4")
    host.put("/etc/dhcpd.conf", SUBNET)
    host.ok("dladm", "create-etherstub", "stub0")
    host.ok("dladm", "create-vnic", "-l", "stub0", "pi0")
    host.ok("ipadm", "create-addr", "-T", "static", "-a", "10.190.190.1/24", "pi0/v4")
    host.ok("svcadm", "clear", "-s", "dhcp:ipv4")
    assert host.ok("svcs", "-H", "-o", "state", "dhcp:ipv4") == "online\n"


def test_a_server_without_a_subnet_of_its_own_does_not_start(host: Host) -> None:
    """No interface has an address in the declared subnet."""
    host.put("/etc/dhcpd.conf", SUBNET)
    assert host.run("svcadm", "enable", "-s", "dhcp:ipv4").code == 3


def test_clearing_what_is_well_is_an_error(host: Host) -> None:
    """Only maintenance and degraded are cleared."""
    said = host.run("svcadm", "clear", "ssh")
    assert said.code == 1
    assert said.err == 'svcadm: Instance "svc:/network/ssh:default" is not in a maintenance or degraded state.\n'


def test_refresh_does_not_restart_the_dhcp_server(host: Host) -> None:
    """A broken file shows at the restart, not at the refresh."""
    host.put("/etc/dhcpd.conf", "subnet 192.0.2.0 netmask 255.255.255.0 { }\n")
    host.ok("svcadm", "enable", "-s", "dhcp:ipv4")
    host.put("/etc/dhcpd.conf", "rubbish")
    host.ok("svcadm", "refresh", "dhcp:ipv4")
    assert host.ok("svcs", "-H", "-o", "state", "dhcp:ipv4") == "online\n"
    assert host.run("svcadm", "restart", "-s", "dhcp:ipv4").code == 3


def test_properties_need_a_type_once(host: Host) -> None:
    """svccfg setprop keeps the type of a property it knows and asks for that of a new one."""
    host.ok("svccfg", "-s", "dhcp:ipv4", "setprop", "config/listen_ifnames", "=", "astring:", '"pi0"')
    assert "config/listen_ifnames          astring     pi0\n" in host.ok(
        "svccfg", "-s", "dhcp:ipv4", "listprop", "config"
    )
    host.ok("svccfg", "-s", "dhcp:ipv4", "setprop", "config/listen_ifnames=pi1")
    said = host.run("svccfg", "-s", "dhcp:ipv4", "setprop", "config/new=1")
    assert (said.code, said.err) == (1, 'svccfg: Type required for new property "config/new".\n')


def test_a_property_may_have_several_values(host: Host) -> None:
    """Values in parentheses are listed side by side, one string with a blank is listed in quotes."""
    for value, listed in (('("pi0" "pi1")', "pi0 pi1"), ('"pi0 pi1"', '"pi0 pi1"'), ('("pi0")', "pi0"), ('""', '""')):
        host.ok("svccfg", "-s", "dhcp:ipv4", "setprop", "config/listen_ifnames", "=", "astring:", value)
        assert f"config/listen_ifnames          astring     {listed}\n" in host.ok(
            "svccfg", "-s", "dhcp:ipv4", "listprop", "config"
        )


def test_a_manifest_brings_a_service(host: Host) -> None:
    """Imported, it is known, disabled, and can be enabled."""
    host.put("/lib/svc/manifest/application/agent.xml", MANIFEST)
    host.ok("svccfg", "import", "/lib/svc/manifest/application/agent.xml")
    host.ok("svcadm", "enable", "-s", "application/agent")
    assert host.ok("svcs", "-H", "-o", "state,desc", "agent").split(None, 1) == ["online", "the agent\n"]
    host.put("/tmp/broken.xml", "<service_bundle>")
    assert host.run("svccfg", "validate", "/tmp/broken.xml") == (1, "", "svccfg: couldn't parse document\n")


def test_an_unprivileged_caller_is_denied(host: Host) -> None:
    """Asking is free, changing is not."""
    host.world.configure(euid=1000)
    assert host.run("svcadm", "enable", "dhcp:ipv4") == (1, "", "svcadm: dhcp:ipv4: Permission denied.\n")
    host.ok("svcs", "dhcp:ipv4")
