"""Every command of every operation fails, hangs, lies, is missing, or takes the agent with it; nothing is half done."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from tests.lab.cases import BY_NAME
from tests.lab.conftest import Setups
from tests.lab.counting import count
from tests.lab.judging import asks
from tests.lab.sweeping import FAULTS, Case, Clean, Seen, run_clean

pytestmark = pytest.mark.slow

BRIEFLY = {"fail-before", "kill-during", "garbage"}
"""What befalls commands that only ask, where an operation is swept briefly."""

LONGEST_WAY_BACK = 30
STRIDE = 3
"""How many commands of a way back are passed over, where an operation is swept briefly."""


UNSEEN = (["svcadm", "refresh"],)
"""What cannot be seen to have been done: a service that reads what it was told before tells nobody."""

LIES = {"garbage", "empty"}


@pytest.fixture(scope="session")
def cleans() -> dict[str, Clean]:
    """Untroubled runs, by operation."""
    return {}


def clean_run(cleans: dict[str, Clean], setups: Setups, name: str) -> Clean:
    """The untroubled run of an operation."""
    if name not in cleans:
        cleans[name] = run_clean(setups, BY_NAME[name])
    return cleans[name]


def told(what: str, clean: Clean, at: int, seen: Seen) -> str:
    """A case that went wrong, in words."""
    problems = "\n  ".join(seen.problems)
    return f"{what} at {at} ({' '.join(clean.commands[at - 1])[:200]}): {seen.status} {seen.error[:300]}\n  {problems}"


def changing(commands: Sequence[list[str]]) -> list[int]:
    """The places of the commands that change something."""
    return [at for at, argv in enumerate(commands, start=1) if not asks(argv)]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", list(BY_NAME))
def test_a_fault_at_any_command_leaves_all_or_nothing(
    name: str, fault: str, setups: Setups, cleans: dict[str, Clean]
) -> None:
    """An operation with one fault ends complete or leaves the host byte for byte as before, neighbours untouched."""
    clean = clean_run(cleans, setups, name)
    places: Sequence[int] = range(1, len(clean.commands) + 1)
    if BY_NAME[name].brief and fault not in BRIEFLY:
        places = changing(clean.commands)
    if fault == "missing":  # a command is there or it is not
        names = [argv[0] for argv in clean.commands]
        places = [names.index(command) + 1 for command in dict.fromkeys(names)]
    if fault in LIES:
        places = [at for at in places if clean.commands[at - 1][:2] not in UNSEEN]
    wrong = []
    for at in places:
        seen = Case(setups, BY_NAME[name], clean, fault=fault, at=at).run()
        count("sweep", name, fault, str(at))
        if seen.problems:
            wrong.append(told(fault, clean, at, seen))
    assert not wrong, f"{len(wrong)} of {len(places)} cases\n" + "\n".join(wrong)


@pytest.mark.parametrize("first", ["fail-before", "fail-after", "kill-during"])
@pytest.mark.parametrize("name", list(BY_NAME))
def test_a_death_on_the_way_from_a_fault_changes_nothing_about_that(
    name: str, first: str, setups: Setups, cleans: dict[str, Clean]
) -> None:
    """Also an agent that is killed while it undoes what failed, or takes up what it was killed over, ends clean."""
    clean = clean_run(cleans, setups, name)
    wrong, tried = [], 0
    for at in changing(clean.commands):
        for then in range(at + 1, at + LONGEST_WAY_BACK, STRIDE if BY_NAME[name].brief else 1):
            seen = Case(setups, BY_NAME[name], clean, fault=first, at=at, then=then).run()
            if not seen.told_twice:
                break  # the way was over before
            tried += 1
            count("sweep", name, f"{first}, then killed", str(at))
            if seen.problems:
                wrong.append(told(f"{first} and killed at command {then}", clean, at, seen))
    assert not wrong, f"{len(wrong)} of {tried} cases\n" + "\n".join(wrong)
