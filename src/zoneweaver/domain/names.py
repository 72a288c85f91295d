"""Names that cannot be built wrong: zones, datasets, snapshots, links, MAC addresses, host paths."""

from __future__ import annotations

import ipaddress
import re
from typing import Final, Self

from zoneweaver.domain.errors import Invalid

_ZONE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", re.ASCII)
_COMPONENT: Final = re.compile(r"[A-Za-z0-9_.:-]+", re.ASCII)
_LINK: Final = re.compile(r"[A-Za-z_.][A-Za-z0-9_.]*?(0|[1-9][0-9]*)", re.ASCII)
_MAC: Final = re.compile(r"[0-9a-fA-F]{1,2}([:-][0-9a-fA-F]{1,2}){5}", re.ASCII)
_PRINTABLE: Final = re.compile(r"[\x20-\x7e]+", re.ASCII)

LONGEST_DATASET: Final = 255

GLOBAL_ZONE: Final = "global"
"""The zone that the host itself is; no zone that is managed can have its name."""


def _shown(text: object) -> str:
    return repr(str(text)[:80])


class ZoneName(str):
    """A zone name as zonecfg(8) takes it, and that we agree to manage."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Accept 1 to 63 of letters, digits, `.`, `_`, `-`; not `global`, not beginning `SUNW`. Raises Invalid."""
        if (
            not isinstance(text, str)
            or not _ZONE.fullmatch(text)
            or text.lower() == GLOBAL_ZONE
            or text.startswith("SUNW")
        ):
            raise Invalid("Invalid zone name", field="name", code="invalid_zone_name")
        return cls(text)


class DatasetName(str):
    """The name of a filesystem or volume: `pool/a/b`."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str, *, field: str = "dataset") -> Self:
        """Accept what zfs(8) accepts without blanks; at most 255 bytes. Raises Invalid naming `field`."""
        parts = text.split("/") if isinstance(text, str) else []
        good = bool(parts) and len(text) <= LONGEST_DATASET and parts[0][:1].isalpha()
        if not good or not all(_COMPONENT.fullmatch(part) and part not in {".", ".."} for part in parts):
            raise Invalid(f"{field} is not a dataset name: {_shown(text)}", field=field)
        return cls(text)

    def child(self, name: str) -> DatasetName:
        """Return the dataset `name` (which may hold slashes) below this one."""
        return DatasetName.parse(f"{self}/{name}")

    @property
    def parent(self) -> DatasetName | None:
        """The dataset above, or None for a pool."""
        head, slash, _ = self.rpartition("/")
        return DatasetName(head) if slash else None

    @property
    def pool(self) -> str:
        """The pool this dataset is in."""
        return self.partition("/")[0]

    def holds(self, other: str) -> bool:
        """Say whether `other` is this dataset or lies below it (snapshots too)."""
        return other == self or other.startswith((f"{self}/", f"{self}@"))


class SnapshotName(str):
    """The name of a snapshot: `pool/a@ready`."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str, *, field: str = "snapshot") -> Self:
        """Accept a dataset name, `@` and a snapshot name. Raises Invalid naming `field`."""
        dataset, at, snap = text.partition("@") if isinstance(text, str) else ("", "", "")
        if not at or not _COMPONENT.fullmatch(snap):
            raise Invalid(f"{field} is not a snapshot name: {_shown(text)}", field=field)
        DatasetName.parse(dataset, field=field)
        return cls(text)

    @property
    def dataset(self) -> DatasetName:
        """The dataset that the snapshot is of."""
        return DatasetName(self.partition("@")[0])


class LinkName(str):
    """A data link name as dladm(8) takes it: 1 to 31 characters, not beginning with a digit, ending in a number."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str, *, field: str = "physical") -> Self:
        """Check the rule (the number has no leading zero). Raises Invalid naming `field`."""
        match = _LINK.fullmatch(text) if isinstance(text, str) and len(text) <= 31 else None
        digits = len(text) - len(text.rstrip("0123456789")) if match else 0
        if match is None or (digits > 1 and text[-digits] == "0"):
            raise Invalid(
                f"{field} is not a link name (at most 31 letters, digits, _ and ., ending in a number such as "
                f"web0): {_shown(text)}",
                field=field,
            )
        return cls(text)


class MacAddress(str):
    """A unicast MAC address, two digits a byte, lower case: `02:08:20:0a:0b:0c`."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str, *, field: str = "mac_addr") -> Self:
        """Read any usual spelling, dladm's without leading zeros too. Raises Invalid naming `field`."""
        if not isinstance(text, str) or not _MAC.fullmatch(text):
            raise Invalid(f"{field} is not a MAC address: {_shown(text)}", field=field)
        octets = [int(part, 16) for part in text.replace("-", ":").split(":")]
        if octets[0] & 1 or not any(octets):
            raise Invalid(f"{field} must be a unicast MAC address, not {_shown(text)}", field=field)
        return cls(":".join(f"{octet:02x}" for octet in octets))


class HostPath(str):
    """An absolute, canonical path on the host in printable ASCII without `"`."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str, *, field: str = "path") -> Self:
        """Refuse relative paths, `.` and `..`, doubled slashes, control characters and quotes. Raises Invalid."""
        good = isinstance(text, str) and 1 < len(text) <= 1023 and text.startswith("/") and _PRINTABLE.fullmatch(text)
        if not good or '"' in text or any(part in {"", ".", ".."} for part in text[1:].split("/")):
            raise Invalid(f"{field} is not an absolute path without . or ..: {_shown(text)}", field=field)
        return cls(text)


def interface_address(text: str, *, field: str) -> str:
    """Return `address/prefix` in its usual spelling. Raises Invalid naming `field`."""
    try:
        if not isinstance(text, str) or "/" not in text:
            raise ValueError
        return str(ipaddress.ip_interface(text))
    except ValueError:
        raise Invalid(
            f"{field} is not an address with a prefix such as 10.0.0.5/24: {_shown(text)}", field=field
        ) from None


def plain_value(text: str, *, field: str, longest: int = 2047) -> str:
    """Return a value that zonecfg(8) carries unharmed: printable, without `"` and newlines. Raises Invalid.

    zonecfg has no escape sequence inside quotes, so a value with a double quote cannot be said at all.
    """
    if not isinstance(text, str):
        raise Invalid(f"{field} must be a string", field=field)
    if '"' in text or any(ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 or char in "\ufffe\uffff" for char in text):
        raise Invalid(f"{field} must not hold double quotes, newlines or control characters", field=field)
    try:
        length = len(text.encode())
    except UnicodeEncodeError:
        raise Invalid(f"{field} is not valid Unicode", field=field) from None
    if not 0 < length <= longest:
        raise Invalid(f"{field} must hold 1 to {longest} bytes, not {length}", field=field)
    return text
