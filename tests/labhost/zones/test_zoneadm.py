"""zoneadm(8) as a command: states, messages, exit codes."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time

import pytest
from tests.labhost.zones.conftest import Host, wait_for

from labhost.guests.process import tell
from labhost.zones import lifecycle


def test_the_list_has_eight_fields_active_zones_first(host: Host) -> None:
    """Ids grow with each boot, a colon in a path is escaped, the uuid comes with the installation and goes with it."""
    host.ok("zonecfg", "-z", "odd", "create -t bhyve; set zonepath=/rpool/zones/a:b")
    host.booted("web")
    lines = host.ok("zoneadm", "list", "-cp").splitlines()
    assert lines[0] == "0:global:running:/::ipkg:shared:0"
    assert lines[2] == "-:odd:configured:/rpool/zones/a\\:b::bhyve:excl:1"
    first = host.row("web")
    assert first[0] == "1"
    assert first[2:4] == ["running", "/rpool/zones/web"]
    assert len(first[4]) == 36
    host.ok("zoneadm", "-z", "web", "halt")
    host.ok("zoneadm", "-z", "web", "boot")
    assert host.row("web")[0] == "2"
    host.ok("zoneadm", "-z", "web", "halt")
    assert host.row("web")[0] == "-"
    host.ok("zoneadm", "-z", "web", "uninstall", "-F")
    assert host.row("web")[4] == ""
    host.ok("zoneadm", "-z", "web", "install")
    assert host.row("web")[4] not in ("", first[4])


def test_the_flags_of_list(host: Host) -> None:
    """No flag shows what runs, -i what is installed, -c all, -n leaves out global; what cannot go together is refused."""
    host.configure("new")
    host.installed("old")
    host.booted("web")
    assert host.ok("zoneadm", "list").split() == ["global", "web"]
    assert host.ok("zoneadm", "list", "-i").split() == ["global", "web", "old"]
    assert host.ok("zoneadm", "list", "-cn").split() == ["web", "new", "old"]
    assert host.ok("zoneadm", "-z", "new", "list", "-p").startswith("-:new:configured:")
    assert host.refused("zoneadm", "list", "-p", "-v") == "zoneadm: list -p and -v are mutually exclusive.\n"
    assert host.run("zoneadm", "-z", "web", "list", "-c").code == 2
    assert host.ok("zoneadm", "list", "-cv").split()[:6] == ["ID", "NAME", "STATUS", "PATH", "BRAND", "IP"]
    assert host.refused("zoneadm", "-z", "x", "list") == "zoneadm: x: No such zone configured\n"


def test_the_list_sees_a_changed_configuration(host: Host) -> None:
    """What is remembered of a configuration is dropped with its file's change; a missing file shows question marks."""
    host.configure("web")
    assert host.row("web")[6] == "excl"
    host.ok("zonecfg", "-z", "web", "set ip-type=shared")
    assert host.row("web")[6] == "shared"
    host.file("/etc/zones/web.xml").unlink()
    assert host.row("web")[5:] == ["???", "???", ""]


def test_unknown_zones_and_commands(host: Host) -> None:
    """A zone nobody knows is an error, a command nobody knows is usage."""
    assert host.refused("zoneadm", "-z", "x", "boot") == "zoneadm: x: No such zone configured\n"
    assert host.run("zoneadm", "-z", "x", "explode").code == 2
    assert host.run("zoneadm").code == 2
    host.configure("web")
    assert host.run("zoneadm", "-z", "web", "install", "-x", "y").code == 2


def test_without_privilege_only_looking_is_possible(host: Host) -> None:
    """The message names the command; the list needs nothing."""
    host.installed()
    host.world.configure(euid=1000)
    assert host.refused("zoneadm", "-z", "web", "boot") == (
        "zoneadm: zone 'web': only a privileged user may boot a zone.\n"
    )
    assert host.state() == "installed"
    host.ok("zoneadm", "list", "-cp")


def test_authorisation_is_asked_of_the_person(host: Host) -> None:
    """With all privileges but without the authorisation for this zone a command is refused by name."""
    host.installed("web")
    host.installed("db")
    host.world.configure(not_authorized=["web"], user="me")
    assert host.refused("zoneadm", "-z", "web", "boot") == (
        "zoneadm: zone 'web': User me is not authorized to boot this zone.\n"
    )
    host.ok("zoneadm", "-z", "db", "boot")


