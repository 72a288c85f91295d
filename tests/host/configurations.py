"""Configurations of every shape, for Hypothesis."""

from hypothesis import strategies as st

from zoneweaver.domain.secret import Text
from zoneweaver.domain.zone import Resource, ResourceKind, ZoneConfig, attr, device

LETTERS = "abcdefghijklmnopqrstuvwxyz"

values = st.text(
    alphabet=st.characters(exclude_characters='"\ufffe\uffff', exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30
) | st.text(alphabet="ab=;[]()#,\\'<>&{}% ", min_size=1, max_size=12)
"""What zonecfg(8) and its files can carry at all: anything but a double quote, control and non-characters."""

words = st.text(alphabet=LETTERS, min_size=1, max_size=8)
names = st.builds(lambda word, number: f"{word}{number}", words, st.integers(0, 99))
attr_names = st.one_of(names, st.sampled_from(["ram", "vcpus", "password", "vnc", "sshkey", "bootdisk", "disk0"]))
attr_values = st.one_of(values, st.builds(lambda value: f"unix=/tmp/vm.vnc,password={value}", values))


def resource(kind: ResourceKind, lists: tuple[tuple[str, str], ...] = (), /, **props: Text | None) -> Resource:
    """Make a resource; underscores in names of properties stand for hyphens."""
    given = tuple((name.replace("_", "-"), value) for name, value in props.items() if value is not None)
    return Resource(kind=kind, props=given, lists=lists)


nets = st.builds(
    lambda physical, address, router, over, mac, vlan, properties: resource(
        ResourceKind.NET,
        tuple(("property", f'(name={name},value="{value}")') for name, value in properties),
        physical=physical,
        allowed_address=address,
        defrouter=router if address else None,
        global_nic=over,
        mac_addr=mac,
        vlan_id=vlan,
    ),
    names,
    st.one_of(st.none(), st.sampled_from(["10.0.0.5/24", "10.1.0.6/16", "2001:db8::5/64"])),
    st.one_of(st.none(), st.sampled_from(["10.0.0.1", "10.1.0.1"])),
    st.one_of(st.none(), st.sampled_from(["igb0", "stub0"])),
    st.one_of(st.none(), st.sampled_from(["2:8:20:a:b:c", "02:08:20:0a:0b:0d"])),
    st.one_of(st.none(), st.sampled_from(["7", "4094"])),
    st.lists(
        st.tuples(st.sampled_from(["netif", "mtu"]), st.sampled_from(["e1000", "1500"])),
        max_size=2,
        unique_by=lambda p: p[0],
    ),
)

filesystems = st.builds(
    lambda place, options: resource(
        ResourceKind.FS, tuple(("options", option) for option in options), dir=place, special=place, type="lofs"
    ),
    st.builds(lambda word: f"/iso/{word}.iso", names),
    st.lists(st.sampled_from(["ro", "nodevices", "nosetuid"]), unique=True, max_size=3),
)

devices = st.builds(lambda word: device(f"/dev/zvol/rdsk/rpool/{word}"), names)
attrs = st.builds(attr, attr_names, attr_values)
limits = st.builds(
    lambda name, limit: resource(
        ResourceKind.RCTL, (("value", f"(priv=privileged,limit={limit},action=deny)"),), name=name
    ),
    st.sampled_from(["zone.max-lwps", "zone.max-processes", "zone.cpu-shares"]),
    st.integers(1, 5000),
)
datasets = st.builds(lambda word: resource(ResourceKind.DATASET, name=f"rpool/{word}"), names)


def _of_all_kinds() -> st.SearchStrategy[tuple[Resource, ...]]:
    kinds = (filesystems, nets, devices, limits, attrs, datasets)
    lists = [st.lists(kind, max_size=4, unique_by=lambda item: item.key) for kind in kinds]
    return st.tuples(*lists).map(lambda found: tuple(item for items in found for item in items))


configurations = st.builds(
    lambda name, autoboot, bootargs, resources: ZoneConfig(
        globals=(
            ("zonepath", f"/zones/{name}"),
            ("brand", "bhyve"),
            ("autoboot", "true" if autoboot else "false"),
            ("ip-type", "exclusive"),
            *((("bootargs", bootargs),) if bootargs else ()),
        ),
        resources=resources,
    ),
    names,
    st.booleans(),
    st.one_of(st.none(), st.sampled_from(["-v", "-m verbose", "a=b;c"])),
    _of_all_kinds(),
)
