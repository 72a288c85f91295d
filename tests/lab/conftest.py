"""The whole agent over HTTPS against the lab host: one zygote for a worker, a world and an agent for each case."""

from __future__ import annotations

import itertools
import shutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from tests.lab import worlds
from tests.lab.agents import Lab, copy_home
from tests.lab.cases import EVERYTHING, RELINKED
from tests.lab.judging import settle
from tests.lab.zygote import Zygote

from labhost.world import World


@dataclass
class Setup:
    """A host and a state folder in rest, to be copied; `running` zones are booted in each copy."""

    world: World
    home: Path
    key: str
    running: tuple[str, ...] = ()
    then: tuple[tuple[str, str, Any], ...] = ()
    """What the agent of each copy is asked for, before it is handed over."""


@dataclass
class Setups:
    """Every setup, made when it is first asked for."""

    zygote: Zygote
    folder: Path
    made: dict[str, Setup] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def get(self, name: str) -> Setup:
        """The setup of a name."""
        if name not in self.made:
            self.made[name] = getattr(self, f"_make_{name}")()
        return self.made[name]

    def lab(self, name: str, **flags: Any) -> Lab:
        """A copy of a setup with its agent started, and nothing under way."""
        lab = self.copy(name, **flags).start()
        lab.settled()
        for method, path, body in self.get(name).then:
            lab.do(method, path, body)
        return lab

    def copy(self, name: str, **flags: Any) -> Lab:
        """A copy of a setup, its zones running as they should; the agent is not started."""
        setup = self.get(name)
        place = self.folder / f"{next(self.numbers)}"
        world = worlds.copy(setup.world, place / "world")
        copy_home(setup.home, place / "home")
        for zone in setup.running:
            worlds.say(world, "zoneadm", "-z", zone, "boot")
        return Lab(self.zygote, world, place / "home", key=setup.key, flags=flags)

    def discard(self, lab: Lab) -> None:
        """End a copy."""
        lab.discard()
        shutil.rmtree(Path(lab.world.path).parent, ignore_errors=True)

    def _make_empty(self) -> Setup:
        """Neighbours, and no zone of ours."""
        place = self.folder / f"empty-{next(self.numbers)}"
        world = worlds.with_neighbours(place / "world")
        Path(world.host("/iso/third.iso")).write_bytes(b"\0" * 4096)
        lab = Lab(self.zygote, world, place / "home").start()
        lab.new_key()
        lab.settled()
        assert lab.stop() == 0, lab.agent.said()
        return Setup(world, lab.home, lab.key)

    def _make_installed(self) -> Setup:
        """The zone `web` with everything, booted and halted once, so that the brand has left its traces."""
        lab = self.lab("empty")
        lab.do("POST", "/zones", EVERYTHING)
        worlds.write(lab.world, "rpool/zones/web/root", "the system of web")
        lab.do("POST", "/zones/web/start")
        lab.do("POST", "/zones/web/halt")
        return self._rest(lab)

    def _make_running(self) -> Setup:
        setup = self.get("installed")
        return Setup(setup.world, setup.home, setup.key, running=("web",))

    def _make_unsettled(self) -> Setup:
        """The zone runs, and links were taken from it and given to it since its boot."""
        return replace(self.get("running"), then=(("PUT", "/zones/web", RELINKED),))

    def _make_configured(self) -> Setup:
        """The zone with everything, uninstalled by hand."""
        lab = self.lab("installed")
        worlds.say(lab.world, "zoneadm", "-z", "web", "uninstall", "-F")
        return self._rest(lab)

    def _make_network(self) -> Setup:
        """Links, an address and a bridge to work on, made by hand."""
        lab = self.lab("empty")
        for argv in (
            ("dladm", "create-etherstub", "webnet0"),
            ("dladm", "create-etherstub", "webnet1"),
            ("dladm", "create-vnic", "-l", "webnet0", "web1"),
            ("dladm", "create-vnic", "-l", "webnet0", "web2"),
            ("dladm", "create-bridge", "-l", "webnet1", "weblan"),
            ("ipadm", "create-addr", "-T", "static", "-a", "10.9.2.1/24", "web2/v4"),
        ):
            worlds.say(lab.world, *argv)
        return self._rest(lab)

    def _make_networked(self) -> Setup:
        """The provisioning network, as a setup makes it."""
        lab = self.lab("empty")
        lab.do("POST", "/provisioning/network/setup", {})
        return self._rest(lab)

    def _make_provisioned(self) -> Setup:
        """The zone runs, and was provisioned: its tree, with snapshots from before and after of it and of the disk."""
        lab = self.lab("installed")
        tags = ("-o", "zoneweaver:zone=web", "-o", "zoneweaver:task=earlier")
        worlds.say(lab.world, "zfs", "create", *tags, "rpool/zones/web/provisioning")
        Path(lab.world.host("/rpool/zones/web/provisioning/playbook.yml")).write_text(
            "- hosts: all\n", encoding="utf-8"
        )
        for moment in ("pre", "post"):
            for dataset in ("provisioning", "root"):
                worlds.say(lab.world, "zfs", "snapshot", *tags, f"rpool/zones/web/{dataset}@{moment}-provision")
            worlds.write(lab.world, "rpool/zones/web/root", "the configured system of web")
        return replace(self._rest(lab), running=("web",))

    def _make_mixed(self) -> Setup:
        """As installed, with things of others inside the zone's own root: a dataset, a snapshot, a clone of a disk."""
        lab = self.lab("installed")
        for argv in (
            ("zfs", "create", "-s", "-V", "1G", "rpool/zones/web/theirs"),
            ("zfs", "snapshot", "rpool/zones/web/data@for-them"),
            ("zfs", "clone", "rpool/zones/web/data@for-them", "rpool/shared/of-data"),
            ("zfs", "snapshot", "rpool/zones/web/root@mine"),
        ):
            worlds.say(lab.world, *argv)
        worlds.write(lab.world, "rpool/zones/web/theirs", "not the agent's")
        return self._rest(lab)

    def _rest(self, lab: Lab) -> Setup:
        settle(lab.world)
        assert lab.stop() == 0, lab.agent.said()
        return Setup(lab.world, lab.home, lab.key)


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """The process that agents are forked from."""
    made = Zygote()
    yield made
    made.close()


@pytest.fixture(scope="session")
def setups(zygote: Zygote) -> Iterator[Setups]:
    """Hosts to copy, in a folder that goes away at the end."""
    folder = worlds.place()
    yield Setups(zygote, folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def lab_of(setups: Setups) -> Iterator[Callable[..., Lab]]:
    """Makes labs of a setup with their agent started; they end with the test."""
    made: list[Lab] = []

    def make(name: str = "empty", **flags: Any) -> Lab:
        made.append(setups.copy(name, **flags))
        made[-1].start().settled()
        return made[-1]

    yield make
    for lab in made:
        setups.discard(lab)


@pytest.fixture
def lab(lab_of: Callable[..., Lab]) -> Lab:
    """A host with neighbours and an agent on it."""
    return lab_of("empty")


@pytest.fixture
def fresh() -> Callable[[], str]:
    """Names for zones that no other test uses."""
    return lambda: f"z{uuid.uuid4().hex[:8]}"