def test_install_makes_a_dataset_under_a_mounted_parent(host: Host) -> None:
    """The zonepath becomes a filesystem, 0700, with the brand's empty root and its uuid."""
    host.configure("web")
    assert host.ok("zoneadm", "-z", "web", "install") == "A ZFS file system has been created for this zone.\n"
    assert host.ok("zfs", "get", "-H", "-o", "value,source", "sharenfs,sharesmb", "rpool/zones/web") == (
        "off\tlocal\noff\tlocal\n"
    )
    path = host.file("/rpool/zones/web")
    assert path.stat().st_mode & 0o777 == 0o700
    assert (path / "root/etc/uuid").read_text().strip() == host.row("web")[4]
    assert (path / "root/var/tmp").is_dir()


def test_install_reuses_a_dataset_that_is_there(host: Host) -> None:
    """A filesystem made for the zone's volumes is used, and its mode repaired aloud; nothing is created."""
    host.ok("zfs", "create", "-p", "-s", "-V", "1G", "rpool/zones/web/root")
    host.file("/rpool/zones/web").chmod(0o755)
    host.configure("web")
    said = host.run("zoneadm", "-z", "web", "install")
    assert (said.code, said.out) == (0, "")
    assert "/rpool/zones/web must not be group readable.\n" in said.err
    assert "/rpool/zones/web: changing permissions to 0700.\n" in said.err


def test_install_fails_without_a_dataset_and_with_a_left_over_root(host: Host) -> None:
    """Either leaves the zone incomplete; uninstall helps."""
    host.file("/plain").mkdir(mode=0o755)
    host.ok("zonecfg", "-z", "web", "create -t bhyve; set zonepath=/plain/web")
    said = host.refused("zoneadm", "-z", "web", "install")
    assert said.startswith("Could not find parent dataset for /plain/web\nMake sure that /plain is a ZFS dataset\n")
    assert host.state() == "incomplete"
    host.ok("zoneadm", "-z", "web", "uninstall", "-F")
    assert host.state() == "configured"
    host.installed("old")
    host.ok("zonecfg", "-z", "old", "delete", "-F")
    host.configure("old")
    assert "Failed to build miniroot\n" in host.refused("zoneadm", "-z", "old", "install")
    assert host.state("old") == "incomplete"


def test_install_takes_no_options_of_the_brand(host: Host) -> None:
    """`-x` is usage, but for `nodataset`: then the folder is no dataset and the brand refuses it."""
    host.configure("web")
    assert host.run("zoneadm", "-z", "web", "install", "-x", "nothing").code == 2
    assert host.state() == "configured"
    said = host.refused("zoneadm", "-z", "web", "install", "-x", "nodataset")
    assert said.startswith("Make sure that /rpool/zones/web is a ZFS dataset\n")
    assert host.state() == "incomplete"


def test_who_may_write_beside_the_zonepath(host: Host) -> None:
    """A parent folder that others may write to fails the verification."""
    host.configure("web")
    host.file("/rpool/zones").chmod(0o777)
    assert host.refused("zoneadm", "-z", "web", "install") == (
        "/rpool/zones must not be group writable.\nzoneadm: zone web failed to verify\n"
    )
    assert host.state() == "configured"


def test_zonepaths_may_not_overlap(host: Host) -> None:
    """A zone is not installed above or below another one."""
    host.installed("web")
    host.ok("zonecfg", "-z", "in", "create -t bhyve; set zonepath=/rpool/zones/web/in")
    said = host.refused("zoneadm", "-z", "in", "install")
    assert "in zonepath (/rpool/zones/web/in) and web zonepath (/rpool/zones/web) overlap.\n" in said


def test_uninstall_takes_volumes_below_with_it(host: Host) -> None:
    """The zonepath's dataset is destroyed with all below; volumes elsewhere stay."""
    host.installed()
    host.ok("zfs", "create", "-p", "-s", "-V", "1G", "rpool/zones/web/root")
    host.ok("zfs", "create", "-s", "-V", "1G", "rpool/other")
    host.ok("zoneadm", "-z", "web", "uninstall", "-F")
    assert host.ok("zfs", "list", "-H", "-o", "name").split() == ["rpool", "rpool/other", "rpool/zones"]
    assert not host.file("/rpool/zones/web").exists()


