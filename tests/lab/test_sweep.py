"""Every command of every operation fails, hangs, lies, is missing, or takes the agent with it; nothing is ever half done."""

from __future__ import annotations

import pytest

from tests.lab.cases import BY_NAME
from tests.lab.conftest import Setups
from tests.lab.sweeping import FAULTS, Case, Clean, run_clean

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def cleans(setups: Setups) -> dict[str, Clean]:
    """Untroubled runs, by operation."""
    return {}


def clean_run(cleans: dict[str, Clean], setups: Setups, name: str) -> Clean:
    """The untroubled run of an operation."""
    if name not in cleans:
        cleans[name] = run_clean(setups, BY_NAME[name])
    return cleans[name]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", list(BY_NAME))
def test_a_fault_at_any_command_leaves_all_or_nothing(name: str, fault: str, setups: Setups, cleans: dict[str, Clean], tally) -> None:
    """An operation with one fault ends complete or leaves the host byte for byte as before, neighbours untouched."""
    clean = clean_run(cleans, setups, name)
    places = range(1, len(clean.commands) + 1)
    if fault == "missing":  # a command is there or it is not
        names = [argv[0] for argv in clean.commands]
        places = [names.index(command) + 1 for command in dict.fromkeys(names)]
    wrong = []
    for at in places:
        seen = Case(setups, BY_NAME[name], clean, fault=fault, at=at).run()
        tally(name, fault, clean.commands[at - 1])
        if seen.problems:
            told = "\n  ".join(seen.problems)
            wrong.append(f"{fault} at {at} ({' '.join(clean.commands[at - 1])[:200]}): {seen.status} {seen.error[:300]}\n  {told}")
    assert not wrong, f"{len(wrong)} of {len(places)} cases\n" + "\n".join(wrong)
