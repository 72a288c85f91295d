"""Artifacts: files that people give to the agent, for provisioning and for zones to boot from."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from zoneweaver.domain.errors import Invalid
from zoneweaver.domain.tasks import stamp


class ArtifactKind(enum.StrEnum):
    """What an artifact is for."""

    PROVISIONING = "provisioning"
    """An archive that is unpacked for a guest."""
    ISO = "iso"
    """A CD-ROM."""
    IMAGE = "image"
    """A disk's content."""


class ArtifactState(enum.StrEnum):
    """Whether the file is whole."""

    UPLOADING = "uploading"
    READY = "ready"


class Packing(enum.StrEnum):
    """How an archive is packed."""

    TAR = "tar"
    TAR_GZ = "tar.gz"
    TAR_ZST = "tar.zst"


class Form(NamedTuple):
    """What a file name says of the content. `magic` (offset, bytes) are beginnings of which one must be there."""

    kind: ArtifactKind
    ending: str
    packing: Packing | None = None
    magic: tuple[tuple[int, bytes], ...] = ()


_GZIP: Final = ((0, b"\x1f\x8b"),)
_ZSTD: Final = ((0, b"\x28\xb5\x2f\xfd"),)
_QCOW: Final = ((0, b"QFI\xfb"),)
_VMDK: Final = ((0, b"KDMV"), (0, b"# Disk DescriptorFile"), (0, b"COWD"))

FORMS: Final[tuple[Form, ...]] = (
    Form(ArtifactKind.PROVISIONING, ".tar.gz", Packing.TAR_GZ, _GZIP),
    Form(ArtifactKind.PROVISIONING, ".tgz", Packing.TAR_GZ, _GZIP),
    Form(ArtifactKind.PROVISIONING, ".tar.zst", Packing.TAR_ZST, _ZSTD),
    Form(ArtifactKind.PROVISIONING, ".tzst", Packing.TAR_ZST, _ZSTD),
    Form(ArtifactKind.PROVISIONING, ".tar", Packing.TAR),
    Form(ArtifactKind.ISO, ".iso", None, ((32769, b"CD001"), (32769, b"BEA01"))),
    Form(ArtifactKind.IMAGE, ".qcow2", None, _QCOW),
    Form(ArtifactKind.IMAGE, ".vmdk", None, _VMDK),
    Form(ArtifactKind.IMAGE, ".raw"),
    Form(ArtifactKind.IMAGE, ".img"),
)

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+@()-]{0,199}", re.ASCII)
_SHA256: Final = re.compile(r"(?:sha256:)?([0-9a-fA-F]{64})", re.ASCII)


def form_of(filename: str) -> Form:
    """Return what a file name promises. Raises Invalid for a name that is none, or promises nothing known."""
    if not isinstance(filename, str) or not _NAME.fullmatch(filename) or filename.endswith((" ", ".")):
        raise Invalid(
            "filename must be a plain file name of at most 200 letters, digits, blanks and ._+@()-", field="filename"
        )
    lower = filename.lower()
    found = next((form for form in FORMS if lower.endswith(form.ending) and len(lower) > len(form.ending)), None)
    if found is None:
        known = ", ".join(form.ending for form in FORMS)
        raise Invalid(f"filename must end in one of {known}, not be {filename!r}", field="filename")
    return found


def begins_well(form: Form, head: bytes) -> bool:
    """Say whether a file that begins so (its first 33 KiB) can be what its name promises."""
    return not form.magic or any(head[offset : offset + len(wanted)] == wanted for offset, wanted in form.magic)


HEAD: Final = 33 * 1024
"""How much of a file `begins_well` looks at."""


def checksum(text: str) -> str:
    """Read a SHA-256 in hex, with or without `sha256:` before it. Raises Invalid."""
    match = _SHA256.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise Invalid("checksum must be a SHA-256: 64 hexadecimal digits", field="checksum")
    return match.group(1).lower()


@dataclass(frozen=True, kw_only=True, slots=True)
class Artifact:
    """One artifact. `size` is in bytes; `entries` and `unpacked` (bytes) are known of archives that are whole."""

    id: str
    upload_id: str
    filename: str
    kind: ArtifactKind
    state: ArtifactState
    size: int
    expected: str | None = None
    """The SHA-256 that the client told beforehand."""
    sha256: str | None = None
    entries: int | None = None
    unpacked: int | None = None
    zone_name: str | None = None
    created_by: str
    created_at: datetime
    completed_at: datetime | None = None

    @property
    def form(self) -> Form:
        """What its name promises."""
        return form_of(self.filename)

    @property
    def stored_as(self) -> str:
        """The name of its file in the staging folder."""
        return f"{self.id}{self.form.ending}"

    def as_json(self) -> Mapping[str, Any]:
        """Return the artifact as the API shows it."""
        packing = self.form.packing
        return {
            "id": self.id,
            "filename": self.filename,
            "kind": self.kind.value,
            "packing": None if packing is None else packing.value,
            "state": self.state.value,
            "size": self.size,
            "sha256": self.sha256,
            "entries": self.entries,
            "unpacked_size": self.unpacked,
            "zone_name": self.zone_name,
            "created_by": self.created_by,
            "created_at": stamp(self.created_at),
            "completed_at": stamp(self.completed_at),
        }