def test_uninstall_refuses_what_is_mounted_below_the_root(host: Host) -> None:
    """A filesystem mounted inside the zone's root is named, and nothing is taken away."""
    host.installed()
    host.ok("zfs", "create", "-o", "mountpoint=/rpool/zones/web/root/data", "rpool/data")
    assert host.refused("zoneadm", "-z", "web", "uninstall", "-F") == (
        "zoneadm: zone 'web': These file systems are mounted on subdirectories of /rpool/zones/web/root.\n"
        "  /rpool/zones/web/root/data\n"
    )
    assert host.state() == "installed"
    host.ok("zfs", "destroy", "rpool/data")
    host.ok("zoneadm", "-z", "web", "uninstall", "-F")


def test_a_clone_below_blocks_uninstall(host: Host) -> None:
    """A clone of a snapshot below the zonepath keeps the dataset, and the zone is incomplete."""
    host.installed()
    host.ok("zfs", "create", "-s", "-V", "1G", "rpool/zones/web/root")
    host.ok("zfs", "snapshot", "rpool/zones/web/root@a")
    host.ok("zfs", "clone", "rpool/zones/web/root@a", "rpool/clone")
    assert "dependent clones" in host.refused("zoneadm", "-z", "web", "uninstall", "-F")
    assert host.state() == "incomplete"


def test_a_missing_iso_fails_the_verification(host: Host) -> None:
    """A lofs source that is gone is named, at boot and at verify; the zone stays installed."""
    host.file("/iso/a.iso").write_bytes(b"iso")
    host.installed("web", "add fs; set dir=/iso/a.iso; set special=/iso/a.iso; set type=lofs; add options ro; end")
    host.ok("zoneadm", "-z", "web", "verify")
    host.file("/iso/a.iso").unlink()
    text = (
        "could not verify fs /iso/a.iso: could not access /iso/a.iso: No such file or directory\n"
        "zoneadm: zone web failed to verify\n"
    )
    assert host.refused("zoneadm", "-z", "web", "boot") == text
    assert host.refused("zoneadm", "-z", "web", "verify") == text
    assert host.state() == "installed"


def test_a_missing_dataset_fails_the_verification(host: Host) -> None:
    """A dataset that is to be delegated must be there."""
    host.ok("zfs", "create", "rpool/none")
    host.installed("web", "add dataset; set name=rpool/none; end")
    host.ok("zfs", "destroy", "rpool/none")
    assert host.refused("zoneadm", "-z", "web", "boot") == (
        "could not verify zfs dataset rpool/none: dataset does not exist\nzoneadm: zone web failed to verify\n"
    )
    host.ok("zfs", "create", "rpool/none")
    host.ok("zoneadm", "-z", "web", "boot")


def test_the_index_and_the_configuration_must_agree(host: Host) -> None:
    """When they name different zonepaths neither is believed."""
    host.installed()
    place = host.file("/etc/zones/web.xml")
    place.write_text(place.read_text().replace("/rpool/zones/web", "/rpool/zones/other"))
    said = host.refused("zoneadm", "-z", "web", "boot")
    assert said.startswith("The XML repository has zonepath '/rpool/zones/other',\n")
    assert host.state() == "installed"


def test_arguments_of_boot_change_nothing(host: Host) -> None:
    """What stands behind `--` is taken and ignored."""
    host.installed()
    host.ok("zoneadm", "-z", "web", "boot", "--", "-s", "-v")
    assert host.state() == "running"
    assert host.run("zoneadm", "-z", "web", "boot", "-s").code == 2


def test_ready_boot_and_halt(host: Host) -> None:
    """A ready zone has an id and no guest; it boots under that id."""
    host.installed()
    host.ok("zoneadm", "-z", "web", "ready")
    assert host.row("web")[:3] == ["1", "web", "ready"]
    host.ok("zoneadm", "-z", "web", "boot")
    assert host.row("web")[:3] == ["1", "web", "running"]
    host.ok("zoneadm", "-z", "web", "reboot")
    assert host.row("web")[:3] == ["2", "web", "running"]
    host.ok("zoneadm", "-z", "web", "shutdown", "-r")
    assert host.row("web")[:3] == ["3", "web", "running"]
    host.ok("zoneadm", "-z", "web", "shutdown")
    assert host.state() == "installed"


