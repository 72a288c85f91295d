"""Sizes as zfs(8) reads and shows them: powers of 1024."""

from __future__ import annotations

from labhost.zfs.errors import ZfsError

_UNITS = "BKMGTPEZ"


def parse(text: str) -> int:
    """Return the bytes that `10G`, `1.5T` or `4096` stand for; ZfsError with the bare reason otherwise."""
    end = 0
    while end < len(text) and text[end] in "0123456789.":
        end += 1
    number, suffix = text[:end], text[end:].upper()
    if not number or number.count(".") > 1 or number == ".":
        raise ZfsError(f"bad numeric value '{text}'")
    if not suffix:
        power = 0
    else:
        power = _UNITS.find(suffix[0])
        plain = suffix in (suffix[0], suffix[0] + "B", suffix[0] + "IB")
        if power < 0 or not plain or (power == 0 and len(suffix) > 1):
            raise ZfsError(f"invalid numeric suffix '{text[end:]}'")
    try:
        size = int(float(number) * (1 << 10 * power)) if "." in number else int(number) << 10 * power
    except ValueError:
        raise ZfsError(f"bad numeric value '{text}'") from None
    if size > (1 << 64) - 1:
        raise ZfsError("numeric value is too large")
    return size


def show(size: int) -> str:
    """Return a size the way a table shows it: five characters at most, as `1.50G`, `64M` or `0`."""
    power, rest = 0, size
    while rest >= 1024 and power < len(_UNITS) - 1:
        rest //= 1024
        power += 1
    unit = _UNITS[power]
    if power == 0:
        return str(size)
    whole = 1 << 10 * power
    if size % whole == 0:
        return f"{size // whole}{unit}"
    for digits in (2, 1, 0):
        text = f"{size / whole:.{digits}f}{unit}"
        if len(text) <= 5:
            return text
    return text
