"""Changes of files that others write too: our block as it shall be, checked by the program that reads the file.

A change knows the block before and after, so that it can be done and undone any number of times and in another
process; what others wrote in between stays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zoneweaver.domain.errors import CommandFailed, Refused
from zoneweaver.host.command import Command
from zoneweaver.host.managed import ManagedFile
from zoneweaver.tasks.context import Context

BLOCK = "network"
"""The block of ours in the files of other programs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """A block before and after; None is no block. `check` reads a new version without using it."""

    path: str
    before: tuple[str, ...] | None
    after: tuple[str, ...] | None
    check: Callable[[str], Command] | None = None
    complaint: Callable[[str], str] | None = None
    block: str = BLOCK

    @property
    def facts(self) -> Mapping[str, Any]:
        """What plans show of it."""
        return {"file": self.path, "block": list(self.after or ())}

    async def apply(self, ctx: Context) -> bool:
        """Put the block after in the place of the block before; say whether the file was changed now.

        Raises Refused when the program finds the new version wrong, and when the block is neither of the two.
        """
        return await self._put(ctx, self.after, self.before)

    async def revert(self, ctx: Context) -> bool:
        """Put the block before back; say whether the file was changed now."""
        return await self._put(ctx, self.before, self.after)

    async def _put(self, ctx: Context, lines: Sequence[str] | None, other: Sequence[str] | None) -> bool:
        file = ManagedFile(ctx.host, self.path)
        file.sweep()
        there = file.read(self.block)
        if (there or None) not in {tuple(lines or ()) or None, tuple(other or ()) or None}:
            raise Refused(f"{self.path}: the block {self.block} was changed by somebody else meanwhile", code="changed")
        edit = file.stage(self.block, lines)
        if edit is None:
            return False
        if edit.staged is not None and self.check is not None:
            try:
                await ctx.run(self.check(edit.staged))
            except BaseException as error:
                file.discard(edit)
                if isinstance(error, CommandFailed):
                    said = error.stderr if self.complaint is None else self.complaint(error.stderr)
                    text = f"{self.path} would be wrong; it was left as it is: {said.strip()[:500]}"
                    raise Refused(text, code="wrong_configuration") from error
                raise
        file.commit(edit)
        return True
