"""The network that guests are provisioned on: how far it is, all of it made, all of it taken away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from zoneweaver.domain import provisioning_network
from zoneweaver.domain.provisioning_network import FIELDS, Wanted
from zoneweaver.domain.tasks import Kind
from zoneweaver.operations import provisioning_network as network
from zoneweaver.services.callers import Caller
from zoneweaver.services.hosttasks import HostTasks
from zoneweaver.services.queueing import Proposal


class ProvisioningNetwork:
    """Everything that can be asked about it; `defaults` is what the settings say."""

    def __init__(self, *, tasks: HostTasks, defaults: Mapping[str, Any]) -> None:
        self._tasks = tasks
        self._defaults = dict(defaults)

    async def status(self) -> dict[str, Any]:
        """Return every part as it is found, and whether all of them are right."""
        return await self._found(provisioning_network.wanted(self._defaults))

    async def setup(self, body: Mapping[str, Any], caller: Caller) -> Proposal:
        """Propose to make it. Raises Invalid, and Conflict with every difference."""
        asked = {name: body[name] for name in FIELDS if body.get(name) is not None}
        wanted = provisioning_network.wanted({**self._defaults, **asked})
        proposal = await self._tasks.propose(
            Kind.PROVISIONING_NETWORK_SETUP, {"network": wanted.as_json()}, caller, "Provisioning network setup queued"
        )
        return replace(proposal, body={**proposal.body, **await self._found(wanted)})

    async def teardown(self, caller: Caller) -> Proposal:
        """Propose to take away what was made. Raises NotFound, and Conflict naming who uses it."""
        return await self._tasks.propose(
            Kind.PROVISIONING_NETWORK_TEARDOWN, {}, caller, "Provisioning network teardown queued"
        )

    async def _found(self, wanted: Wanted) -> dict[str, Any]:
        found = network.components(wanted, await network.look(self._tasks.looking(), wanted))
        return {
            "ready": all(item.right for item in found),
            "components": [item.as_json() for item in found],
            "network": wanted.as_json(),
        }
