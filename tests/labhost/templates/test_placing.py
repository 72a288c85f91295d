"""Templates in the cache and in hosts: imported, named, put, left alone by what is done to their copies."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from shutil import which

import pytest
from tests.labhost.hosts import Host

from labhost.templates import recipe
from labhost.templates.cache import PLACE, VARIABLE, Template, TemplateError, names
from labhost.templates.importing import import_
from labhost.templates.placing import put
from labhost.world import World
from labhost.zfs import contents, layers

MEBIBYTE = 1 << 20


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(World.create(str(tmp_path / "host"), guest="none"))


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Return a raw image with something at its beginning and at its end."""
    place = tmp_path / "image.raw"
    with place.open("wb") as file:
        file.write(b"begin")
        file.seek(3 * MEBIBYTE - 3)
        file.write(b"end")
    return place


def volume(host: Host, name: str) -> Path:
    """Return the file of a volume or of a snapshot of one."""
    dataset, _, snapshot = name.partition("@")
    facts = host.world.read("zfs")["datasets"][dataset]
    return Path(contents.place(host.world, facts["snapshots"][snapshot]["objset"] if snapshot else facts["objset"]))


def test_a_raw_image_becomes_a_template_of_a_host(cache: Path, host: Host, image: Path) -> None:
    """It is there as a sparse volume with a snapshot, as large as the image; a clone begins as it."""
    template = import_("mine", str(image), lambda _: None)
    assert put(host.world, template)
    assert host.ok("zfs", "get", "-Hp", "-o", "value", "volsize", "rpool/templates/mine") == f"{3 * MEBIBYTE}\n"
    assert host.ok("zfs", "list", "-H", "-t", "snapshot", "-o", "name") == "rpool/templates/mine@ready\n"
    host.ok("zfs", "clone", "rpool/templates/mine@ready", "rpool/web")
    assert volume(host, "rpool/web").read_bytes() == image.read_bytes()


def test_putting_again_changes_nothing(cache: Path, host: Host, image: Path) -> None:
    """A template that is there stays what it is, whatever was made of it."""
    template = import_("mine", str(image), lambda _: None)
    assert put(host.world, template)
    host.ok("zfs", "clone", "rpool/templates/mine@ready", "rpool/web")
    before = host.world.read("zfs")
    assert not put(host.world, template)
    assert host.world.read("zfs") == before


def test_a_volume_without_its_snapshot_is_completed(cache: Path, host: Host, image: Path) -> None:
    """Where the volume is there and the snapshot is not, the template is put right."""
    template = import_("mine", str(image), lambda _: None)
    put(host.world, template)
    host.ok("zfs", "destroy", "rpool/templates/mine@ready")
    assert put(host.world, template)
    assert volume(host, "rpool/templates/mine@ready").read_bytes() == image.read_bytes()


def test_the_snapshot_shares_the_cache_and_the_volume_does_not(cache: Path, host: Host, image: Path) -> None:
    """What is never written is kept once; what is written to a volume or a clone stays there."""
    template = import_("mine", str(image), lambda _: None)
    put(host.world, template)
    assert os.path.samefile(volume(host, "rpool/templates/mine@ready"), template.disk)
    for name in ("rpool/templates/mine", "rpool/web"):
        if name == "rpool/web":
            host.ok("zfs", "clone", "rpool/templates/mine@ready", name)
        with volume(host, name).open("r+b") as file:
            file.write(b"other")
    assert Path(template.disk).read_bytes() == image.read_bytes()
    host.ok("zfs", "rollback", "rpool/templates/mine@ready")
    assert volume(host, "rpool/templates/mine").read_bytes() == image.read_bytes()
    host.ok("zfs", "destroy", "-R", "rpool/templates/mine")
    assert Path(template.disk).read_bytes() == image.read_bytes()


