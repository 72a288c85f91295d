"""Who asks, from where, and with what reach."""

from __future__ import annotations

from dataclasses import dataclass, field

from zoneweaver.domain.keys import Scope


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """Somebody who asks for something. `name` is what `created_by` of tasks shows."""

    name: str
    key_id: str | None = None
    scope: Scope | None = None
    address: str = ""
    """Where the request came from; empty inside the agent."""
    request_id: str = ""
    method: str = ""
    path: str = ""
    pepper: bytes = field(default=b"", repr=False)
    """Something that only this caller knows, so that a fingerprint of its requests cannot be searched for."""


SYSTEM = Caller(name="system", scope=Scope.ADMIN)
"""The agent itself, for work that nobody asked for."""
