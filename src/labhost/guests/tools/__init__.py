"""The commands of every scripted UNIX guest; each takes the shell, its words and its streams, and returns a code."""

from __future__ import annotations

from labhost.guests.tools import digests, files, programs, shells, text, users

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

COMMANDS: dict[str, Any] = {
    **digests.COMMANDS, **files.COMMANDS, **programs.COMMANDS, **shells.COMMANDS, **text.COMMANDS, **users.COMMANDS,
}  # fmt: skip
