"""What dhcpd says about a configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labhost.net.dhcp import ConfigError, parse_config

if TYPE_CHECKING:
    from tests.labhost.net.conftest import Host

GOOD = """# our network
authoritative;
option domain-name "lab; with { odd } words";
subnet 10.190.190.0 netmask 255.255.255.0 {
  option routers 10.190.190.1;
  option domain-name-servers 8.8.8.8, 8.8.4.4;
  range 10.190.190.10 10.190.190.250;
}
host web { hardware ethernet 02:08:20:aa:bb:cc; fixed-address 10.190.190.20; }
"""


def test_a_good_configuration_is_read() -> None:
    """Subnets and hosts are found, whatever stands in quotes."""
    config = parse_config("/etc/dhcpd.conf", GOOD)
    assert [(bits, text) for _, bits, text in config.subnets] == [(24, "10.190.190.0")]
    assert config.hosts == {"web": {"hardware": "02:08:20:aa:bb:cc", "fixed-address": "10.190.190.20"}}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("authoritative\noption x 1;\n", "line 2: semicolon expected."),
        ("subnet 10.0.0.0 netmask 255.255.255.0 {\n", "line 1: unexpected end of file."),
        ("subnet 10.0.0.1 netmask 255.255.255.0 { }\n", "bad subnet number/mask combination."),
        ("subnet 10.0.0.0 netmask 255.0.0.0 { range 11.0.0.1 11.0.0.9; }\n", "not on net 10.0.0.0/8!"),
        ("range 10.0.0.1 10.0.0.2;\n", "range declaration not allowed here."),
        ("host a { }\nhost a { }\n", "line 2: host a: already exists"),
        ("host a { hardware ethernet 02:zz:00:00:00:00; }\n", "expecting hexadecimal number."),
        ("rubbish here;\n", "expecting a parameter or declaration"),
        ("}\n", "line 1"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text: str, error: str) -> None:
    """An error names the file, the line and what was expected."""
    with pytest.raises(ConfigError) as caught:
        parse_config("/etc/dhcpd.conf", text)
    assert error in str(caught.value)
    assert str(caught.value).startswith("/etc/dhcpd.conf line ")


@given(
    st.lists(
        st.sampled_from(["subnet", "10.0.0.0", "netmask", "255.0.0.0", "{", "}", ";", "host", "a", "range", "\n", '"'])
    )
)
def test_any_text_is_a_configuration_or_an_error(words: list[str]) -> None:
    """Reading ends well or in a ConfigError, never otherwise."""
    try:
        parse_config("f", " ".join(words))
    except ConfigError as error:
        assert error.text.startswith("f line ")


def test_the_check_exits_0_or_1(host: Host) -> None:
    """dhcpd -t -cf FILE speaks on stderr only."""
    host.put("/etc/dhcpd.conf", GOOD)
    said = host.run("dhcpd", "-t", "-cf", "/etc/dhcpd.conf")
    assert (said.code, said.out) == (0, "")
    assert "Config file: /etc/dhcpd.conf" in said.err
    host.put("/etc/dhcpd.conf", GOOD.replace("authoritative;", "authoritative"))
    said = host.run("dhcpd", "-t", "-cf", "/etc/dhcpd.conf")
    assert (said.code, said.out) == (1, "")
    assert "/etc/dhcpd.conf line 3: semicolon expected." in said.err
    assert "Configuration file errors encountered -- exiting" in said.err
    assert (
        host.run("dhcpd", "-t", "-cf", "/etc/nope.conf").err.count(
            "Can't open /etc/nope.conf: No such file or directory"
        )
        == 1
    )
