"""The lab host against what illumos' commands are known to do, statement by statement.

Where the two differ it is the lab host that is wrong. The tables are in the modules beside this one, by command.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from tests.labhost.conformance import brand, network, rights, storage, zoneadm, zonecfg
from tests.labhost.conformance.statements import Section, Stage, Statement, play
from tests.labhost.test_checklist import functions, named
from tests.labhost.zones.conftest import Host

from labhost.world import World
from labhost.zones import lifecycle

PARTS: dict[str, tuple[Section, ...]] = {
    "zonecfg": zonecfg.SECTIONS,
    "zoneadm": zoneadm.SECTIONS,
    "brand": brand.SECTIONS,
    "storage": storage.SECTIONS,
    "network": network.SECTIONS,
    "rights": rights.SECTIONS,
}
# what there is to say something about: the sections of each chapter, none where it is one
CHAPTERS = {1: 11, 2: 0, 3: 7, 4: 9, 5: 0, 6: 6, 7: 0, 8: 0, 9: 0, 10: 0}
SECTIONS = [
    f"{chapter}.{part}" if parts else f"{chapter}"
    for chapter, parts in CHAPTERS.items()
    for part in range(1, parts + 1 if parts else 2)
]
ALL = [(part, section, statement) for part in PARTS for section in PARTS[part] for statement in section.statements]
TRIED = [(part, section, number) for number, (part, section, statement) in enumerate(ALL) if statement.script]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Stage]]:
    """Return what gives each part a lab host of its own, whose time runs a thousand times faster."""
    stages: dict[str, Stage] = {}

    def of(part: str) -> Stage:
        if part not in stages:
            world = World.create(str(tmp_path_factory.mktemp(part) / "host"), guest="none", time_scale=0.001)
            stages[part] = Stage(Host(world))
        return stages[part]

    yield of
    for each in stages.values():
        lifecycle.end_all(each.host.world)


@pytest.mark.parametrize(
    ("part", "number"),
    [
        pytest.param(part, number, id=f"{section.number}-{ALL[number][2].says}".replace(" ", "_"))
        for part, section, number in TRIED
    ],
)
def test_a_statement_holds(stage: Callable[[str], Stage], part: str, number: int) -> None:
    """Each command of the statement's script leaves the output, the complaint and the exit code that it says."""
    place = stage(part)
    script = ALL[number][2].script.replace("{n}", str(number + 1)).replace("ROOT", place.host.world.root)
    try:
        play(place, script)
    finally:
        if " 1000" in script or "=1000" in script:
            place.do_profiles()


@pytest.mark.parametrize("section", [section for part in PARTS.values() for section in part], ids=lambda s: s.number)
def test_what_is_proved_elsewhere_is(section: Section) -> None:
    """The tests that a statement refers to exist."""
    for statement in section.statements:
        for file, name in named(statement.tests) if statement.tests else ():
            assert functions(file)[name] == 1, (statement.says, file, name)


def test_each_statement_is_one_of_three() -> None:
    """A statement has a script, or tests elsewhere, or a reason, and no two of a section say the same."""
    for _, section, statement in ALL:
        kinds = (statement.script, statement.tests, statement.reason)
        assert sum(bool(kind) for kind in kinds) == 1, (section.number, statement.says)
    said: list[Statement] = [statement for _, _, statement in ALL]
    assert len({(statement.says, statement.script) for statement in said}) == len(said)


def test_each_section_has_statements_and_a_source() -> None:
    """Every section is there once, says where it was read, and has something that is tried or proved."""
    numbers = [section.number for part in PARTS.values() for section in part]
    assert numbers == SECTIONS
    for part in PARTS.values():
        for section in part:
            assert section.source, section.number
            assert any(statement.script or statement.tests for statement in section.statements), section.number
