"""zonecfg(8): what is said, and what is read back."""

import pytest
from hypothesis import given
from tests.host.configurations import configurations, values

from zoneweaver.domain.errors import Unparseable
from zoneweaver.domain.secret import MASK, Secret, reveal
from zoneweaver.domain.zone import Resource, ResourceKind, ZoneConfig, attr, device
from zoneweaver.host import zonecfg
from zoneweaver.host.command import SCRIPT_PLACE, Completed, InputFile

QUERY = zonecfg.export("web")


def completed(text: str) -> Completed:
    return Completed(argv=QUERY.command.argv, exit_status=0, stdout=text, stderr="", seconds=0.0)


EXPORT = """\
create -b
set zonepath=/zones/web
set brand=bhyve
set autoboot=false
set bootargs=-m verbose
set ip-type=exclusive
add fs
set dir="/iso/a.iso"
set special="/iso/a.iso"
set type="lofs"
add options ro
add options nodevices
end
add net
set allowed-address="10.0.0.5/24"
set physical="web0"
set global-nic="igb0"
add property (name=netif,value="e1000")
end
add device
set match="/dev/zvol/rdsk/rpool/web/root"
end
add attr
set name="vcpus"
set type="string"
set value="sockets=2,cores=4"
end
add attr
set name="password"
set type="string"
set value="hunter2"
end
add dedicated-cpu
set ncpus=1-3
end
"""


def test_an_export_is_read() -> None:
    """Globals, properties and list elements come out in the order in which they stand."""
    config = QUERY.parse(completed(EXPORT))
    assert dict(config.globals) == {
        "zonepath": "/zones/web",
        "brand": "bhyve",
        "autoboot": "false",
        "bootargs": "-m verbose",
        "ip-type": "exclusive",
    }
    fs, net, disk, vcpus, password, cpus = config.resources
    assert fs.lists == (("options", "ro"), ("options", "nodevices"))
    assert (net.key, net.get("global-nic")) == ("web0", "igb0")
    assert net.lists == (("property", '(name=netif,value="e1000")'),)
    assert disk == device("/dev/zvol/rdsk/rpool/web/root")
    assert vcpus == attr("vcpus", "sockets=2,cores=4")
    assert dict(password.props)["value"] == Secret("hunter2")
    assert cpus.get("ncpus") == "1-3"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "begins with create"),
        ("zonename: web\n", "begins with create"),
        ("create -b\n", "no property"),
        ("create -b\nset brand=bhyve\nadd gizmo\nend\n", "unknown resource"),
        ('create -b\nset brand=bhyve\nadd attr\nset name="ram"\n', "unfinished attr"),
        ("create -b\nset brand=bhyve\nbang\n", "bang"),
        ("create -b\nset brand=bhyve\nend\n", "end"),
    ],
)
def test_what_is_no_export_is_not_guessed_at(text: str, why: str) -> None:
    """An answer of another shape is an error that says what was unexpected."""
    with pytest.raises(Unparseable, match=why):
        QUERY.parse(completed(text))


def test_a_broken_export_does_not_tell_secrets() -> None:
    """What is quoted of an answer that cannot be read has no values of attributes in it."""
    with pytest.raises(Unparseable) as caught:
        QUERY.parse(completed(EXPORT.replace("end\nadd dedicated-cpu", "value=hunter2\nadd dedicated-cpu")[:-4]))
    assert "hunter2" not in str(caught.value.details) + caught.value.message
    assert MASK in caught.value.message


def script_of(lines: list[zonecfg.Line]) -> str:
    return InputFile(lines=tuple(lines)).text()


@given(configurations)
def test_what_is_said_means_what_was_meant(config: ZoneConfig) -> None:
    """A configuration that is said in full, and read as an export, is the same configuration."""
    assert QUERY.parse(completed("create -b\n" + script_of(zonecfg.said(config)))).same_as(config)


@given(configurations)
def test_nothing_is_said_when_nothing_changes(config: ZoneConfig) -> None:
    """The difference of a configuration to itself is empty, and no command is made of it."""
    assert zonecfg.difference(config, config) == []
    assert zonecfg.change("web", config, config) is None


@given(values)
def test_a_value_is_said_as_it_is(value: str) -> None:
    """Whatever a value holds, it stands between double quotes unchanged."""
    assert "".join(map(reveal, zonecfg.quoted(value))) == f'"{value}"'


def test_a_creation_is_one_run_with_a_script() -> None:
    """Creating says everything in one process, and its plan shows no secret."""
    config = ZoneConfig(globals=(("brand", "bhyve"),), resources=(attr("password", "hunter2"),))
    command = zonecfg.create("web", config)
    assert command.argv == ("zonecfg", "-z", "web", "-f", SCRIPT_PLACE)
    assert command.changes
    assert command.shown()["script"] == [
        "create -b",
        'set brand="bhyve"',
        "add attr",
        'set name="password"',
        'set type="string"',
        f'set value="{MASK}"',
        "end",
    ]


def test_a_difference_is_as_small_as_it_can_be() -> None:
    """Only what changes is said: an attribute is set where it stands, a removed device is removed by its match."""
    before = ZoneConfig(
        globals=(("brand", "bhyve"), ("autoboot", "false")),
        resources=(attr("ram", "1G"), attr("vcpus", "2"), device("/dev/a"), device("/dev/b")),
    )
    after = ZoneConfig(
        globals=(("brand", "bhyve"), ("autoboot", "true")),
        resources=(attr("ram", "2G"), attr("vcpus", "2"), device("/dev/b"), attr("vnc", "on")),
    )
    assert script_of(zonecfg.difference(before, after)).splitlines() == [
        'set autoboot="true"',
        'remove device match="/dev/a"',
        'select attr name="ram"',
        'set type="string"',
        'set value="2G"',
        "end",
        "add attr",
        'set name="vnc"',
        'set type="string"',
        'set value="on"',
        "end",
    ]


def test_the_order_of_network_cards_is_kept_by_saying_them_all() -> None:
    """A card before others cannot be added in place, since the guest counts them: all are said anew."""
    old = Resource(kind=ResourceKind.NET, props=(("physical", "web1"),))
    new = Resource(kind=ResourceKind.NET, props=(("physical", "web0"),))
    said = script_of(zonecfg.difference(ZoneConfig(resources=(old,)), ZoneConfig(resources=(new, old))))
    assert said.splitlines() == [
        "remove -F net",
        "add net",
        'set physical="web0"',
        "end",
        "add net",
        'set physical="web1"',
        "end",
    ]


def test_refusals_are_recognised() -> None:
    """What zonecfg says when a zone is there already, or is not, is told apart."""
    assert zonecfg.refused_create("Zone web already installed; create not allowed.\n")
    assert zonecfg.refused_create("Zone exists, input not from terminal and -F not specified:\n")
    assert not zonecfg.refused_create("web: No such zone configured\n")
    assert zonecfg.unknown_zone("web: No such zone configured\n")
