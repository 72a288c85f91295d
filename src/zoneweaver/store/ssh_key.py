"""The agent's own SSH key for guests: an Ed25519 key in OpenSSH's format, made when it is first needed."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from zoneweaver.domain.errors import Unavailable

COMMENT: Final = "zoneweaver-provisioning"


@dataclass(frozen=True, kw_only=True, slots=True)
class PublicKey:
    """The half that everybody may see: one line as in `authorized_keys`, and its SHA-256 as ssh-keygen(1) shows it."""

    line: str
    fingerprint: str


class SshKey:
    """A private key in a file (0600). What lies there already is used, and never written over."""

    __slots__ = ("_one_at_a_time", "path")

    def __init__(self, path: Path) -> None:
        self.path = path
        self._one_at_a_time = threading.Lock()

    def public(self) -> PublicKey:
        """Return the public half; the key is made when there is none. Blocks. Raises Unavailable."""
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - most starts never need it

        with self._one_at_a_time:
            try:
                private = serialization.load_ssh_private_key(self._content(), password=None)
            except OSError as error:
                raise self._unusable(error.strerror or str(error)) from error
            except Exception as error:
                raise self._unusable(f"it is no private key without a passphrase: {error}") from error
        form = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
        words = private.public_key().public_bytes(*form).decode("ascii")
        digest = hashlib.sha256(base64.b64decode(words.split()[1])).digest()
        fingerprint = "SHA256:" + base64.b64encode(digest).decode("ascii").rstrip("=")
        return PublicKey(line=f"{words} {COMMENT}", fingerprint=fingerprint)

    def _content(self) -> bytes:
        if not self.path.exists():
            self._make()
        return self.path.read_bytes()

    def _make(self) -> None:
        """Write a new key beside its place and link it there: half a key is never seen, and none is replaced."""
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

        content = Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        )
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, beside = tempfile.mkstemp(prefix=".", dir=self.path.parent)  # 0600
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):  # somebody put one there in the same moment: it counts
                os.link(beside, self.path)
        finally:
            Path(beside).unlink()

    def _unusable(self, why: str) -> Unavailable:
        return Unavailable(f"The provisioning key {self.path} cannot be used: {why}", code="provision_key")
