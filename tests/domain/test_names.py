"""Names that cannot be built wrong."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoneweaver.domain.errors import Invalid
from zoneweaver.domain.names import (
    DatasetName,
    HostPath,
    LinkName,
    MacAddress,
    SnapshotName,
    ZoneName,
    interface_address,
    plain_value,
)

HOSTILE = [
    "",
    " ",
    "a b",
    "a;b",
    "a\nb",
    "$(reboot)",
    "a#b",
    'a"b',
    "a'b",
    "ä",
    "\x00",
    "a\x7f",
    "../x",
    "-",
    "x" * 300,
]


@pytest.mark.parametrize("name", ["a", "web-01", "Web_1.x", "0", "a" * 63])
def test_good_zone_names(name):
    """What zonecfg takes is taken."""
    assert ZoneName.parse(name) == name


@pytest.mark.parametrize("name", [*HOSTILE, "global", "Global", "SUNWx", "a" * 64, ".a", "-a", "_a", None, 3])
def test_bad_zone_names(name):
    """Everything else gets the document's sentence."""
    with pytest.raises(Invalid, match="^Invalid zone name$"):
        ZoneName.parse(name)


@pytest.mark.parametrize("name", ["rpool", "rpool/zones/web/root", "tank/a.b_c-d:e"])
def test_good_datasets(name):
    """What zfs takes is taken."""
    assert DatasetName.parse(name) == name


@pytest.mark.parametrize(
    "name", [*HOSTILE, "/rpool", "rpool/", "rpool//x", "rpool/../x", "rpool@x", "1pool", "rpool/.", None]
)
def test_bad_datasets_name_their_field(name):
    """A dataset that zfs would refuse or take for something else never gets there."""
    with pytest.raises(Invalid) as caught:
        DatasetName.parse(name, field="existing_dataset")
    assert caught.value.field == "existing_dataset"


def test_a_dataset_holds_what_lies_below_it_and_nothing_that_only_begins_alike():
    """rpool/zones/web does not hold rpool/zones/web2."""
    root = DatasetName.parse("rpool/zones/web")
    assert root.holds("rpool/zones/web/root")
    assert root.holds("rpool/zones/web@s")
    assert root.holds("rpool/zones/web")
    assert not root.holds("rpool/zones/web2")
    assert root.parent == "rpool/zones"
    assert DatasetName.parse("rpool").parent is None
    assert root.pool == "rpool"


def test_snapshots():
    """A snapshot is a dataset and a name."""
    assert SnapshotName.parse("rpool/t@ready").dataset == "rpool/t"
    bads: list[Any] = ["rpool/t", "@x", "rpool/t@", "rpool/t@a@b", "rpool/t@a/b", None]
    for bad in bads:
        with pytest.raises(Invalid):
            SnapshotName.parse(bad)


@pytest.mark.parametrize("name", ["web0", "vnic10", "net_a.1", "a" * 30 + "1", "_x0"])
def test_good_links(name):
    """Links end in a number."""
    assert LinkName.parse(name) == name


@pytest.mark.parametrize("name", [*HOSTILE, "web", "web01", "web-0", "0web0", "a" * 31 + "1", "web00", None])
def test_bad_links(name):
    """dladm's rule is ours."""
    with pytest.raises(Invalid):
        LinkName.parse(name)


@given(st.lists(st.integers(0, 255), min_size=6, max_size=6))
def test_mac_addresses_are_padded_and_must_be_unicast(octets):
    """dladm's spelling without zeros and the usual one are the same address."""
    text = ":".join(f"{octet:x}" for octet in octets)
    if octets[0] & 1 or not any(octets):
        with pytest.raises(Invalid):
            MacAddress.parse(text)
    else:
        assert MacAddress.parse(text) == ":".join(f"{octet:02X}" for octet in octets).lower()
        assert MacAddress.parse(text.upper().replace(":", "-")) == MacAddress.parse(text)


@pytest.mark.parametrize(
    "path", ["relative", "/a/../b", "/a//b", "/", "/a/", '/a"b', "/a\nb", "/ä", "/a/./b", "", None]
)
def test_bad_paths(path):
    """A path that could mean another place is refused."""
    with pytest.raises(Invalid):
        HostPath.parse(path)


def test_addresses_need_a_prefix():
    """An address without a prefix is unusable for cloud-init."""
    assert interface_address("10.0.0.5/24", field="f") == "10.0.0.5/24"
    assert interface_address("fd00::1/64", field="f") == "fd00::1/64"
    bads: list[Any] = ["10.0.0.5", "10.0.0.256/24", "10.0.0.5/33", "x/24", "", None, "10.0.0.5/24,10.0.0.6/24"]
    for bad in bads:
        with pytest.raises(Invalid):
            interface_address(bad, field="f")


@given(st.text())
def test_plain_values_are_carried_or_refused(text):
    """A value is taken as it is, or refused because zonecfg could not say it."""
    try:
        assert plain_value(text, field="notes") == text
    except Invalid as refused:
        assert refused.field == "notes"
    else:
        assert '"' not in text
        assert "\n" not in text
        assert text
