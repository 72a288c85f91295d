"""network_dhcp_service: the DHCP server started, stopped, or started anew."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Any, Final

from zoneweaver.domain.errors import CommandFailed, Conflict, Refused
from zoneweaver.domain.tasks import Kind
from zoneweaver.host import dhcpd, svcadm
from zoneweaver.host.command import Command
from zoneweaver.host.svcs import DHCP, ServiceState
from zoneweaver.operations import dhcp, smf
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.saga import Outputs, Step

PROGRESS: Final = 30


class Action(enum.StrEnum):
    """What can be done with the server; a refresh is a restart, for the server reads its file at its start only."""

    START = "start"
    STOP = "stop"
    RESTART = "restart"
    REFRESH = "refresh"


class NetworkDhcpService:
    """Start or stop the server. Parameters: `action`."""

    kind = Kind.NETWORK_DHCP_SERVICE

    async def survey(self, ctx: Context) -> dict[str, Any]:
        """See where the service stands, and whether its file is right. Raises Conflict and Refused."""
        await ctx.progress(5, "validating")
        action, state = Action(ctx.params["action"]), await smf.state(ctx, DHCP)
        if action is not Action.STOP:
            served = dhcp.read(ctx)
            if not served.config.subnets and not served.foreign.networks:
                text = f"{dhcpd.FILE} has no subnet, and the server would not start"
                raise Conflict(text, code="no_subnet", details={"file": dhcpd.FILE})
            if action in {Action.RESTART, Action.REFRESH} and state not in {
                ServiceState.ONLINE,
                ServiceState.MAINTENANCE,
            }:
                raise Conflict(f"The DHCP server is {state}: start it", code="not_online", details={"state": state})
            try:
                await ctx.run(dhcpd.check())
            except CommandFailed as error:
                said = dhcpd.complaint(error.stderr)
                raise Refused(f"{dhcpd.FILE} is wrong: {said}", code="wrong_configuration") from error
        return {"state": state.value}

    def steps(self, ctx: Context, survey: Mapping[str, Any]) -> Sequence[Step[Context]]:
        """Return the one step; undone by what leads back to where the service stood."""
        action, state = Action(ctx.params["action"]), ServiceState(survey["state"])
        anew = action in {Action.RESTART, Action.REFRESH}

        async def do(ctx: Context, _: Outputs) -> dict[str, Any]:
            if action is Action.STOP:
                await smf.bring_down(ctx, DHCP)
            else:
                await smf.bring_up(ctx, DHCP, anew=anew)
            return {"state": (await smf.state(ctx, DHCP)).value}

        async def undo(ctx: Context, _: Outputs) -> None:
            await smf.bring_back(ctx, DHCP, state, anew=False)

        return [
            Step(
                name=f"{action} DHCP",
                do=do,
                undo=undo,
                progress=PROGRESS,
                status="changing_service",
                planned=_planned(action, state, anew=anew),
                planned_undo=() if anew else smf.bringing_back(DHCP, state, anew=False),
            )
        ]


def _planned(action: Action, state: ServiceState, *, anew: bool) -> tuple[Command, ...]:
    if action is not Action.STOP:
        return smf.bringing_up(DHCP, state, anew=anew)
    return () if state in {ServiceState.DISABLED, ServiceState.UNINITIALIZED} else (svcadm.disable(DHCP),)
