"""The whole agent over HTTPS, on a host whose guests are QEMU machines: one of them from its disk to its end."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.lab.real import agent_on, whole_life
from tests.lab.zygote import Zygote
from tests.labhost.guests.machines import key_pair
from tests.labhost.guests.virtual import SECONDS, founded, leased, missing

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(missing()), reason=f"no machines: {missing()}")]


def test_from_the_template_to_ssh_and_to_nothing(zygote: Zygote, tmp_path: Path) -> None:
    """A zone is created from the template, started, logged in to, reached at its lease by SSH, stopped, deleted."""
    machines = founded(tmp_path / "host")
    machines.furnish()
    with agent_on(machines, zygote, tmp_path / "home", seconds=SECONDS) as real:
        whole_life(real, key_pair(tmp_path), leased)
