"""The configuration and the leases of the DHCP server as text."""

from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.domain.rules import configs

from zoneweaver.domain.dhcp import DhcpConfig, Held, Lease, LeaseState
from zoneweaver.host import blocks, dhcpd, dhcpd_leases
from zoneweaver.host.dhcpd_syntax import Statement, statements
from zoneweaver.host.zonexml import BrokenFile

FOREIGN = """# by hand
option domain-name "lan # {";
default-lease-time 600; max-lease-time 7200;
shared-network office {
  subnet 192.0.2.0 netmask 255.255.255.0 { option routers 192.0.2.1; }
  pool { range 192.0.2.10 192.0.2.20; allow members of "x;y"; }
}
group {
  host Printer { hardware ethernet 0:1:2:3:4:5; fixed-address 192.0.2.7, printer.lan, 192.0.2.8; }
  host silent { option host-name "silent"; }
}
if option x = "a\\"b" { set y = "{"; } else { deny booting; }
"""


@given(configs)
def test_a_configuration_reads_back(config: DhcpConfig) -> None:
    """Subnets and reservations, written as text, are the same when the text is read."""
    assert dhcpd.parse(dhcpd.render(config)) == config


@given(configs, st.sampled_from(["", FOREIGN, FOREIGN.rstrip(), "# x\r\n"]), st.data())
def test_a_reservation_goes_alone(config: DhcpConfig, foreign: str, data: st.DataObject) -> None:
    """In a file of others too: what is not the reservation stays byte by byte, and others' words are as they were."""
    text = blocks.put(foreign, "network", dhcpd.render(config))
    assert dhcpd.parse(blocks.read(text, "network") or ()) == config
    assert blocks.foreign(text).rstrip("\n") == foreign.rstrip("\n")
    if not config.reservations:
        return
    gone = data.draw(st.sampled_from(config.reservations))
    after = blocks.put(text, "network", dhcpd.render(config.without_reservation(gone.hostname)))
    said = "".join(f"{line}\n" for line in dhcpd.render(DhcpConfig(reservations=(gone,))))
    if len(dhcpd.render(config)) > 4:
        assert text is not None
        assert after == text.replace(said, "", 1)
    else:
        assert after == foreign


def test_what_others_told_the_server_is_seen() -> None:
    """Subnets and hosts are found however deep they stand, strings and comments notwithstanding."""
    found = dhcpd.foreign(FOREIGN)
    assert found.networks == (IPv4Network("192.0.2.0/24"),)
    assert found.hosts == (
        Held(hostname="Printer", mac="00:01:02:03:04:05", ip=IPv4Address("192.0.2.7")),
        Held(hostname="Printer", mac="00:01:02:03:04:05", ip=IPv4Address("192.0.2.8")),
        Held(hostname="silent"),
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("subnet 10.0.0.0 {", "middle of a statement"),
        ("option x", "middle of a statement"),
        ('option x "', "middle of a statement"),
        ("a;\n}", "line 2"),
        ("x {\n y }", "line 2"),
        ("subnet x netmask y { }", "line 1"),
    ],
)
def test_what_is_no_configuration_is_named(text: str, why: str) -> None:
    """A file that cannot be read is told with its path and where."""
    with pytest.raises(BrokenFile, match=why) as caught:
        dhcpd.foreign(text)
    assert caught.value.path == "/etc/dhcpd.conf"


@pytest.mark.parametrize(
    "text",
    [
        "authoritative;",
        "host a { }",
        "host a { hardware ethernet 2:0:0:0:0:1; fixed-address 10.0.0.5; option x y; }",
        "subnet 10.0.0.0 netmask 255.255.255.0 { option routers 10.0.0.1; }",
        "subnet 10.0.0.0 netmask 255.255.255.0 { option routers 10.0.0.1; range 10.0.0.5; }",
        "subnet 10.0.0.0 netmask 255.255.255.0;",
    ],
)
def test_what_we_did_not_write_in_our_block_is_named(text: str) -> None:
    """Rather than lose a line that somebody put into the block, nothing is done and the line is told."""
    with pytest.raises(BrokenFile, match="which did not write it so"):
        dhcpd.parse([text])


