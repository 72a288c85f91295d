"""`/provisioning/ssh-key`: how guests know the agent."""

from __future__ import annotations

from typing import Final

from zoneweaver.api.route import Answer, Call, Route
from zoneweaver.api.wire import Shown
from zoneweaver.domain.keys import Scope


class SshKeyAnswer(Shown):
    """The public half of the agent's key."""

    success: bool
    public_key: str
    """One line, as for `authorized_keys`."""
    fingerprint: str
    """SHA-256, as ssh-keygen(1) shows it."""
    key_type: str
    """`ssh-ed25519`, unless another key was put there."""
    key_path: str
    """Where the private half lies on the agent's host."""


async def get_ssh_key(call: Call) -> Answer:
    """Return the public half."""
    return Answer(body=await call.services.provisioning.ssh_key())


ROUTES: Final[tuple[Route, ...]] = (
    Route(
        method="GET",
        path="/provisioning/ssh-key",
        summary="Show the agent's public SSH key",
        description=(
            "The key with which guests are reached when their credentials name no other. It is made when it is first "
            "needed, and told to cloud-init (`cloud_init.sshkey`) when a zone is created without a key of its own."
        ),
        handler=get_ssh_key,
        tag="provisioning",
        scope=Scope.READ,
        answer=SshKeyAnswer,
    ),
)
