"""Which names the zones framework accepts."""

from __future__ import annotations

LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
DIGITS = frozenset("0123456789")
ALPHANUMERIC = LETTERS | DIGITS
ZONE = ALPHANUMERIC | frozenset("-_.")
ATTRIBUTE = ALPHANUMERIC | frozenset("-.")
LINK = ALPHANUMERIC | frozenset("_.")


def is_zone_name(name: str) -> bool:
    """Tell whether a zone may be called so; `global` is a name, though not one to give."""
    return 0 < len(name) <= 63 and name[0] in ALPHANUMERIC and ZONE.issuperset(name)


def attribute_complaint(name: str) -> str:
    """Return what zonecfg says against the name of an attr resource, or nothing."""
    if not name or name[0] not in ALPHANUMERIC:
        return f"Invalid attr name {name}: must start with an alpha-numeric character."
    if not ATTRIBUTE.issuperset(name):
        return f"Invalid attr name {name}: can only contain alpha-numeric characters, plus '-' and '.'."
    return ""


def is_link_name(name: str) -> bool:
    """Tell whether a data link may be called so: a non-digit first, a number without leading zero last."""
    if not 0 < len(name) <= 31 or name[0] in DIGITS or not LINK.issuperset(name):
        return False
    number = name[len(name.rstrip("0123456789")) :]
    return bool(number) and (number == "0" or number[0] != "0")
