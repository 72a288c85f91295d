"""Which names datasets and snapshots may have, and what is said about the others."""

from __future__ import annotations

from labhost.zfs.errors import ZfsError

LONGEST = 255
_ALLOWED = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.: ")


def fault_of(name: str, *, snapshot: bool = False) -> str | None:
    """Return what is wrong with a dataset's name (or a snapshot's full name), None if nothing."""
    if not snapshot and "@" in name:
        return "snapshot delimiter '@' is not expected here"
    if snapshot and "@" not in name:
        return "missing '@' delimiter in snapshot name"
    if len(name.encode(errors="surrogateescape")) > LONGEST:
        return "name is too long"
    if name.startswith("/"):
        return "leading slash in name"
    if not name:
        return "empty component in name"
    dataset, _, snap = name.partition("@")
    if name.endswith("/") or "/" in snap:
        return "trailing slash in name"
    if "@" in snap or "#" in name:
        return (
            "multiple '@' and/or '#' delimiters in name"
            if "@" in snap
            else "bookmark delimiter '#' is not expected here"
        )
    for part in dataset.split("/") + ([snap] if snapshot else []):
        if not part:
            return "empty component in name"
        for character in part:
            if character not in _ALLOWED:
                return f"invalid character '{character}' in name"
    if not dataset[0].isalpha():
        return "pool doesn't begin with a letter"
    return None


def check(name: str, action: str, *, snapshot: bool = False) -> None:
    """Refuse a name that may not be, in the words of `action` ("cannot create 'X'" and so on)."""
    fault = fault_of(name, snapshot=snapshot)
    if fault is not None:
        raise ZfsError(f"{action}: {fault}")


def parent_of(name: str) -> str:
    """Return the name of the dataset above, empty for a pool's root."""
    return name.rpartition("/")[0]


def pool_of(name: str) -> str:
    """Return the pool's name in a dataset's or snapshot's name."""
    return name.partition("@")[0].partition("/")[0]