@given(st.text(st.sampled_from('ab;{}"\\# \n,'), max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text leads to anything but statements or a refusal with the path."""
    try:
        found = statements(text)
    except BrokenFile as error:
        assert error.path == "dhcpd.conf"
    else:
        assert all(isinstance(item, Statement) for item in found)


LEASES = r"""# The format of this file is documented in the dhcpd.leases(5) manual page.
authoring-byte-order little-endian;
server-duid "\000\001\000\001/\"x\200";

lease 10.7.0.11 {
  starts 4 2026/01/01 10:00:00;
  ends never;
  binding state active;
  hardware ethernet 02:08:20:00:00:02;
}
lease 10.7.0.10 {
  starts 4 2026/01/01 10:00:00;
  ends 4 2026/01/01 10:10:00;
  cltt 4 2026/01/01 10:00:00;
  binding state active;
  next binding state free;
  rewind binding state free;
  hardware ethernet 02:08:20:00:00:01;
  uid "\001\002\010 ;}";
  client-hostname "web";
}
lease 10.7.0.10 {
  starts epoch 1767262200; # Thu Jan  1 10:10:00 2026
  ends epoch 1767262800;
  binding state free;
  hardware ethernet 2:8:20:0:0:1;
}
lease 10.7.0.12 {
  starts 4 2026/01/01 10:00:00;
  ends 4 2026"""


def test_the_last_word_about_an_address_counts() -> None:
    """Leases come by address, with what was said last; what is being written at the moment is not there yet."""
    begun = datetime(2026, 1, 1, 10, tzinfo=UTC)
    assert dhcpd_leases.parse(LEASES) == (
        Lease(
            ip=IPv4Address("10.7.0.10"),
            mac="02:08:20:00:00:01",
            state=LeaseState.FREE,
            starts=begun.replace(minute=10),
            ends=begun.replace(minute=20),
        ),
        Lease(ip=IPv4Address("10.7.0.11"), mac="02:08:20:00:00:02", state=LeaseState.ACTIVE, starts=begun, ends=None),
    )


@given(st.integers(0, len(LEASES)))
def test_leases_may_be_cut_off_anywhere(length: int) -> None:
    """However much of the file was written, the whole leases in it are read."""
    found = dhcpd_leases.parse(LEASES[:length])
    assert {lease.ip for lease in found} <= {IPv4Address("10.7.0.10"), IPv4Address("10.7.0.11")}


@pytest.mark.parametrize(
    "body", ["starts soon;", "binding state odd;", "hardware ethernet x;", "ends 4 2026/13/01 00:00:00;"]
)
def test_a_lease_that_cannot_be_read_is_named(body: str) -> None:
    """What the manual page does not know is told with its address."""
    with pytest.raises(BrokenFile, match=r"10\.7\.0\.9"):
        dhcpd_leases.parse(f"lease 10.7.0.9 {{ {body} }}")


def test_records_of_options_are_somebodys_words() -> None:
    """Types in braces end without a semicolon; what stands behind them is seen all the same (dhcp-options(5))."""
    text = (
        "option space PXE;\noption PXE.boot code 7 = { ip-address, text };\n"
        "option rfc3442 code 121 = array of { integer 8, ip-address };\noption y code 9={ text };\n"
        "subnet 192.0.2.0 netmask 255.255.255.0 { }\n"
    )
    assert dhcpd.foreign(text).networks == (IPv4Network("192.0.2.0/24"),)
    assert statements(text)[1].words == ("option", "PXE.boot", "code", "7", "=", "ip-address", "text")
    with pytest.raises(BrokenFile, match="ends in the middle"):
        statements("option y code 9 = { text")
    with pytest.raises(BrokenFile, match="closes what did not open"):
        statements("host a { option b }")
