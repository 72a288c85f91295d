"""Lines that lose one character in twenty, are late by up to 200 ms, and on which the kernel has its say at any moment."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable

import pytest
from tests.guest.simulation import PASSWORD, RECIPES, Guest, Run, played

RUNS = int(os.environ.get("GUEST_RUNS", "0"))
"""Runs of each recipe in `make soak`."""

GOOD = 0.995


def one(name: str, seed: int) -> Run:
    """Play a recipe as it comes: booting, up, or with somebody logged in; as root or as another."""
    user = None if name == "windows-sac" else ("root", "startcloud")[seed % 2]
    states: list[Callable[[Guest], Guest]] = [lambda guest: guest.boot(), lambda guest: guest.booted()]
    if name not in {"windows-sac", "cloud-init-wait"}:
        states.append(lambda guest: guest.booted(user=user))
    return played(name, states[seed // 2 % len(states)], user=user, seed=seed, loss=0.05, delay=0.2, noise=0.003)


def succeeded(run: Run) -> bool:
    return run.played is not None and (len(run.played.stored) == 0 or run.addresses == ["10.190.190.10/24"])


@pytest.mark.parametrize("name", list(RECIPES))
def test_a_few(name: str) -> None:
    """What is typed is put right, and the password is typed until it has arrived whole."""
    for seed in range(6):
        run = one(name, seed)
        assert succeeded(run), f"seed {seed}: {run}"
        assert PASSWORD not in run.said
        if name != "cloud-init-wait":
            assert run.played is not None
            assert run.played.lost > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", list(RECIPES))
def test_many(name: str) -> None:
    """At least 995 of 1,000 runs succeed, and none says the password."""
    runs = RUNS or 200
    failed: Counter[str] = Counter()
    seconds = 0.0
    for seed in range(1000, 1000 + runs):
        run = one(name, seed)
        assert PASSWORD not in run.said, f"seed {seed}"
        seconds += run.seconds
        if not succeeded(run):
            failed[f"{seed}: {run.error}"[:200]] += 1
    print(f"{name}: {runs - failed.total()} of {runs}, {seconds / runs:.0f} s of the guest's time each")
    assert failed.total() <= (1 - GOOD) * runs, "\n".join(failed)
