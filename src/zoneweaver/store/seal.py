"""Secrets at rest: JSON in which every `Secret` is encrypted with keys that live beside the database, not in it."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from zoneweaver.domain.secret import Secret

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

FILE: Final = "seal.keys"
MARK: Final = "$sealed"
"""The one key of the JSON object that stands for a secret."""


class Unsealable(ValueError):
    """A sealed value that none of the keys opens: the key file was lost or is another installation's."""


class Seal:
    """Turns values into JSON text with encrypted secrets, and back.

    The key file has one key a line and is only readable by its owner; the first key encrypts, all of them decrypt.
    It is made when the first secret is written.
    """

    __slots__ = ("_box", "_one_at_a_time", "_path")

    def __init__(self, path: Path) -> None:
        self._path = path
        self._box: MultiFernet | None = None
        self._one_at_a_time = threading.RLock()
        """Two threads that each make the first key would lose what one of them has encrypted."""

    @classmethod
    def load(cls, folder: Path) -> Seal:
        """Use the key file of this folder; nothing is read or written before a secret comes along."""
        return cls(folder / FILE)

    def rotate(self) -> None:
        """Put a new key in front: new values are encrypted with it, old ones are still read."""
        from cryptography.fernet import Fernet  # noqa: PLC0415 - half of an agent's starts never need it

        with self._one_at_a_time:
            old = self._path.read_text("ascii") if self._path.exists() else ""
            self._write(Fernet.generate_key().decode("ascii") + "\n" + old)
            self._box = None

    def dumps(self, value: Any) -> str:
        """Write a JSON-like value (dicts, lists, tuples, str, numbers, booleans, None, Secret) as text."""
        return json.dumps(_walk(value, self._close), separators=(",", ":"))

    def loads(self, text: str) -> Any:
        """Read what `dumps` wrote. Raises Unsealable."""
        if MARK not in text:
            return json.loads(text)
        return json.loads(text, object_hook=self._open)

    def _close(self, secret: Secret) -> dict[str, str]:
        return {MARK: self._keys(make=True).encrypt(secret.reveal().encode()).decode("ascii")}

    def _open(self, item: dict[str, Any]) -> Any:
        if item.keys() != {MARK}:
            return {key[1:] if _looks_like_mark(key[1:]) else key: value for key, value in item.items()}
        from cryptography.fernet import InvalidToken  # noqa: PLC0415

        keys = self._keys(make=False)
        try:
            return Secret(keys.decrypt(item[MARK].encode("ascii")).decode())
        except (InvalidToken, ValueError) as error:
            raise Unsealable(f"a sealed value cannot be read with the keys of {self._path}") from error

    def _keys(self, *, make: bool) -> MultiFernet:
        with self._one_at_a_time:
            if self._box is None:
                from cryptography.fernet import Fernet, MultiFernet  # noqa: PLC0415

                if make and not self._path.exists():
                    self.rotate()
                if not self._path.exists():
                    raise Unsealable(f"{self._path} is missing: sealed values cannot be read")
                self._box = MultiFernet([Fernet(key) for key in self._path.read_text("ascii").split()])
            return self._box

    def _write(self, text: str) -> None:
        """Replace the key file as a whole: a crash leaves the old one or the new one.

        It is on the disk before anything is that it encrypts.
        """
        beside = self._path.with_suffix(".new")
        beside.unlink(missing_ok=True)
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _walk(value: Any, close: Callable[[Secret], Any]) -> Any:
    if isinstance(value, Secret):
        return close(value)
    if isinstance(value, dict):
        return {
            f"${key}" if _looks_like_mark(str(key)) else str(key): _walk(item, close) for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_walk(item, close) for item in value]
    return value


def _looks_like_mark(key: str) -> bool:
    """Say whether a key is the mark, or the mark already escaped: such keys get one more dollar in front."""
    return key.endswith(MARK) and not key.removesuffix(MARK).strip("$")
