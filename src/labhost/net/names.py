"""Link names and MAC addresses as illumos writes them (dladm(8))."""

from __future__ import annotations

import os

MAX_LINK_NAME = 31


def valid_link_name(name: str) -> bool:
    """Say whether this may name a link: 1-31 of letters, digits, `_`, `.`, ending in a number without leading zero."""
    if not 0 < len(name) <= MAX_LINK_NAME or not name.isascii():
        return False
    if name[0].isdecimal() or not all(c.isalnum() or c in "_." for c in name):
        return False
    number = name[len(name.rstrip("0123456789")) :]
    return number == "0" or (number != "" and number[0] != "0")


def valid_bridge_name(name: str) -> bool:
    """Say whether this may name a bridge: its link is the name with `0` behind it, so it must not end in a digit."""
    return name != "" and not name[-1].isdecimal() and valid_link_name(name + "0") and name != "default"


def parse_mac(text: str) -> str | None:
    """Read six hexadecimal bytes joined by colons; answers `2:8:20:a:b:c`, None when it is no MAC."""
    parts = text.split(":")
    if len(parts) != 6:
        return None
    if not all(0 < len(p) <= 2 and all(c in "0123456789abcdefABCDEF" for c in p) for p in parts):
        return None
    return ":".join(f"{int(p, 16):x}" for p in parts)


def is_multicast(mac: str) -> bool:
    """Say whether the MAC belongs to a group, which no link may have as its own."""
    return int(mac.split(":", maxsplit=1)[0], 16) & 1 == 1


def random_mac() -> str:
    """Make a MAC as `auto` does: three random bytes behind 2:8:20."""
    return "2:8:20:" + ":".join(f"{byte:x}" for byte in os.urandom(3))
