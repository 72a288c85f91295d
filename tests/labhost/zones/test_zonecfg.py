"""zonecfg(8) as a command."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.labhost.zones.conftest import Host

from labhost.zones.session import Session

ATTR = "add attr; set name=ram; set type=string; set value=2G; end"


def test_an_unknown_zone_is_said_to_be_unknown(host: Host) -> None:
    """Each command on a zone nobody configured complains, and the exit code is 1."""
    said = host.run("zonecfg", "-z", "web", "info; set autoboot=true")
    assert (said.code, said.out, said.err) == (1, "", "web: No such zone configured\n" * 2)


@pytest.mark.parametrize("argv", [(), ("-z",), ("-z", ""), ("-x", "web"), ("-z", "web", "-f", "a", "info")])
def test_a_wrong_command_line_is_usage(host: Host, argv: tuple[str, ...]) -> None:
    """Without a zone, or with what cannot go together, zonecfg explains itself and exits 2."""
    said = host.run("zonecfg", *argv)
    assert said.code == 2
    assert said.err.startswith("usage:\tzonecfg")


@pytest.mark.parametrize("name", ["-web", "we/b", "a" * 64, "wéb"])
def test_a_bogus_name_exits_2(host: Host, name: str) -> None:
    """A name that no zone can have is refused before anything else, with exit code 2."""
    said = host.run("zonecfg", f"-z{name}", "create -b")
    assert said.code == 2
    assert said.err.startswith(f"{name}: Bogus zone name\n")


def test_words_are_joined_so_shell_quoting_is_lost(host: Host) -> None:
    """The words after the options are one string: a value with `=` needs quotes of its own."""
    host.configure("web")
    words = ["add", "attr;", "set", "name=vcpus;", "set", "type=string;", "set", 'value="sockets=2,cores=4";', "end"]
    host.ok("zonecfg", "-z", "web", *words)
    assert "value: sockets=2,cores=4\n" in host.ok("zonecfg", "-z", "web", "info", "attr", "name=vcpus")
    said = host.run("zonecfg", "-z", "web", "select attr name=vcpus; set value=sockets=2,cores=4; end")
    assert said.code == 1
    assert said.err.startswith("syntax error at '='\n")


def test_an_error_stops_nothing_and_all_the_rest_is_committed(host: Host) -> None:
    """On the command line an error in the middle leaves what is before and after it, and exits 1."""
    host.configure("web")
    said = host.run("zonecfg", "-z", "web", f"set autoboot=true; set physical=web0; bogus; {ATTR}")
    assert said.code == 1
    assert "Cannot set a resource-specific property from the global scope.\n" in said.err
    assert "syntax error at 'bogus'\n" in said.err
    info = host.ok("zonecfg", "-z", "web", "info")
    assert "autoboot: true\n" in info
    assert "\tvalue: 2G\n" in info


def test_a_file_stops_at_its_first_error_and_commits_what_was_before(host: Host, tmp_path: Path) -> None:
    """With -f the line is named, nothing after it happens, and what was done before is kept."""
    host.configure("web")
    file = tmp_path / "commands"
    file.write_text("set autoboot=true\n\n# a comment\nset bogus=1\nset pool=later\n")
    said = host.run("zonecfg", "-z", "web", "-f", str(file))
    assert said.code == 1
    assert said.err == (
        f"On line 4 of {file}:\nsyntax error at 'bogus'\nusage:\nset <property-name>=<property-value>\n"
    )
    info = host.ok("zonecfg", "-z", "web", "info")
    assert "autoboot: true\n" in info
    assert "pool: \n" in info


def test_an_incomplete_resource_commits_nothing(host: Host) -> None:
    """A resource that is not ended takes everything else of the run with it."""
    host.configure("web")
    before = host.file("/etc/zones/web.xml").read_bytes()
    said = host.run("zonecfg", "-z", "web", "set autoboot=true; add attr; set name=ram; end; set pool=x")
    assert said.code == 1
    assert "type not specified\nvalue not specified\n" in said.err
    assert said.err.endswith("Resource incomplete.\n")
    assert host.file("/etc/zones/web.xml").read_bytes() == before


def test_what_does_not_verify_is_not_saved(host: Host) -> None:
    """The commit at the end checks, says why not, and leaves nothing."""
    said = host.run("zonecfg", "-z", "web", "create -t bhyve; set autoboot=true")
    assert said.code == 1
    assert said.err == (
        "zonepath cannot be empty.\nZone web failed to verify\nweb: Required resource missing\n"
        "Configuration not saved.\n"
    )
    assert not host.file("/etc/zones/web.xml").exists()
    host.configure("web")
    said = host.run("zonecfg", "-z", "web", "add net; set physical=web0; set address=10.0.0.1/24; end")
    assert "net: address cannot be specified for an exclusive IP type\n" in said.err
    said = host.run("zonecfg", "-z", "web", "add net; set physical=web0; set defrouter=10.0.0.1; end")
    assert "net: defrouter for web0 cannot be specified without allowed-address for an exclusive IP type\n" in said.err


def test_standard_input_is_a_dialogue(host: Host) -> None:
    """`-f -` goes on after an error, and says the line without a file."""
    host.configure("web")
    said = host.run("zonecfg", "-z", "web", "-f", "-", stdin="set autoboot=perhaps\nset pool=p\n")
    assert said.code == 1
    assert said.err == "On line 1:\nautoboot value must be 'true' or 'false'.\n"
    assert "pool: p\n" in host.ok("zonecfg", "-z", "web", "info")


def test_create_on_an_installed_zone_says_no_and_edits_it(host: Host) -> None:
    """The message is no error: exit 0, and what follows changes the zone that is there; its path and brand stay."""
    host.installed("web", ATTR)
    said = host.run("zonecfg", "-z", "web", "create -b; set zonepath=/other; set brand=lx; set autoboot=true")
    assert (said.code, said.err) == (
        0,
        (
            "Zone web already installed; create not allowed.\n"
            "Zone web already installed; set zonepath not allowed.\n"
            "Zone web already installed; set brand not allowed.\n"
        ),
    )
    info = host.ok("zonecfg", "-z", "web", "info")
    assert "zonepath: /rpool/zones/web\nbrand: bhyve\nautoboot: true\n" in info
    assert "\tvalue: 2G\n" in info


def test_create_on_a_configured_zone_ends_the_run(host: Host) -> None:
    """Without -F and a terminal nothing more happens; with -F the old configuration is gone."""
    host.configure("web", ATTR)
    said = host.run("zonecfg", "-z", "web", "create -t bhyve; set zonepath=/rpool/zones/other")
    assert said.code == 1
    assert said.err == (
        "Zone exists, input not from terminal and -F not specified:\ncreate command ignored, exiting.\n"
    )
    assert "zonepath: /rpool/zones/web\n" in host.ok("zonecfg", "-z", "web", "info")
    said = host.run("zonecfg", "-z", "web", "create -F -t bhyve; set zonepath=/rpool/zones/other")
    assert (said.code, said.out) == (0, "Zone web already exists; overwriting.\n")
    assert "attr" not in host.ok("zonecfg", "-z", "web", "info")


def test_templates(host: Host) -> None:
    """-t takes OMNIbhyve for `bhyve`, -b the blank one, nothing the default one; an unknown one is an error."""
    assert "brand: bhyve\n" in host.ok("zonecfg", "-z", "a", "create -t bhyve; set zonepath=/z/a; info")
    assert "brand: lipkg\n" in host.ok("zonecfg", "-z", "b", "create; set zonepath=/z/b; info")
    said = host.run("zonecfg", "-z", "c", "create -t kvm9; set zonepath=/z/c")
    assert said.code == 1
    assert said.err.startswith("OMNIkvm9: No such zone configured\n")


def test_deleting(host: Host) -> None:
    """Without -F and a terminal nothing is deleted; with it a configured or installed zone, never a running one."""
    host.booted()
    said = host.run("zonecfg", "-z", "web", "delete")
    assert said.err == "Input not from terminal and -F not specified:\ndelete command ignored, exiting.\n"
    assert said.code == 1
    assert host.refused("zonecfg", "-z", "web", "delete", "-F") == (
        "web: Zone state is invalid for the requested operation\n"
    )
    host.ok("zoneadm", "-z", "web", "halt")
    host.ok("zonecfg", "-z", "web", "delete", "-F")
    assert not host.file("/etc/zones/web.xml").exists()
    assert host.file("/rpool/zones/web/root").is_dir()
    assert host.refused("zonecfg", "-z", "web", "delete", "-F") == "web: No such zone configured\n"


def test_resources_are_unique_by_their_key(host: Host) -> None:
    """A second resource of the same key is refused at its end."""
    host.configure(
        "web",
        f"{ATTR}; add device; set match=/dev/a; end; add fs; set dir=/a; set special=/a; set type=lofs; end; "
        "add net; set physical=web0; set allowed-address=10.0.0.5/24; end",
    )
    for commands, text in (
        (ATTR, "An attr resource with the name 'ram' already exists."),
        ("add device; set match=/dev/a; end", "A device resource with the match '/dev/a' already exists."),
        (
            "add fs; set dir=/a; set special=/b; set type=lofs; end",
            "A fs resource with the dir '/a' already exists.",
        ),
        (
            "add net; set physical=web0; set allowed-address=10.0.0.5/24; end",
            "A net resource with the physical 'web0', and allowed-address '10.0.0.5/24' already exists.",
        ),
    ):
        assert host.refused("zonecfg", "-z", "web", commands) == f"{text}\nResource incomplete.\n"


def test_removing_and_selecting(host: Host) -> None:
    """What is not there and what is there twice is told apart."""
    host.configure("web", "add net; set physical=web0; end; add net; set physical=web1; end")
    said = host.refused("zonecfg", "-z", "web", "remove attr name=x; select attr name=x; remove attr; remove net")
    assert said == (
        "remove attr: No such resource with that id\nselect attr: No such resource with that id\n"
        "remove attr: No such entry\n"
        "There are multiple instances of this resource.  Either qualify the resource to\n"
        "remove a single instance or use the -F option to remove all instances.\n"
    )
    host.ok("zonecfg", "-z", "web", "remove net physical=web0")
    assert "physical: web1\n" in host.ok("zonecfg", "-z", "web", "info net")
    host.ok("zonecfg", "-z", "web", "remove -F net")
    said2 = host.run("zonecfg", "-z", "web", "info net physical=web1")
    assert (said2.code, said2.out) == (0, "No such net resource.\n")


def test_a_changed_resource_moves_behind_the_others(host: Host) -> None:
    """A resource that is selected and ended is taken out and put in anew: the order of cards may change."""
    host.configure("web", "add net; set physical=web0; end; add net; set physical=web1; end")
    host.ok("zonecfg", "-z", "web", "select net physical=web0; set vlan-id=7; end")
    info = host.ok("zonecfg", "-z", "web", "info net")
    assert info.index("physical: web1") < info.index("physical: web0")


@pytest.mark.parametrize(
    ("commands", "text"),
    [
        ("set zonepath=zones/web", "zonepath zones/web is not an absolute path."),
        ("set autoboot=yes", "autoboot value must be 'true' or 'false'."),
        ("set brand=xen", 'Zone web uses non-existent brand "xen".  Unable to continue'),
        ("add net; set physical=web; cancel", "web: invalid physical interface name"),
        (
            "add attr; set name=a_b; cancel",
            "Invalid attr name a_b: can only contain alpha-numeric characters, plus '-' and '.'.",
        ),
        ("add attr; set name=-a; cancel", "Invalid attr name -a: must start with an alpha-numeric character."),
        ("add attr; set name=a; set type=boolean; set value=on; end; cancel", "invalid attr value for type=boolean"),
        ("add attr; set name=a; set type=int; set value=x; end; cancel", "invalid attr value for type=int"),
        (f"add attr; set name=a; set type=string; set value={'x' * 2048}; end; cancel", "value"),
        ("add bogus", "syntax error at 'bogus'"),
        ("end", "The end command only makes sense in the resource scope."),
        ("clear zonepath", "zonepath: Clearing this property is not allowed"),
        ("set hostid=zz", "hostid"),
        ("add device; set name=x; cancel", "name: No such property type"),
    ],
)
def test_what_is_refused(host: Host, commands: str, text: str) -> None:
    """A wrong value or word is refused with its message and exit code 1."""
    host.configure("web")
    assert text in host.refused("zonecfg", "-z", "web", commands)


def test_a_value_may_have_2047_bytes_and_macs_stay_as_written(host: Host) -> None:
    """Long values are kept whole; a MAC is not brought into another form."""
    long = "k" * 2047
    host.configure("web", host.attrs(sshkey=long) + "add net; set physical=web0; set mac-addr=02:08:20:00:0A:01; end")
    assert f"value: {long}\n" in host.ok("zonecfg", "-z", "web", "info attr name=sshkey")
    assert "mac-addr: 02:08:20:00:0A:01\n" in host.ok("zonecfg", "-z", "web", "info net")


def test_info_shows_everything_in_its_order(host: Host) -> None:
    """`info` without arguments: globals, set aliases, resources by kind, unset properties of nets named."""
    host.configure(
        "web",
        f"{ATTR}; add net; set physical=web0; set global-nic=igb0; set allowed-address=10.0.0.5/24; "
        'add property (name=netif,value="e1000"); end; add device; set match=/dev/zvol/rdsk/rpool/web/root; end; '
        "add fs; set dir=/iso/a.iso; set special=/iso/a.iso; set type=lofs; add options [ro,nodevices]; end; "
        "add capped-memory; set physical=2G; end; set cpu-shares=10; add attr; set name=b; set type=string; "
        'set value="a b"; end',
    )
    assert host.ok("zonecfg", "-z", "web", "info") == (
        "zonename: web\nzonepath: /rpool/zones/web\nbrand: bhyve\nautoboot: false\nbootargs: \npool: \nlimitpriv: \n"
        "scheduling-class: \nip-type: exclusive\nhostid: \nfs-allowed: \n[cpu-shares: 10]\n"
        "fs:\n\tdir: /iso/a.iso\n\tspecial: /iso/a.iso\n\traw not specified\n\ttype: lofs\n\toptions: [ro,nodevices]\n"
        "net:\n\taddress not specified\n\tallowed-address: 10.0.0.5/24\n\tdefrouter not specified\n"
        "\tglobal-nic: igb0\n\tmac-addr not specified\n\tphysical: web0\n\tvlan-id not specified\n"
        '\tproperty: (name=netif,value="e1000")\n'
        "device:\n\tmatch: /dev/zvol/rdsk/rpool/web/root\n"
        "capped-memory:\n\t[physical: 2G]\n"
        "attr:\n\tname: ram\n\ttype: string\n\tvalue: 2G\n"
        'attr:\n\tname: b\n\ttype: string\n\tvalue: "a b"\n'
    )


def test_an_export_makes_the_same_zone_again(host: Host, tmp_path: Path) -> None:
    """What `export` prints configures an equal zone; options, properties and memory caps included."""
    host.configure(
        "web",
        f'{ATTR}; add net; set physical=web0; set global-nic=igb0; add property (name=netif,value="e1000"); end; '
        "add fs; set dir=/i; set special=/i; set type=lofs; add options [ro,nodevices]; end; "
        "add capped-memory; set physical=2G; end; add dedicated-cpu; set ncpus=1-2; set importance=3; end; "
        "add dataset; set name=rpool/data; end; set limitpriv=default",
    )
    text = host.ok("zonecfg", "-z", "web", "export")
    assert text.startswith("create -b\nset zonepath=/rpool/zones/web\nset brand=bhyve\nset autoboot=false\n")
    assert 'add rctl\nset name="zone.max-physical-memory"\nadd value (priv=privileged,limit=2147483648,' in text
    file = tmp_path / "export"
    file.write_text(text)
    host.ok("zonecfg", "-z", "copy", "-f", str(file))
    assert host.ok("zonecfg", "-z", "copy", "export") == text
    host.ok("zonecfg", "-z", "web", "export", "-f", str(tmp_path / "again"))
    assert (tmp_path / "again").read_text() == text


def test_the_document_is_replaced_as_a_whole_without_a_lock(host: Host) -> None:
    """The file changes by a move, has mode 0644, and a session that ends later undoes what another one wrote."""
    host.configure("web")
    place = host.file("/etc/zones/web.xml")
    before = place.stat()
    assert stat.S_IMODE(before.st_mode) == 0o644
    kept = place.read_text()
    host.ok("zonecfg", "-z", "web", "set autoboot=true")
    assert place.stat().st_ino != before.st_ino
    slow = Session(host.world, "web")
    slow.open()
    place.write_text(kept)
    assert slow.config is not None
    slow.config.root["pool"] = "p"
    slow.dirty = True
    assert slow.finish() == 0
    text = place.read_text()
    assert 'autoboot="true"' in text
    assert 'pool="p"' in text


def test_parallel_sessions_on_different_zones_lose_nothing_in_the_index(host: Host) -> None:
    """The index is held while it is changed: twelve zones made at once are all there."""
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda n: host.configure(f"zone{n}"), range(12)))
    listed = host.ok("zoneadm", "list", "-c").split()
    assert sorted(listed) == sorted(["global", *(f"zone{n}" for n in range(12))])
    ids = [line.split(":")[7] for line in host.ok("zoneadm", "list", "-cp").splitlines()[1:]]
    assert len(set(ids)) == 12


def test_renaming(host: Host) -> None:
    """A new zonename moves the file and the line of the index; a bad one is refused."""
    host.configure("web")
    assert host.refused("zonecfg", "-z", "web", "set zonename=-x").startswith("-x: Bogus zone name\n")
    host.ok("zonecfg", "-z", "web", "set zonename=www")
    assert host.ok("zoneadm", "list", "-c").split() == ["global", "www"]
    assert not host.file("/etc/zones/web.xml").exists()


def test_without_privilege_nothing_is_changed(host: Host) -> None:
    """A caller who is not root may look, and is refused with the real words for anything else."""
    host.configure("web")
    host.world.configure(euid=1000)
    assert host.refused("zonecfg", "-z", "web", "set autoboot=true; add attr") == (
        "web: cannot set in read-only mode.\nweb: cannot add in read-only mode.\n"
    )
    assert "zonename: web\n" in host.ok("zonecfg", "-z", "web", "info")


def test_templates_of_the_system_are_read_only(host: Host) -> None:
    """Names that begin with SUNW can be shown, never changed."""
    assert host.refused("zonecfg", "-z", "SUNWblank", "create -b") == (
        "SUNWblank: zones beginning with SUNW are read-only.\n"
    )
