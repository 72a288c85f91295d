"""API keys straight in the agent's database, for its own host: needed as long as no key exists."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection

from zoneweaver import settings as settings_of
from zoneweaver.cli.connection import home
from zoneweaver.domain.keys import ApiKey, Scope
from zoneweaver.services.keys import shown
from zoneweaver.settings import DEFAULT_FILE, Settings
from zoneweaver.store import audit, keys
from zoneweaver.store.audit import AuditEntry
from zoneweaver.store.database import Database
from zoneweaver.store.seal import Seal

T = TypeVar("T")


def settings(config: Path | None) -> Settings:
    """Return the settings of the agent on this host: the file's, or those of the state folder that is in use."""
    at_home = config is None and not DEFAULT_FILE.exists()
    return settings_of.load(config=config, flags={"home": str(home())} if at_home else None)


def create(used: Settings, *, name: str, description: str, scope: str) -> dict[str, Any]:
    """Make a key and return it as the API would; the trail tells of it."""

    def write(c: Connection) -> tuple[ApiKey, str]:
        made = keys.create(c, name=name, description=description, scope=Scope.of(scope))
        audit.add(c, _row("create", made[0], scope=scope))
        return made

    key, plain = _in(used, write)
    return {"api_key": plain, "entity_id": key.id, "name": key.name, "description": key.description, "scope": scope}


def every(used: Settings) -> list[dict[str, Any]]:
    """Return all keys as the API lists them, the newest first."""
    return [shown(key) for key in reversed(_in(used, keys.every))]


def revoke(used: Settings, key_id: str) -> dict[str, Any]:
    """Revoke a key and return it; the trail tells of it."""

    def write(c: Connection) -> ApiKey:
        key = keys.revoke(c, key_id)
        audit.add(c, _row("revoke", key))
        return key

    return shown(_in(used, write))


def works(used: Settings, plain: str) -> bool:
    """Say whether a key is known, not revoked, and may do everything."""
    key = _in(used, lambda c: keys.find(c, keys.digest(plain)))
    return key is not None and key.revoked_at is None and key.scope is Scope.ADMIN


def _row(verb: str, key: ApiKey, **details: str) -> AuditEntry:
    """Return what the trail says: nobody with a key, but somebody on this host."""
    return AuditEntry(
        action=f"key.{verb}",
        method="LOCAL",
        path=f"zoneweaver keys {verb}",
        status=200,
        target=key.id,
        details={"name": key.name, "user": _user(), **details},
    )


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _in(used: Settings, ask: Callable[[Connection], T]) -> T:
    """Run one transaction on the database of the state folder."""
    used.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = Database.open(used.database_url, Seal.load(used.home))
    try:
        return database.run_now(ask)
    finally:
        database.close()
