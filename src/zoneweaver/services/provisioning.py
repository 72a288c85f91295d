"""Provisioning: the agent's own key for guests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from anyio import to_thread

from zoneweaver.store.ssh_key import SshKey


@dataclass(kw_only=True, slots=True)
class Provisioning:
    """Everything that can be asked about the provisioning of zones."""

    key: SshKey

    async def ssh_key(self) -> dict[str, Any]:
        """Return the public half of the agent's key, which is made when there is none. Raises Unavailable."""
        public = await to_thread.run_sync(self.key.public)
        return {
            "success": True,
            "public_key": public.line,
            "fingerprint": public.fingerprint,
            "key_type": public.line.split()[0],
            "key_path": str(self.key.path),
        }
