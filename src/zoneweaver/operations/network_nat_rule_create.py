"""network_nat_rule_create: a rule of address translation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zoneweaver.domain import nat
from zoneweaver.domain.errors import NotFound
from zoneweaver.domain.tasks import Kind
from zoneweaver.host import ipadm, ipnat
from zoneweaver.host.svcs import IPFILTER, ServiceState
from zoneweaver.operations import smf, translation
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.saga import Step


class NetworkNatRuleCreate:
    """Add a rule. Parameters: `rule`, as `domain.nat.rule` reads it."""

    kind = Kind.NETWORK_NAT_RULE_CREATE

    async def survey(self, ctx: Context) -> dict[str, Any]:
        """See whether the rule would be used, and on what interface. Raises NotFound and Conflict."""
        await ctx.progress(5, "validating")
        new = nat.rule(ctx.params["rule"])
        interfaces = {interface.name for interface in await ctx.ask(ipadm.show_interfaces())}
        if new.interface not in interfaces:
            text = f"bridge: there is no IP interface {new.interface}"
            raise NotFound(text, code="no_such_interface", details={"field": "bridge"})
        there = translation.read(ctx)
        translation.refuse_clash(there, new)
        state = await smf.state(ctx, IPFILTER)
        translation.refuse_dormant(ctx, state)
        if state is ServiceState.ONLINE:
            translation.refuse_apart(there, await ctx.ask(ipnat.active()))
        return {
            "lines": None if there.lines is None else list(there.lines),
            "rules": [rule.as_json() for rule in (*there.ours, new)],
            "state": state.value,
        }

    def steps(self, ctx: Context, survey: Mapping[str, Any]) -> Sequence[Step[Context]]:  # noqa: ARG002
        """Return the one step."""
        rules = [nat.rule(body) for body in survey["rules"]]
        return [translation.change(survey["lines"], rules, state=ServiceState(survey["state"]))]
