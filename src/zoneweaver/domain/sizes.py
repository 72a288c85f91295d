"""Sizes as zfs(8) writes them: a number with an optional suffix, powers of 1024."""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal
from typing import Final, Self

from zoneweaver.domain.errors import Invalid

_FORM: Final = re.compile(r"(\d{1,19}(?:\.\d{1,6})?)\s*([KMGTPE]?)(?:i?B)?", re.IGNORECASE | re.ASCII)
_POWERS: Final = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}

VOLUME_BLOCK: Final = 8192
"""The default volblocksize of zfs(8) on illumos, in bytes."""

LARGEST: Final = 2**62


class Size(int):
    """A number of bytes, from 1 to 2**62."""

    @classmethod
    def parse(cls, text: str | int, *, field: str = "size") -> Self:
        """Read `512M`, `30G`, `1.5T` or a number of bytes; fractions are rounded up. Raises Invalid naming `field`."""
        if isinstance(text, bool) or not isinstance(text, str | int):
            raise Invalid(f"{field} must be a size such as 512M, 30G or 1.5T", field=field)
        match = _FORM.fullmatch(str(text).strip())
        if match is None:
            raise Invalid(f"{field} must be a size such as 512M, 30G or 1.5T, not {str(text)[:40]!r}", field=field)
        number, suffix = match.groups()
        amount = Decimal(number) * 1024 ** _POWERS[suffix.upper()]
        size = int(amount.to_integral_value(rounding=ROUND_CEILING))
        if not 0 < size <= LARGEST:
            raise Invalid(f"{field} must be more than 0 and at most 4E, not {str(text)[:40]!r}", field=field)
        return cls(size)

    def rounded_up(self, block: int = VOLUME_BLOCK) -> Size:
        """Return the next multiple of `block` bytes, as a volume of this size really is."""
        return Size(-(-self // block) * block)

    def __str__(self) -> str:
        """Write the size in the largest suffix that keeps it exact."""
        for suffix in ("E", "P", "T", "G", "M", "K"):
            unit = 1024 ** _POWERS[suffix]
            if self >= unit and self % unit == 0:
                return f"{int(self) // unit}{suffix}"
        return str(int(self))

    def __repr__(self) -> str:
        return f"Size({int(self)})"
