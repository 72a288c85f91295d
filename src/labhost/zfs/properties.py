"""The native properties: which there are, on what, who may change them and to what."""

from __future__ import annotations

from labhost.zfs import sizes
from labhost.zfs.errors import UsageError, ZfsError

READ, SET, INHERIT, ONCE, ONCE_DEFAULT = "read", "set", "inherit", "once", "once-default"
_ON_OFF = "on | off"
_CACHE = "all | none | metadata"
_RATIO = "<1.00x or higher if compressed>"
_LIMIT = "18446744073709551615"
_CRYPT = "on | off | aes-128-ccm | aes-192-ccm | aes-256-ccm | aes-128-gcm | aes-192-gcm | aes-256-gcm"

# name, column, kind, types (f, v, s), default, values, form (size, count, ratio, text), in the order `get all` shows
TABLE: tuple[tuple[str, str, str, str, str, str, str], ...] = (
    ("type", "TYPE", READ, "fvs", "", "filesystem | volume | snapshot | bookmark", "text"),
    ("creation", "CREATION", READ, "fvs", "", "<date>", "text"),
    ("used", "USED", READ, "fvs", "", "<size>", "size"),
    ("available", "AVAIL", READ, "fv", "", "<size>", "size"),
    ("referenced", "REFER", READ, "fvs", "", "<size>", "size"),
    ("compressratio", "RATIO", READ, "fvs", "", _RATIO, "ratio"),
    ("mounted", "MOUNTED", READ, "f", "", "yes | no", "text"),
    ("origin", "ORIGIN", READ, "fv", "", "<snapshot>", "text"),
    ("quota", "QUOTA", SET, "f", "0", "<size> | none", "size"),
    ("reservation", "RESERV", SET, "fv", "0", "<size> | none", "size"),
    ("volsize", "VOLSIZE", SET, "vs", "", "<size>", "size"),
    ("volblocksize", "VOLBLOCK", ONCE, "v", "8192", "512 to 128k, power of 2", "size"),
    ("recordsize", "RECSIZE", INHERIT, "f", "131072", "512 to 1M, power of 2", "size"),
    ("mountpoint", "MOUNTPOINT", INHERIT, "f", "", "<path> | legacy | none", "text"),
    ("sharenfs", "SHARENFS", INHERIT, "f", "off", "on | off | share(8) options", "text"),
    (
        "checksum", "CHECKSUM", INHERIT, "fv", "on",
        "on | off | fletcher2 | fletcher4 | sha256 | sha512 | skein | edonr", "text",
    ),
    (
        "compression", "COMPRESS", INHERIT, "fv", "off",
        "on | off | lzjb | gzip | gzip-[1-9] | zle | lz4", "text",
    ),
    ("atime", "ATIME", INHERIT, "f", "on", _ON_OFF, "text"),
    ("devices", "DEVICES", INHERIT, "fs", "on", _ON_OFF, "text"),
    ("exec", "EXEC", INHERIT, "fs", "on", _ON_OFF, "text"),
    ("setuid", "SETUID", INHERIT, "fs", "on", _ON_OFF, "text"),
    ("readonly", "RDONLY", INHERIT, "fv", "off", _ON_OFF, "text"),
    ("zoned", "ZONED", INHERIT, "f", "off", _ON_OFF, "text"),
    ("snapdir", "SNAPDIR", INHERIT, "f", "hidden", "hidden | visible", "text"),
    ("aclmode", "ACLMODE", INHERIT, "f", "discard", "discard | groupmask | passthrough | restricted", "text"),
    (
        "aclinherit", "ACLINHERIT", INHERIT, "f", "restricted",
        "discard | noallow | restricted | passthrough | passthrough-x", "text",
    ),
    ("createtxg", "CREATETXG", READ, "fvs", "", "<uint64>", "count"),
    ("canmount", "CANMOUNT", SET, "f", "on", "on | off | noauto", "text"),
    ("xattr", "XATTR", INHERIT, "fs", "on", _ON_OFF, "text"),
    ("copies", "COPIES", INHERIT, "fv", "1", "1 | 2 | 3", "text"),
    ("version", "VERSION", SET, "fs", "5", "1 | 2 | 3 | 4 | 5 | current", "text"),
    ("utf8only", "UTF8ONLY", ONCE, "fs", "off", _ON_OFF, "text"),
    ("normalization", "NORMALIZATION", ONCE, "fs", "none", "none | formC | formD | formKC | formKD", "text"),
    ("casesensitivity", "CASE", ONCE, "fs", "sensitive", "sensitive | insensitive | mixed", "text"),
    ("vscan", "VSCAN", INHERIT, "f", "off", _ON_OFF, "text"),
    ("nbmand", "NBMAND", INHERIT, "fs", "off", _ON_OFF, "text"),
    ("sharesmb", "SHARESMB", INHERIT, "f", "off", "on | off | sharemgr(8) options", "text"),
    ("refquota", "REFQUOTA", SET, "f", "0", "<size> | none", "size"),
    ("refreservation", "REFRESERV", SET, "fv", "0", "<size> | none", "size"),
    ("guid", "GUID", READ, "fvs", "", "<uint64>", "count"),
    ("primarycache", "PRIMARYCACHE", INHERIT, "fvs", "all", _CACHE, "text"),
    ("secondarycache", "SECONDARYCACHE", INHERIT, "fvs", "all", _CACHE, "text"),
    ("usedbysnapshots", "USEDSNAP", READ, "fv", "", "<size>", "size"),
    ("usedbydataset", "USEDDS", READ, "fv", "", "<size>", "size"),
    ("usedbychildren", "USEDCHILD", READ, "fv", "", "<size>", "size"),
    ("usedbyrefreservation", "USEDREFRESERV", READ, "fv", "", "<size>", "size"),
    ("defer_destroy", "DEFER_DESTROY", READ, "s", "", "yes | no", "text"),
    ("userrefs", "USERREFS", READ, "s", "", "<count>", "count"),
    ("logbias", "LOGBIAS", INHERIT, "fv", "latency", "latency | throughput", "text"),
    (
        "dedup", "DEDUP", INHERIT, "fv", "off",
        "on | off | verify | sha256[,verify], sha512[,verify], skein[,verify], edonr,verify", "text",
    ),
    ("mlslabel", "MLSLABEL", INHERIT, "fvs", "none", "<sensitivity label>", "text"),
    ("sync", "SYNC", INHERIT, "fv", "standard", "standard | always | disabled", "text"),
    ("dnodesize", "DNSIZE", INHERIT, "f", "legacy", "legacy | auto | 1k | 2k | 4k | 8k | 16k", "text"),
    ("refcompressratio", "REFRATIO", READ, "fvs", "", _RATIO, "ratio"),
    ("written", "WRITTEN", READ, "fvs", "", "<size>", "size"),
    ("clones", "CLONES", READ, "s", "", "<dataset>[,...]", "text"),
    ("logicalused", "LUSED", READ, "fv", "", "<size>", "size"),
    ("logicalreferenced", "LREFER", READ, "fvs", "", "<size>", "size"),
    ("filesystem_limit", "FSLIMIT", SET, "f", _LIMIT, "<count> | none", "count"),
    ("snapshot_limit", "SSLIMIT", SET, "fv", _LIMIT, "<count> | none", "count"),
    ("filesystem_count", "FSCOUNT", READ, "f", _LIMIT, "<count>", "count"),
    ("snapshot_count", "SSCOUNT", READ, "fv", _LIMIT, "<count>", "count"),
    ("redundant_metadata", "REDUND_MD", INHERIT, "fv", "all", "all | most", "text"),
    ("receive_resume_token", "RESUMETOK", READ, "fv", "", "<string token>", "text"),
    ("special_small_blocks", "SPECIAL_SMALL_BLOCKS", INHERIT, "f", "0", "zero or 512 to 128K, power of 2", "size"),
    ("encryption", "ENCRYPTION", ONCE, "fvs", "off", _CRYPT, "text"),
    ("encryptionroot", "ENCROOT", READ, "fvs", "", "<filesystem | volume>", "text"),
    ("keylocation", "KEYLOCATION", SET, "fv", "none", "prompt | <file URI>", "text"),
    ("keyformat", "KEYFORMAT", ONCE_DEFAULT, "fv", "none", "none | raw | hex | passphrase", "text"),
    ("keystatus", "KEYSTATUS", READ, "fvs", "", "none | unavailable | available", "text"),
    ("pbkdf2iters", "PBKDF2ITERS", ONCE_DEFAULT, "fv", "0", "<iters>", "count"),
    ("aclimplicit", "ACLIMPL", INHERIT, "f", "on", _ON_OFF, "text"),
)  # fmt: skip