def test_a_template_with_a_root_is_the_layer_below(cache: Path, host: Host) -> None:
    """A container that begins as a clone finds the root of the template below its own layer."""
    template = Template("rooted")
    os.makedirs(f"{template.root}/etc")
    put(host.world, template)
    host.ok("zfs", "clone", "rpool/templates/rooted@ready", "rpool/web")
    assert layers.base(layers.beside(str(volume(host, "rpool/web")))) == os.path.realpath(template.root)


def test_a_clone_needs_nothing_in_its_path(cache: Path, host: Host) -> None:
    """An agent knows only the folder of the host's commands; what they need of this machine they find themselves."""
    template = Template("rooted")
    os.makedirs(f"{template.root}/etc")
    put(host.world, template)
    argv = ["zfs", "clone", "rpool/templates/rooted@ready", "rpool/web"]
    subprocess.run([host.command(argv[0]), *argv[1:]], env={"PATH": f"{host.world.path}/bin"}, check=True, timeout=60)
    assert layers.base(layers.beside(str(volume(host, "rpool/web"))))


@pytest.mark.skipif(which("qemu-img") is None, reason="there is no qemu-img")
def test_a_qcow2_image_becomes_the_same_template(cache: Path, tmp_path: Path, image: Path) -> None:
    """What is packed in the image is unpacked; the file stays as it is."""
    packed = tmp_path / "image.qcow2"
    argv = ["qemu-img", "convert", "-f", "raw", "-O", "qcow2", "-c", str(image), str(packed)]
    subprocess.run(argv, check=True, capture_output=True)
    before = packed.read_bytes()
    said: list[str] = []
    template = import_("packed", str(packed), said.append)
    assert Path(template.disk).read_bytes() == image.read_bytes()
    assert packed.read_bytes() == before
    assert said == [f"qcow2 image of 3 MiB: {template.disk}"]
    upper = tmp_path / "upper.qcow2"
    argv = ["qemu-img", "create", "-f", "qcow2", "-b", str(packed), "-F", "qcow2", str(upper)]
    subprocess.run(argv, check=True, capture_output=True)
    with pytest.raises(TemplateError, match="flatten it first"):
        import_("upper", str(upper), said.append)


def test_what_cannot_be_imported_is_refused_and_leaves_nothing(cache: Path, tmp_path: Path, image: Path) -> None:
    """No file, an empty one, one that is no image, a name that is taken or is none: a sentence, and an empty cache."""
    empty, broken = tmp_path / "empty", tmp_path / "broken"
    empty.touch()
    broken.write_bytes(b"QFI\xfb" + bytes(20) + b"?")
    for name, file, words in (
        ("a", tmp_path / "none", "No such file"), ("a", empty, "is empty"), ("a", tmp_path, "Is a directory"),
        ("../a", image, "is no name"), ("", image, "is no name"), (".a", image, "is no name"),
        ("a.building", image, "is no name"),
    ):  # fmt: skip
        with pytest.raises(TemplateError, match=words):
            import_(name, str(file), lambda _: None)
    with pytest.raises(TemplateError):
        import_("a", str(broken), lambda _: None)
    assert names() == []
    import_("a", str(image), lambda _: None)
    with pytest.raises(TemplateError, match="there is a template a already"):
        import_("a", str(image), lambda _: None)
    assert names() == ["a"]


def test_a_template_that_is_not_there_cannot_be_put(cache: Path, host: Host) -> None:
    """It is named, and the host stays as it was."""
    before = host.world.read("zfs")
    with pytest.raises(TemplateError, match="there is no template debian-12"):
        put(host.world, Template(recipe.NAME))
    assert host.world.read("zfs") == before


@pytest.mark.skipif(
    not os.path.isfile(f"{os.environ.get(VARIABLE, PLACE)}/{recipe.NAME}/disk.raw"), reason="no Debian is built here"
)
def test_debian_is_in_a_new_host_within_five_seconds(host: Host) -> None:
    """A host has the template that was built once almost at once."""
    began = time.monotonic()
    assert put(host.world, Template(recipe.NAME))
    assert time.monotonic() - began < 5
    assert "debian-12@ready" in host.ok("zfs", "list", "-H", "-t", "snapshot", "-o", "name")
