"""A secret is a type that cannot be printed."""

from __future__ import annotations

from typing import Any, Final

MASK: Final = "********"


class Secret:
    """A value that shows as asterisks everywhere; `reveal()` is the one way to it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value, for the one place that must say it to the host."""
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def __reduce__(self) -> Any:
        raise TypeError("a secret is not pickled")


_WORDS: Final = ("passw", "passphrase", "become_pass", "vault_pass", "secret", "token", "private_key", "api_key")


def says_secret(name: str) -> bool:
    """Say whether what bears this name is not to be shown."""
    return any(word in name.lower() for word in _WORDS)


Text = str | Secret
"""A value that may be secret."""


def reveal(value: Text) -> str:
    """Return the plain text of a value that may be secret."""
    return value.reveal() if isinstance(value, Secret) else value


def masked(value: Any) -> Any:
    """Return the same JSON-like value with every secret as asterisks."""
    if isinstance(value, Secret):
        return MASK
    if isinstance(value, dict):
        return {key: masked(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [masked(item) for item in value]
    return value