BY_NAME = {row[0]: row for row in TABLE}
# Properties that can be asked for by name but are in no list.
HIDDEN = {
    "name": ("name", "NAME", READ, "fvs", "", "", "text"),
    "objsetid": ("objsetid", "OBJSETID", READ, "fvs", "", "<uint64>", "count"),
}
ALIASES = {
    "avail": "available", "refer": "referenced", "ratio": "compressratio", "refreserv": "refreservation",
    "reserv": "reservation", "volblock": "volblocksize", "recsize": "recordsize", "compress": "compression",
    "rdonly": "readonly", "usedsnap": "usedbysnapshots", "usedds": "usedbydataset", "usedchild": "usedbychildren",
    "usedrefreserv": "usedbyrefreservation", "lused": "logicalused", "lrefer": "logicalreferenced",
    "refratio": "refcompressratio", "case": "casesensitivity", "redund_md": "redundant_metadata",
}  # fmt: skip
_NONE_IS_ZERO = ("quota", "refquota", "reservation", "refreservation")
_LONGEST_NAME, _LONGEST_VALUE = 256, 8192
_USER_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_.:")


def is_user(name: str) -> bool:
    """Tell whether this can be a user property's name."""
    return ":" in name and all(letter in _USER_LETTERS for letter in name)


def listed(text: str) -> list[str]:
    """Return the full names of the properties in a list as `-o` and get take it; UsageError for an unknown one."""
    found = []
    for word in text.split(","):
        name = known(word)
        if name is None:
            raise UsageError(f"bad property list: invalid property '{word}'")
        found.append(name)
    return found


