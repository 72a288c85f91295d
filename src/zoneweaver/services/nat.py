"""Address translation: the rules in the file and in the kernel, and tasks that change the file's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zoneweaver.domain import nat
from zoneweaver.domain.nat import NatRule
from zoneweaver.domain.tasks import Kind
from zoneweaver.host import ipnat, svcs
from zoneweaver.host.svcs import IPFILTER
from zoneweaver.operations import translation
from zoneweaver.services.callers import Caller
from zoneweaver.services.hosttasks import HostTasks
from zoneweaver.services.queueing import Proposal
from zoneweaver.tasks.context import Hosting


class Nat:
    """Everything that can be asked about address translation."""

    def __init__(self, *, host: Hosting, tasks: HostTasks) -> None:
        self._host = host
        self._tasks = tasks

    async def rules(self) -> dict[str, Any]:
        """Return the rules of the file, ours and those of others that can be read, each with whether it is in force."""
        there, active = translation.read(self._tasks.looking()), await self._host.ask(ipnat.active())
        shown = [
            {
                "id": rule.id,
                **rule.as_json(),
                "rule": ipnat.render(rule),
                "managed": managed,
                "active": rule in active.rules,
            }
            for managed, rules in ((True, there.ours), (False, there.others))
            for rule in rules
        ]
        unread = [line for line in there.foreign if ipnat.parse(line) is None]
        return {"rules": shown, "total": len(shown), "others": unread, "config_file": ipnat.FILE}

    async def status(self) -> dict[str, Any]:
        """Return what the kernel does at the moment."""
        service, active = await self._host.ask(svcs.find(IPFILTER)), await self._host.ask(ipnat.active())
        return {
            "service": IPFILTER,
            "state": None if service is None else service.state.value,
            "running": active.running,
            "active_rules": [*(ipnat.render(rule) for rule in active.rules), *active.others],
            "sessions": active.sessions,
            "config_file": ipnat.FILE,
        }

    async def create(self, body: Mapping[str, Any], caller: Caller) -> Proposal:
        """Propose a rule. Raises Invalid, NotFound and Conflict."""
        new: NatRule = nat.rule(body)
        params = {"rule": new.as_json()}
        return await self._tasks.propose(
            Kind.NETWORK_NAT_RULE_CREATE,
            params,
            caller,
            "Creation of NAT rule queued",
            id=new.id,
            rule=ipnat.render(new),
        )

    async def delete(self, rule_id: str, caller: Caller) -> Proposal:
        """Propose to take a rule away. Raises NotFound, and Conflict for one of somebody else's."""
        return await self._tasks.propose(
            Kind.NETWORK_NAT_RULE_DELETE,
            {"id": rule_id},
            caller,
            f"Deletion of NAT rule {rule_id[:80]} queued",
            id=rule_id,
        )
