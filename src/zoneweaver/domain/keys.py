"""API keys and what they reach."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime


class Scope(enum.IntEnum):
    """What a key may do; each scope holds all the lower ones."""

    READ = 1
    OPERATE = 2
    WRITE = 3
    ADMIN = 4

    @property
    def word(self) -> str:
        """The scope as the API writes it."""
        return self.name.lower()

    @classmethod
    def of(cls, word: str) -> Scope:
        """Read the word; raises KeyError."""
        return cls[word.upper()]


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiKey:
    """A key as it is remembered: never the key itself, only its SHA-256 (`digest`, hex) and its first characters."""

    id: str
    name: str
    description: str
    scope: Scope
    digest: str
    prefix: str
    created_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
