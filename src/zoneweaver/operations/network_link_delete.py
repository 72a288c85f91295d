"""network_link_delete: a link that nothing uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zoneweaver.domain.datalinks import NOUNS, Datalink
from zoneweaver.domain.errors import NotFound
from zoneweaver.domain.network import LinkClass
from zoneweaver.domain.tasks import Kind
from zoneweaver.operations import datalink_checks, datalinks
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.saga import Step


class NetworkLinkDelete:
    """Delete a link. Parameters: `kind` and `name`, and `force`: take the links out of a bridge first."""

    kind = Kind.NETWORK_LINK_DELETE

    async def survey(self, ctx: Context) -> dict[str, Any]:
        """See what the link is and that nothing uses it. Raises NotFound, and Conflict that names who does."""
        await ctx.progress(5, "validating")
        kind, name = LinkClass(ctx.params["kind"]), str(ctx.params["name"])
        found = await datalinks.find(ctx, kind, name)
        if found is None or found.kind is not kind:
            raise NotFound(f"There is no {NOUNS[kind]} {name}", code="no_such_link", details={"link": name})
        await datalink_checks.refuse_used(ctx, found, members=not ctx.params["force"])
        return {"link": found.as_json()}

    def steps(self, ctx: Context, survey: Mapping[str, Any]) -> Sequence[Step[Context]]:  # noqa: ARG002
        """Return the deletion; of a bridge, the links leave it first."""
        return datalinks.delete(Datalink.from_json(survey["link"]))
