"""Link names and MAC addresses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labhost.net.names import is_multicast, parse_mac, random_mac, valid_bridge_name, valid_link_name


@pytest.mark.parametrize("name", ["web0", "web10", "a.b_c0", "estub_provision0", "x" * 30 + "1", "_a1"])
def test_a_name_that_ends_in_a_number_is_good(name: str) -> None:
    """Letters, digits, underscores and dots, ending in a number, name a link."""
    assert valid_link_name(name)


@pytest.mark.parametrize("name", ["", "web", "web01", "web-0", "0web0", "web00", "x" * 31 + "1", "wéb0", "web 0"])
def test_a_name_without_a_proper_number_is_refused(name: str) -> None:
    """No number, a leading zero, a dash, a leading digit or 32 characters make no link name."""
    assert not valid_link_name(name)


def test_a_bridge_is_named_without_a_number() -> None:
    """A bridge's link is its name with 0 behind it."""
    assert valid_bridge_name("office")
    assert not valid_bridge_name("office0")
    assert not valid_bridge_name("default")


@given(st.binary(min_size=6, max_size=6))
def test_a_mac_loses_its_leading_zeros_and_nothing_else(raw: bytes) -> None:
    """Padded and unpadded writing of six bytes read the same, and reading is idempotent."""
    padded = ":".join(f"{b:02X}" for b in raw)
    read = parse_mac(padded)
    assert read == ":".join(f"{b:x}" for b in raw)
    assert parse_mac(read) == read


@given(st.text(alphabet="0123456789abcdefg:-", max_size=20))
def test_reading_a_mac_never_fails_otherwise(text: str) -> None:
    """Any text is a MAC of six parts or None."""
    mac = parse_mac(text)
    assert mac is None or len(mac.split(":")) == 6


def test_a_random_mac_is_unicast_with_the_illumos_prefix() -> None:
    """Automatic MACs begin with 2:8:20."""
    mac = random_mac()
    assert mac.startswith("2:8:20:")
    assert parse_mac(mac) == mac
    assert not is_multicast(mac)
    assert is_multicast("1:0:5e:0:0:1")