def test_detach_and_attach(host: Host) -> None:
    """A detached zone is configured and keeps its data; attach brings it back."""
    host.installed()
    manifest = host.ok("zoneadm", "-z", "web", "detach", "-n")
    assert '<zone name="web"' in manifest
    assert host.state() == "installed"
    host.ok("zoneadm", "-z", "web", "detach")
    assert host.state() == "configured"
    assert host.file("/rpool/zones/web/SUNWdetached.xml").read_text() == manifest
    host.ok("zoneadm", "-z", "web", "attach", "-n", "/rpool/zones/web/SUNWdetached.xml")
    assert host.state() == "configured"
    host.ok("zoneadm", "-z", "web", "attach", "-F")
    assert host.state() == "installed"


def test_clone_clones_the_zonepath_and_never_a_disk(host: Host) -> None:
    """The clone's dataset comes from a snapshot of the other's; it has a uuid of its own and the same disks."""
    disk = host.attrs(bootdisk="rpool/zones/web/root")
    host.installed("web", disk)
    host.ok("zfs", "create", "-s", "-V", "1G", "rpool/zones/web/root")
    host.file("/rpool/zones/web/root/etc/mine").write_text("kept")
    host.configure("copy", disk)
    assert host.ok("zoneadm", "-z", "copy", "clone", "web") == (
        "Cloning snapshot rpool/zones/web@SUNWzone1\nInstead of copying, a ZFS clone has been created for this zone.\n"
    )
    assert host.state("copy") == "installed"
    path = host.file("/rpool/zones/copy")
    assert (path / "root/etc/uuid").read_text().strip() == host.row("copy")[4] != host.row("web")[4]
    assert (path / "root/etc/mine").read_text() == "kept"
    assert path.stat().st_mode & 0o777 == 0o700
    assert host.ok("zfs", "get", "-H", "-o", "value", "origin", "rpool/zones/copy") == "rpool/zones/web@SUNWzone1\n"
    assert "rpool/zones/copy/root" not in host.ok("zfs", "list", "-H", "-o", "name", "-r", "rpool")
    assert "rpool/zones/web/root" in host.ok("zonecfg", "-z", "copy", "info attr name=bootdisk")
    assert "dependent clones" in host.refused("zoneadm", "-z", "web", "uninstall", "-F")


def test_clone_copies_where_it_cannot_clone(host: Host) -> None:
    """With `-m copy`, or outside a dataset's mountpoint, files are copied; a running source is refused."""
    host.booted()
    host.configure("copy")
    assert host.refused("zoneadm", "-z", "copy", "clone", "web") == (
        "zoneadm: zone 'web': clone operation is invalid for running zones.\n"
    )
    assert host.state("copy") == "configured"
    host.ok("zoneadm", "-z", "web", "halt")
    said = host.ok("zoneadm", "-z", "copy", "clone", "-m", "copy", "web")
    assert said.endswith("Copying /rpool/zones/web...\n")
    assert host.ok("zfs", "get", "-H", "-o", "value", "origin", "rpool/zones/copy") == "-\n"
    assert host.file("/rpool/zones/copy/root/etc/uuid").read_text().strip() == host.row("copy")[4]
    host.ok("zfs", "snapshot", "rpool/zones/web@mine")
    host.configure("third")
    assert "Cloning snapshot rpool/zones/web@mine\n" in host.ok(
        "zoneadm", "-z", "third", "clone", "-s", "rpool/zones/web@mine", "web"
    )
    assert host.refused("zoneadm", "-z", "third", "clone", "no") == "zoneadm: zone 'third': is already installed.\n"


def test_move_renames_the_dataset(host: Host) -> None:
    """The zonepath moves in configuration, index and pool."""
    host.installed()
    host.ok("zoneadm", "-z", "web", "move", "/rpool/zones/www")
    assert host.row("web")[3] == "/rpool/zones/www"
    assert "zonepath: /rpool/zones/www\n" in host.ok("zonecfg", "-z", "web", "info zonepath")
    assert host.file("/rpool/zones/www/root/etc").is_dir()
    host.ok("zoneadm", "-z", "web", "boot")


def test_a_second_command_waits_for_the_first(host: Host) -> None:
    """A boot issued while a halt waits for a deaf guest hangs until that is over."""
    host.world.configure(deaf=["web"])
    host.booted()
    halt = subprocess.Popen([f"{host.world.path}/bin/zoneadm", "-z", "web", "halt"])
    wait_for(lambda: host.world.read("zones")["zones"]["web"].get("halting"))
    boot = subprocess.Popen([f"{host.world.path}/bin/zoneadm", "-z", "web", "boot"])
    with pytest.raises(subprocess.TimeoutExpired):
        boot.wait(0.3)
    host.ok("bhyvectl", "--vm=web", "--force-poweroff")
    assert (halt.wait(10), boot.wait(10)) == (0, 0)
    assert host.row("web")[:3] == ["2", "web", "running"]


