"""Lab hosts: one for all the quick cases of a module, or a fresh one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.labhost.zones.conftest import Host, host

from labhost.world import World
from labhost.zones import lifecycle

__all__ = ["host"]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """Return the module's lab host; its time runs a thousand times faster, and a case touches only what is its own."""
    world = World.create(str(tmp_path_factory.mktemp("lab") / "host"), guest="none", time_scale=0.001)
    yield Host(world)
    lifecycle.end_all(world)
