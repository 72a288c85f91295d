"""network_nat_rule_delete: a rule of address translation taken away; the packet filter goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zoneweaver.domain import nat
from zoneweaver.domain.errors import Conflict, NotFound
from zoneweaver.domain.tasks import Kind
from zoneweaver.host import ipnat
from zoneweaver.host.svcs import IPFILTER, ServiceState
from zoneweaver.operations import smf, translation
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.saga import Step


class NetworkNatRuleDelete:
    """Take a rule away. Parameters: `id`."""

    kind = Kind.NETWORK_NAT_RULE_DELETE

    async def survey(self, ctx: Context) -> dict[str, Any]:
        """See whether the rule is one of ours. Raises NotFound, and Conflict for one of somebody else's."""
        await ctx.progress(5, "validating")
        gone, there = ctx.params["id"], translation.read(ctx)
        if all(rule.id != gone for rule in there.ours):
            if any(rule.id == gone for rule in there.others):
                text = f"NAT rule {gone} was written by somebody else, who must take it away"
                raise Conflict(text, code="not_ours", details={"id": gone})
            raise NotFound(f"There is no NAT rule {gone}", code="no_such_rule", details={"id": gone})
        state = await smf.state(ctx, IPFILTER)
        if state is ServiceState.ONLINE:
            translation.refuse_apart(there, await ctx.ask(ipnat.active()))
        return {
            "lines": None if there.lines is None else list(there.lines),
            "rules": [rule.as_json() for rule in there.ours if rule.id != gone],
            "state": state.value,
        }

    def steps(self, ctx: Context, survey: Mapping[str, Any]) -> Sequence[Step[Context]]:  # noqa: ARG002
        """Return the one step."""
        rules = [nat.rule(body) for body in survey["rules"]]
        return [translation.change(survey["lines"], rules, state=ServiceState(survey["state"]))]