def test_a_boot_that_is_ended_halfway_is_whole_or_nothing(host: Host) -> None:
    """Whenever the boot is terminated: a zone that runs goes on running, and no half-written file is left."""
    host.installed()
    place = host.file("/etc/zones")
    before = {entry.name for entry in place.iterdir()}
    began = time.monotonic()
    host.ok("zoneadm", "-z", "web", "boot")
    length = time.monotonic() - began
    for part in range(30):
        if host.state() == "running":
            host.ok("zoneadm", "-z", "web", "halt")
        with subprocess.Popen([host.command("zoneadm"), "-z", "web", "boot"], stderr=subprocess.DEVNULL) as boot:
            with contextlib.suppress(subprocess.TimeoutExpired):
                boot.wait(length * (0.4 + 0.8 * part / 30))
            boot.terminate()
        found = [host.state() for _ in range(3)]
        assert found in (["installed"] * 3, ["running"] * 3), (part, found)
        assert {entry.name for entry in place.iterdir()} == before, part


def test_a_guest_takes_only_a_ready_zone(host: Host) -> None:
    """A guest that comes late, when its zone is on its way down or gone, or is another boot's, does not get it."""
    host.installed()
    zoneid = lifecycle.begin(host.world, "web")
    assert not lifecycle.take_over(host.world, "web", zoneid - 1, guest="none")
    lifecycle.change(host.world, "web", zoneid, state="down")
    assert not lifecycle.take_over(host.world, "web", zoneid, guest="none")
    assert host.world.read("zones")["zones"]["web"]["state"] == "down"
    lifecycle.change(host.world, "web", zoneid, state="ready")
    assert lifecycle.take_over(host.world, "web", zoneid, guest="none")
    assert not lifecycle.take_over(host.world, "new", zoneid, guest="none")


def test_a_guest_outlives_the_boot_that_does_not_hear_of_it() -> None:
    """Saying its number to a command that was killed is no error."""
    reading, writing = os.pipe()
    os.close(reading)
    tell(writing)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.close(writing)


def test_a_second_shutdown_is_refused(host: Host) -> None:
    """While one shutdown waits for the guest another says so at once; when it is over, the next one tries again."""
    host.world.configure(deaf=["web"], time_scale=1)
    host.booted()
    with subprocess.Popen([host.command("zoneadm"), "-z", "web", "shutdown"], stderr=subprocess.DEVNULL) as first:
        wait_for(lambda: host.world.read("zones")["zones"]["web"].get("shutting") == first.pid)
        assert host.refused("zoneadm", "-z", "web", "shutdown") == (
            "zone 'web': shutdown already in progress\nzoneadm: zone 'web': call to zoneadmd failed\n"
        )
        host.ok("bhyvectl", "--vm=web", "--force-poweroff")
        assert first.wait(20) == 0
    host.world.configure(time_scale=0.001)
    host.ok("zoneadm", "-z", "web", "boot")
    for _ in range(2):
        assert "unable to shutdown zone" in host.refused("zoneadm", "-z", "web", "shutdown")
    host.world.configure(deaf=[])
    host.ok("zoneadm", "-z", "web", "shutdown")
    assert host.state() == "installed"


def test_listing_a_thousand_zones_is_quick(host: Host) -> None:
    """The second look at a thousand zones opens no configuration, and takes a fraction of a second."""
    template = host.file("/etc/zones/OMNIbhyve.xml").read_text()
    lines = ["global:installed:/:"]
    for number in range(1000):
        name = f"zone{number}"
        host.file(f"/etc/zones/{name}.xml").write_text(template.replace('name="bhyve"', f'name="{name}"'))
        lines.append(f"{name}:configured:/z/{name}:")
    host.file("/etc/zones/index").write_text("\n".join(lines) + "\n")
    assert len(host.ok("zoneadm", "list", "-cp").splitlines()) == 1001
    times = []
    for _ in range(5):
        started = time.monotonic()
        host.ok("zoneadm", "list", "-cp")
        times.append(time.monotonic() - started)
    assert min(times) < 0.5, times
