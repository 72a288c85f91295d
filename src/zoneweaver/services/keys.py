"""API keys: making, revoking, and knowing one when it is shown."""

from __future__ import annotations

import contextlib
import functools
import hmac
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection

from zoneweaver.domain.errors import Conflict, Forbidden, Unauthorized, Unavailable
from zoneweaver.domain.keys import ApiKey, Scope
from zoneweaver.domain.secret import Secret
from zoneweaver.domain.tasks import stamp
from zoneweaver.services.audit import entry
from zoneweaver.services.callers import Caller
from zoneweaver.store import audit
from zoneweaver.store import keys as stored
from zoneweaver.store.database import Database

FRESH_SECONDS: Final = 1.0
"""How long keys are believed without looking again: another process may have revoked one."""

MOST_CACHED: Final = 5000


def shown(key: ApiKey) -> dict[str, Any]:
    """Return a key as the API shows it."""
    return {
        "id": key.id,
        "name": key.name,
        "description": key.description,
        "scope": key.scope.word,
        "prefix": key.prefix,
        "is_active": key.revoked_at is None,
        "created_at": stamp(key.created_at),
        "last_used": stamp(key.last_used_at),
        "revoked_at": stamp(key.revoked_at),
    }


@dataclass(slots=True)
class _Known:
    key: ApiKey
    touched: float = float("-inf")