def known(name: str) -> str | None:
    """Return a property's full name, None for one that is neither native nor a user property."""
    name = ALIASES.get(name, name)
    return name if name in BY_NAME or name in HIDDEN or is_user(name) else None


def row(name: str) -> tuple[str, str, str, str, str, str, str]:
    """Return the facts of a native property."""
    return BY_NAME.get(name) or HIDDEN[name]


def inherits(name: str) -> bool:
    """Tell whether a dataset takes this property from the one above."""
    return name not in BY_NAME or BY_NAME[name][2] in (INHERIT, ONCE)


def accept(name: str, text: str, kind: str, *, creating: bool = False) -> tuple[str, str]:
    """Return a property's full name and its value as stored; ZfsError with the bare reason if it may not be."""
    if is_user(name) or (":" in name and name not in BY_NAME):
        if not is_user(name):
            raise ZfsError(f"invalid property '{name}'")
        if len(name) >= _LONGEST_NAME:
            raise ZfsError(f"property name '{name}' is too long")
        if len(text.encode(errors="surrogateescape")) >= _LONGEST_VALUE:
            raise ZfsError(f"property value '{text}' is too long")
        return name, text
    full = ALIASES.get(name, name)
    if full not in BY_NAME:
        raise ZfsError(f"invalid property '{name}'")
    _, _, change, types, _, values, form = BY_NAME[full]
    if kind == "snapshot":
        raise ZfsError("this property can not be modified for snapshots")
    if kind[0] not in types:
        raise ZfsError(f"'{full}' does not apply to datasets of this type")
    if change == READ or (change in (ONCE, ONCE_DEFAULT) and not creating):
        raise ZfsError(f"'{full}' is readonly")
    if form == "size":
        return full, str(_size(full, text))
    if form == "count":
        return full, _LIMIT if text == "none" else str(sizes.parse(text))
    if full == "mountpoint":
        if text not in ("none", "legacy") and not text.startswith("/"):
            raise ZfsError(f"'{full}' must be an absolute path, 'none', or 'legacy'")
        return full, text.rstrip("/") or text
    if "<" not in values and "options" not in values and not _is_one_of(text, values):
        raise ZfsError(f"'{full}' must be one of '{values}'")
    return full, "5" if full == "version" and text == "current" else text


def _size(name: str, text: str) -> int:
    if text == "none" and name in _NONE_IS_ZERO:
        return 0
    size = sizes.parse(text)
    if name in ("quota", "refquota") and size == 0:
        raise ZfsError("use 'none' to disable quota/refquota")
    if name == "volsize" and size == 0:
        raise ZfsError("'volsize' cannot be zero")
    if name in ("volblocksize", "recordsize"):
        most = 131072 if name == "volblocksize" else 1 << 20
        if size < 512 or size > most or size & (size - 1):
            shown = "128KB" if name == "volblocksize" else "1MB"
            raise ZfsError(f"'{name}' must be power of 2 from 512B to {shown}")
    return size


def _is_one_of(text: str, values: str) -> bool:
    words = values.replace("[,verify]", " ").replace(",verify", " ").replace(",", " ").split(" | ")
    flat = [word.strip() for part in words for word in part.split()]
    if text in flat:
        return True
    if text.startswith("gzip-") and "gzip-[1-9]" in flat:
        return len(text) == 6 and text[5] in "123456789"
    return text.endswith(",verify") and text[:-7] in flat
