"""Many commands at once in one world: whatever they do to each other, it stays whole and nothing is lost.

zonecfg(8) has no lock of a zone, so that two sessions on one zone may undo each other; everything else waits its turn.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from tests.labhost.zones.conftest import Host

from labhost import jsontext
from labhost.evidence import difference, evidence
from labhost.zones import configurations, index

LIMIT = 20  # seconds for all commands of a case
WORKERS = 6


@dataclass(frozen=True, slots=True)
class Script:
    """Commands that one worker runs one after the other; a complaint that is fair in a crowd does not stop it."""

    lines: tuple[str, ...]

    def start(self, host: Host) -> subprocess.Popen[str]:
        text = "".join(
            f"{host.world.path}/bin/{line} || echo {shlex.quote(f'FAILED: {line}')}\n" for line in self.lines
        )
        return subprocess.Popen(
            ["sh", "-c", text],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )


def at_once(host: Host, scripts: list[Script]) -> list[str]:
    """Run scripts at the same time; return what each said."""
    workers = [script.start(host) for script in scripts]
    try:
        return [worker.communicate(timeout=LIMIT)[0] for worker in workers]
    finally:
        for worker in workers:
            if worker.poll() is None:
                worker.kill()
                worker.communicate()


def consistent(host: Host) -> None:
    """Insist that what the areas of the state, the index and the files say of each other is true."""
    world = host.world
    for place in (host.file("/").parent / "state").glob("*"):
        assert place.suffix in (".json", ".lock", ".cache"), place
        if place.suffix == ".json":
            jsontext.loads(place.read_text(encoding="utf-8"))
    entries = index.entries(world)
    documents = {place.stem for place in host.file("/etc/zones").glob("*.xml")} - {
        "SUNWblank",
        "SUNWdefault",
        "OMNIbhyve",
    }
    assert documents == entries.keys() - {"global"}
    for name in documents:
        assert configurations.load(world, name).get("zonepath") == entries[name].path
    ids = [configurations.load(world, name).get("debugid") for name in documents]
    assert len(set(ids)) == len(ids)
    datasets, links = world.read("zfs")["datasets"], world.read("links")["links"]
    for name in datasets:
        assert name.rpartition("/")[0] in ("", *datasets)
    objsets = [facts["objset"] for facts in datasets.values()]
    assert len(set(objsets)) == len(objsets)
    volumes = {str(facts["objset"]) for facts in datasets.values() if facts["type"] == "volume"}
    assert {place.name for place in (host.file("/").parent / "volumes").iterdir()} >= volumes
    assert all(not facts.get("over") or set(facts["over"].split()) <= links.keys() for facts in links.values())
    macs = [facts["mac"] for facts in links.values() if facts["class"] == "vnic"]
    assert len(set(macs)) == len(macs)
    for name in world.read("zones").get("zones", {}):
        assert host.state(name) in ("ready", "running")
    assert not list(host.file("/etc/zones").glob("*.[0-9]*"))


def life(worker: int) -> Script:
    """Return the life of a zone with a volume and a VNIC, beside the lives of others."""
    zone, disk = f"z{worker}", f"rpool/zones/z{worker}/root"
    return Script((
        f"zfs create -p -s -V 1G {disk}",
        f"dladm create-etherstub stub{worker}",
        f"zonecfg -z {zone} 'create -t bhyve; set zonepath=/rpool/zones/{zone}; add net; set physical=web{worker}; "
        f"set global-nic=stub{worker}; end; add device; set match=/dev/zvol/rdsk/{disk}; end; "
        f"add attr; set name=bootdisk; set type=string; set value={disk}; end'",
        f"zoneadm -z {zone} install",
        f"zoneadm -z {zone} boot",
        f"zfs snapshot {disk}@a",
        f"zfs clone {disk}@a rpool/copy{worker}",
        f"zoneadm -z {zone} halt",
        f"zfs promote rpool/copy{worker}",
        f"zfs rename rpool/copy{worker} rpool/kept{worker}",
        f"zonecfg -z {zone} 'set autoboot=true'",
    ))  # fmt: skip


@pytest.mark.slow
def test_parallel_commands_lose_nothing(host: Host) -> None:
    """Six zones are made, booted, cloned from and halted at once; each is there afterwards as if it had been alone."""
    host.world.configure(time_scale=0.001)
    said = at_once(host, [life(worker) for worker in range(WORKERS)])
    assert not [text for text in said if "FAILED" in text or "Traceback" in text]
    consistent(host)
    for worker in range(WORKERS):
        assert host.state(f"z{worker}") == "installed"
        assert 'autoboot="true"' in host.file(f"/etc/zones/z{worker}.xml").read_text()
        assert (
            host.ok("zfs", "get", "-H", "-o", "value", "origin", f"rpool/zones/z{worker}/root")
            == f"rpool/kept{worker}@a\n"
        )
        assert host.ok("dladm", "show-link", "-p", "-o", "link", f"stub{worker}") == f"stub{worker}\n"


@pytest.mark.slow
def test_parallel_commands_leave_nothing_behind(host: Host) -> None:
    """Whole lives at once, with everything taken away at the end, leave the world as it was."""
    host.world.configure(time_scale=0.001)
    before = evidence(host.world)
    ends = [
        Script((
            *life(worker).lines,
            f"zoneadm -z z{worker} uninstall -F",
            f"zonecfg -z z{worker} delete -F",
            f"zfs destroy -r rpool/kept{worker}",
            f"dladm delete-etherstub stub{worker}",
        ))
        for worker in range(WORKERS)
    ]  # fmt: skip
    # The origin went with the zone's dataset, or holds it: promoted, it is the clone's.
    said = at_once(host, ends)
    assert not [text for text in said if "FAILED" in text or "Traceback" in text]
    consistent(host)
    assert difference(before, evidence(host.world)) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(lambda worker: (
            "zoneadm -z web boot", "zoneadm -z web halt", "zoneadm -z web reboot", "zoneadm -z web ready",
            "zoneadm -z web shutdown", "zoneadm list -cp",
        ), id="zoneadm"),
        pytest.param(lambda worker: (
            f"zonecfg -z web 'add attr; set name=a{worker}; set type=string; set value=b; end'",
            "zonecfg -z web 'set pool=a; set autoboot=true'", "zoneadm -z web verify", "zonecfg -z web info",
            f"zonecfg -z web 'remove -F attr; set limitpriv=p{worker}'", "zonecfg -z web export",
        ), id="zonecfg"),
        pytest.param(lambda worker: (
            "zfs create -p -s -V 64M rpool/a/b", f"zfs snapshot rpool/a/b@s{worker}", "zfs set mine:tag=1 rpool/a",
            f"zfs clone rpool/a/b@s{worker} rpool/c{worker}", "zfs destroy -R rpool/a", "zfs list -t all -r rpool",
        ), id="zfs"),
        pytest.param(lambda worker: (
            "dladm create-etherstub stub0", "dladm create-vnic -l stub0 web0", "dladm create-vnic -l igb0 web1",
            "dladm set-linkprop -p mtu=1400 web1", "dladm delete-vnic web0", "dladm delete-vnic web1",
            "dladm delete-etherstub stub0", "dladm show-link",
        ), id="dladm"),
        pytest.param(lambda worker: (
            f"zonecfg -z y{worker % 2} 'create -F -t bhyve; set zonepath=/rpool/zones/y{worker % 2}'",
            f"zoneadm -z y{worker % 2} install", f"zoneadm -z y{worker % 2} mark incomplete",
            f"zoneadm -z y{worker % 2} uninstall -F", "zoneadm list -cp", f"zonecfg -z y{worker % 2} delete -F",
        ), id="index"),
    ],
)  # fmt: skip
def test_a_crowd_at_one_thing(host: Host, lines: Callable[[int], tuple[str, ...]]) -> None:
    """Whoever comes too late is told so; no command fails in its own way, and the world is whole."""
    host.world.configure(time_scale=0.001)
    host.installed("web")
    said = at_once(host, [Script(lines(worker) * 6) for worker in range(WORKERS)])
    assert not [text for text in said if "Traceback" in text]
    consistent(host)