@dataclass(kw_only=True, slots=True)
class Keys:
    """The keys of this agent. `clock` counts seconds and never runs backwards."""

    database: Database
    setup_token_path: Path
    bootstrap_enabled: bool = True
    clock: Callable[[], float] = time.monotonic
    _known: dict[str, _Known] = field(default_factory=dict)
    _standing: stored.Standing | None = None
    """What the table was like when the known keys were read."""
    _looked: float = float("-inf")
    _used: set[str] = field(default_factory=set)
    _noting: bool = False

    async def authenticate(self, plain: str) -> ApiKey:
        """Return the key that this text is. Raises Unauthorized."""
        now = self.clock()
        if now - self._looked > FRESH_SECONDS:
            await self._look(now)
        digest = stored.digest(plain)
        known = self._known.get(digest) or await self._find(digest)
        if now - known.touched > stored.TOUCH_EVERY.total_seconds():
            known.touched = now
            self._used.add(known.key.id)
            if not self._noting:
                await self._note_use()
        return known.key

    async def _look(self, now: float) -> None:
        """Forget what is known when any key was made, revoked or removed, or has expired: one question for them all."""
        standing = await self.database.read(stored.standing)
        if standing != self._standing:
            self._known.clear()
            self._standing = standing
        self._looked = now

    async def _find(self, digest: str) -> _Known:
        standing = self._standing
        key = await self.database.read(lambda c: stored.find(c, digest))
        if key is None or key.revoked_at is not None or not hmac.compare_digest(key.digest, digest):
            raise Unauthorized("The API key is unknown, expired or revoked")
        known = _Known(key=key)
        if standing == self._standing:  # else it may be older than what we know by now
            if len(self._known) >= MOST_CACHED:
                self._known.clear()
            self._known[digest] = known
        return known

    async def _note_use(self) -> None:
        """Write when keys were used; those that come meanwhile go with the next transaction, without waiting for it."""
        self._noting = True
        try:
            while self._used:
                used, self._used = self._used, set()
                with contextlib.suppress(Unavailable):  # reading goes on while nothing can be written
                    await self.database.run(functools.partial(stored.touch, key_ids=used), quiet=True)
        finally:
            self._noting = False

    def forget(self) -> None:
        """Look every key up again: something about keys was written."""
        self._known.clear()
        self._standing, self._looked = None, float("-inf")

    async def bootstrap(
        self, *, name: str, description: str, token: str | None, caller: Caller
    ) -> tuple[ApiKey, Secret]:
        """Make the first key, an admin's. Raises Forbidden when there is a key already or the token is not right."""
        if not self.bootstrap_enabled:
            raise Forbidden("Bootstrap endpoint is disabled")
        expected = await self.database.read(self._expected_token)

        def write(c: Connection) -> tuple[ApiKey, str]:
            if stored.count(c) > 0:
                raise Forbidden("Bootstrap endpoint is closed: there is an API key already")
            made = stored.create(c, name=name, description=description, scope=Scope.ADMIN)
            audit.add(c, entry(caller, "key.bootstrap", 200, target=made[0].id, name=name))
            return made

        if expected is None:
            raise Forbidden("Bootstrap endpoint is closed: there is an API key already")
        if token is None or not hmac.compare_digest(token.strip().encode(), expected.encode()):
            raise Forbidden("The setup token is missing or wrong; it lies in setup.token in the agent's state folder")
        key, plain = await self.database.run(write)
        self.forget()
        self.setup_token_path.unlink(missing_ok=True)
        return key, Secret(plain)

    def _expected_token(self, c: Connection) -> str | None:
        if stored.count(c) > 0 or not self.setup_token_path.exists():
            return None
        return self.setup_token_path.read_text("ascii").strip() or None

    async def bootstrap_available(self) -> bool:
        """Say whether the first key is still to be made over HTTP."""
        return self.bootstrap_enabled and await self.database.read(self._expected_token) is not None

    async def offer_setup_token(self) -> bool:
        """Write the setup token when there is no key yet (and none lies there); say whether one lies there now."""
        if not self.bootstrap_enabled or await self.database.read(stored.count) > 0:
            self.setup_token_path.unlink(missing_ok=True)
            return False
        if not self.setup_token_path.exists() or not self.setup_token_path.read_text("ascii").strip():
            self.setup_token_path.unlink(missing_ok=True)  # empty: an agent died over it
            handle = os.open(self.setup_token_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(secrets.token_urlsafe(32) + "\n")
        return True

    async def create(
        self, *, name: str, description: str, scope: Scope, expires_at: datetime | None, caller: Caller
    ) -> tuple[ApiKey, Secret]:
        """Make a key; the second value is the only copy of it."""

        def write(c: Connection) -> tuple[ApiKey, str]:
            made = stored.create(c, name=name, description=description, scope=scope, expires_at=expires_at)
            audit.add(c, entry(caller, "key.create", 200, target=made[0].id, name=name, scope=scope.word))
            return made

        key, plain = await self.database.run(write)
        self.forget()
        self.setup_token_path.unlink(missing_ok=True)
        return key, Secret(plain)

    async def get(self, key_id: str) -> ApiKey:
        """Return a key. Raises NotFound."""
        return await self.database.read(lambda c: stored.get(c, key_id))

    async def every(self) -> list[dict[str, Any]]:
        """Return all keys as the API shows them, the newest first."""
        return [shown(key) for key in reversed(await self.database.read(stored.every))]

    async def revoke(self, key_id: str, caller: Caller) -> ApiKey:
        """Revoke a key for good. Raises NotFound, and Conflict for the last key that can make others."""

        def write(c: Connection) -> ApiKey:
            _keep_an_admin(c, key_id)
            key = stored.revoke(c, key_id)
            audit.add(c, entry(caller, "key.revoke", 200, target=key_id, name=key.name))
            return key

        key = await self.database.run(write)
        self.forget()
        return key

    async def delete(self, key_id: str, caller: Caller) -> ApiKey:
        """Remove a key. Raises NotFound, and Conflict for the last key that can make others."""

        def write(c: Connection) -> ApiKey:
            key = stored.get(c, key_id)
            _keep_an_admin(c, key_id)
            stored.remove(c, key_id)
            audit.add(c, entry(caller, "key.delete", 200, target=key_id, name=key.name))
            return key

        key = await self.database.run(write)
        self.forget()
        return key


def _keep_an_admin(c: Connection, key_id: str) -> None:
    """Raise Conflict when nobody could manage keys without this one."""
    if stored.managers(c) == [key_id]:
        raise Conflict("This is the last active admin key; make another one first", details={"id": key_id})
