"""The resources and properties that zonecfg knows (OmniOS: with mac-addr, vlan-id, global-nic and property)."""

from __future__ import annotations

# resource -> its plain properties, in the order `info` shows them
RESOURCES: dict[str, tuple[str, ...]] = {
    "fs": ("dir", "special", "raw", "type"),
    "net": ("address", "allowed-address", "defrouter", "global-nic", "mac-addr", "physical", "vlan-id"),
    "device": ("match",),
    "dedicated-cpu": ("ncpus", "importance"),
    "capped-cpu": ("ncpus",),
    "capped-memory": ("physical", "swap", "locked"),
    "attr": ("name", "type", "value"),
    "dataset": ("name",),
    "admin": ("user", "auths"),
    "rctl": ("name",),
    "security-flags": ("lower", "default", "upper"),
}
# resource -> its one property that holds several values
LISTS = {"fs": "options", "net": "property", "device": "property", "rctl": "value"}
REQUIRED: dict[str, tuple[str, ...]] = {
    "fs": ("dir", "special", "type"),
    "net": ("physical",),
    "device": ("match",),
    "dedicated-cpu": ("ncpus",),
    "capped-cpu": ("ncpus",),
    "attr": ("name", "type", "value"),
    "dataset": ("name",),
    "admin": ("user", "auths"),
    "rctl": ("name", "value"),
}
# what makes two resources of a kind the same one
KEYS: dict[str, tuple[str, ...]] = {
    "fs": ("dir",),
    "net": ("physical", "allowed-address"),
    "device": ("match",),
    "attr": ("name",),
    "dataset": ("name",),
    "admin": ("user",),
    "rctl": ("name",),
}
SINGLE = ("dedicated-cpu", "capped-cpu", "capped-memory", "security-flags")
CLEARABLE: dict[str, tuple[str, ...]] = {
    "fs": ("raw", "options"),
    "net": ("address", "allowed-address", "defrouter", "global-nic", "mac-addr", "vlan-id", "property"),
    "device": ("property",),
    "dedicated-cpu": ("importance",),
    "capped-memory": ("physical", "swap", "locked"),
    "security-flags": ("lower", "default", "upper"),
}
# global properties that are attributes of the document, in the order `info` shows them
GLOBALS = (
    "zonename", "zonepath", "brand", "autoboot", "bootargs", "pool", "limitpriv", "scheduling-class", "ip-type",
    "hostid", "fs-allowed",
)  # fmt: skip
# alias -> resource control and what happens at the limit
ALIASES = {
    "cpu-shares": ("zone.cpu-shares", "none"),
    "zfs-io-priority": ("zone.zfs-io-priority", "none"),
    "max-lwps": ("zone.max-lwps", "deny"),
    "max-processes": ("zone.max-processes", "deny"),
    "max-shm-memory": ("zone.max-shm-memory", "deny"),
    "max-shm-ids": ("zone.max-shm-ids", "deny"),
    "max-msg-ids": ("zone.max-msg-ids", "deny"),
    "max-sem-ids": ("zone.max-sem-ids", "deny"),
}
# a property of a capped resource -> the resource control it is kept in
CAPS = {
    ("capped-cpu", "ncpus"): "zone.cpu-cap",
    ("capped-memory", "physical"): "zone.max-physical-memory",
    ("capped-memory", "swap"): "zone.max-swap",
    ("capped-memory", "locked"): "zone.max-locked-memory",
}
BRANDS = (
    "bhyve", "emu", "illumos", "ipkg", "kvm", "lipkg", "lx", "native", "pkgsrc", "sparse",
)  # fmt: skip

PROPERTIES = frozenset(
    (*GLOBALS, *ALIASES, *LISTS.values(), *(name for names in RESOURCES.values() for name in names), "priv",
     "limit", "action")
)  # fmt: skip

COMMANDS = {
    "add": "add <resource-type>\n\t(global scope)\nadd <property-name> <property-value>\n\t(resource scope)",
    "cancel": "cancel",
    "clear": "clear <property-name>",
    "commit": "commit",
    "create": "create [-F] [ -a <path> | -b | -t <template> ]",
    "delete": "delete [-F]",
    "end": "end",
    "exit": "exit [-F]",
    "export": "export [-f output-file]",
    "help": "help [commands] [syntax] [usage] [<command-name>]",
    "info": "info [<resource-type> [property-name=property-value]*]",
    "remove": (
        "remove [-F] <resource-type> [ <property-name>=<property-value> ]*\n\t(global scope)\n"
        "remove <property-name> <property-value>\n\t(resource scope)"
    ),
    "revert": "revert [-F]",
    "select": "select <resource-type> { <property-name>=<property-value> }",
    "set": "set <property-name>=<property-value>",
    "verify": "verify",
}

STRINGS = {
    "no zone": "No such zone configured",
    "bogus name": "Bogus zone name",
    "bad state": "Zone state is invalid for the requested operation",
    "no entry": "No such entry",
    "no id": "No such resource with that id",
    "no property": "No such property type",
    "no property id": "No such property with that id",
    "no clear": "Clearing this property is not allowed",
    "resource missing": "Required resource missing",
    "property missing": "Required property missing",
    "invalid": "Invalid argument",
    "insufficient": "Insufficient specification",
    "in use": "Zone name already in use",
    "alias": "An incompatible rctl already exists for this property",
    "brand": "Brand-specific error",
    "access": "Permission denied",
    "document": "Invalid document",
    "resolved": "Resolved path mismatch",
    "too big": "Argument list too long",
}
NAME_RULES = (
    "Zone names must begin with an alpha-numeric character and may contain alpha-numeric characters, the\n"
    "underscore (_), the hyphen (-) and the dot (.); they have at most 63 characters. The name 'global' and\n"
    "all names beginning with 'SUNW' are reserved.\n"
)
