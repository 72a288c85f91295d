"""What zonecfg accepts as the value of a property, and what it says against the rest."""

from __future__ import annotations

from labhost.zones import schema
from labhost.zones.names import ALPHANUMERIC, DIGITS, attribute_complaint, is_link_name

VALUE_LIMIT = 2047
_HOST = ALPHANUMERIC | frozenset("-.")
_UNITS = {"K": 10, "M": 20, "G": 30, "T": 40, "P": 50, "E": 60}
_BAD_FS_TYPES = ("autofs", "cachefs", "mntfs", "nfs", "proc")


class Refused(Exception):
    """A value is not accepted; the text is the whole message."""


def _digits(text: str) -> bool:
    return text != "" and DIGITS.issuperset(text)


def check_global(name: str, value: str) -> None:
    """Check the value of a global property. Raises Refused."""
    if name == "zonepath":
        if not value.startswith("/"):
            raise Refused(f"zonepath {value} is not an absolute path.")
        if value.strip("/") == "":
            raise Refused(f"zonepath {value} is not a valid path.")
    elif name == "autoboot" and value not in ("true", "false"):
        raise Refused("autoboot value must be 'true' or 'false'.")
    elif name == "ip-type" and value not in ("shared", "exclusive"):
        raise Refused("ip-type value must be 'shared' or 'exclusive'.")
    elif name == "hostid" and value:
        digits = value[2:] if value[:2] in ("0x", "0X") else value
        if not 0 < len(digits) <= 8 or not frozenset("0123456789abcdefABCDEF").issuperset(digits):
            raise Refused("hostid is not a 32-bit hexadecimal number.")
    elif name in schema.ALIASES:
        amount(name, value)


def amount(name: str, value: str) -> str:
    """Return a limit as a plain number; sizes may carry K, M, G or T. Raises Refused."""
    unit = value[-1:].upper()
    number = value[:-1] if unit in _UNITS else value
    whole, _, part = number.partition(".")
    if not whole or not DIGITS.issuperset(whole) or not DIGITS.issuperset(part) or (part and unit not in _UNITS):
        raise Refused(f"{name} {value} is not a valid value.")
    size = int(whole) << _UNITS.get(unit, 0)
    if part:
        size += (int(part) << _UNITS[unit]) // 10 ** len(part)
    return str(size)


def size_text(number: str) -> str:
    """Return a number of bytes in the largest unit that leaves a short number, e.g. `2G` or `1.5G`."""
    try:
        size = int(number)
    except ValueError:
        return number
    for unit in ("E", "P", "T", "G", "M", "K"):
        one = 1 << _UNITS[unit]
        if size >= one:
            if size % one == 0:
                return f"{size // one}{unit}"
            return f"{size / one:.1f}{unit}"
    return str(size)


def check(kind: str, name: str, value: str) -> None:
    """Check the value of a resource's property. Raises Refused."""
    if kind == "attr":
        if name == "name":
            complaint = attribute_complaint(value)
            if complaint:
                raise Refused(complaint)
        elif name == "value" and len(value.encode("utf-8", "surrogateescape")) > VALUE_LIMIT:
            raise Refused("value: Argument list too long")
    elif kind == "net":
        _check_net(name, value)
    elif kind == "fs":
        if name == "dir" and not value.startswith("/"):
            raise Refused(f"dir {value} is not an absolute path.")
        if name == "type" and value in _BAD_FS_TYPES:
            raise Refused(f"type {value} is not valid.")
    elif kind == "dedicated-cpu" and name == "ncpus":
        least, dash, most = value.partition("-")
        if not _digits(least) or (dash and not _digits(most)) or int(least) < 1 or int(most or least) < int(least):
            raise Refused("ncpus property: valid range format is 'ncpus=n' or 'ncpus=low-high'.")
    elif kind == "capped-cpu" and name == "ncpus":
        whole, _, part = value.partition(".")
        if not _digits(whole + part) or float(value) <= 0:
            raise Refused(f"ncpus value {value} is not valid.")
    elif kind == "capped-memory":
        amount(name, value)


def _check_net(name: str, value: str) -> None:
    if name == "physical":
        if not is_link_name(value):
            raise Refused(f"{value}: invalid physical interface name")
    elif name in ("address", "allowed-address", "defrouter"):
        # Only what stands before the first slash is looked at.
        first, slash, _ = value.partition("/")
        if ":" in first:
            if not slash and name != "defrouter":
                raise Refused(f"{value}: IPv6 addresses require /prefix-length suffix.")
            if not frozenset("0123456789abcdefABCDEF:.").issuperset(first):
                raise Refused(f"{value}: bogus host name or network address syntax")
        elif not first or not _HOST.issuperset(first):
            raise Refused(f"{first}: bogus host name or network address syntax")
    elif name == "vlan-id" and value and not (_digits(value) and int(value) <= 4094):
        raise Refused(f"{value}: invalid VLAN identifier")


def attr_complaint(kind: str, value: str) -> str:
    """Return what is wrong with a value of an attr's type, or nothing."""
    if kind == "string":
        return ""
    if kind == "boolean":
        good = value in ("true", "false")
    elif kind in ("int", "uint"):
        digits = value[1:] if kind == "int" and value[:1] in ("-", "+") else value
        good = _digits(digits) and len(digits) < 21
        if good:
            number = int(value)
            good = -(1 << 63) <= number < 1 << 63 if kind == "int" else number < 1 << 64
    else:
        good = False
    return "" if good else f"invalid attr value for type={kind}"
