"""One lab host for all the quick cases of a module: a case touches only what carries its own number."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.labhost.zones.conftest import Host

from labhost.world import World
from labhost.zones import lifecycle


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """Return the module's lab host; its time runs a thousand times faster."""
    world = World.create(str(tmp_path_factory.mktemp("lab") / "host"), guest="none", time_scale=0.001)
    yield Host(world)
    lifecycle.end_all(world)
