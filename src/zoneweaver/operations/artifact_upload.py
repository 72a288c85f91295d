"""artifact_upload: an upload that has ended, as a task: its row says which artifact came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zoneweaver.domain.errors import NotFound
from zoneweaver.domain.tasks import Kind
from zoneweaver.store import artifacts
from zoneweaver.tasks.context import Context
from zoneweaver.tasks.saga import Step


class ArtifactUpload:
    """See that the artifact is there; it was checked while it came. Parameters: `artifact_id`."""

    kind = Kind.ARTIFACT_UPLOAD

    async def survey(self, ctx: Context) -> dict[str, Any]:
        """Say what came. Raises NotFound when it was deleted in the meantime."""
        wanted = str(ctx.params["artifact_id"])
        artifact = await ctx.database.read(lambda c: artifacts.get(c, wanted))
        if artifact is None:
            raise NotFound("Artifact not found", code="artifact_not_found")
        await ctx.say(f"{artifact.filename}: {artifact.size} bytes, SHA-256 {artifact.sha256}")
        return {"artifact_id": artifact.id}

    def steps(self, ctx: Context, survey: Mapping[str, Any]) -> Sequence[Step[Context]]:  # noqa: ARG002 - the protocol
        """Return none: nothing is left to do."""
        return ()
