"""The usage texts of zfs(8)."""

from __future__ import annotations

import sys

from labhost.zfs import properties

_SNAPS = "<filesystem|volume>@<snap>"
LINES: dict[str, tuple[str, ...]] = {
    "create": (
        "create [-Pnpv] [-o property=value] ... <filesystem>",
        "create [-Pnpsv] [-b blocksize] [-o property=value] ... -V <size> <volume>",
    ),
    "destroy": (
        "destroy [-fnpRrv] <filesystem|volume>",
        f"destroy [-dnpRrv] {_SNAPS}[%<snap>][,...]",
        "destroy <filesystem|volume>#<bookmark>",
    ),
    "snapshot": (f"snapshot [-r] [-o property=value] ... {_SNAPS} ...",),
    "rollback": ("rollback [-rRf] <snapshot>",),
    "clone": ("clone [-p] [-o property=value] ... <snapshot> <filesystem|volume>",),
    "promote": ("promote <clone-filesystem>",),
    "rename": (
        "rename [-f] <filesystem|volume|snapshot> <filesystem|volume|snapshot>",
        "rename [-f] -p <filesystem|volume> <filesystem|volume>",
        "rename -r <snapshot> <snapshot>",
    ),
    "list": (
        "list [-Hp] [-r|-d max] [-o property[,...]] [-s property]...",
        "    [-S property]... [-t type[,...]] [filesystem|volume|snapshot] ...",
    ),
    "set": ("set <property=value> ... <filesystem|volume|snapshot> ...",),
    "get": (
        'get [-rHp] [-d max] [-o "all" | field[,...]]',
        "    [-t type[,...]] [-s source[,...]]",
        '    <"all" | property[,...]> [filesystem|volume|snapshot|bookmark] ...',
    ),
    "inherit": ("inherit [-rS] <property> <filesystem|volume|snapshot> ...",),
    "mount": ("mount", "mount [-lvO] [-o opts] <-a | filesystem>"),
    "unmount": ("unmount [-f] <-a | filesystem|mountpoint>",),
    "share": ("share [-l] <-a | filesystem>",),
    "unshare": ("unshare <-a | filesystem|mountpoint>",),
    "send": (
        "send [-DnPpRvLecwhb] [-[iI] snapshot] <snapshot>",
        "send [-nvPLecw] [-i snapshot|bookmark] <filesystem|volume|snapshot>",
        "send [-nvPe] -t <receive_resume_token>",
    ),
    "receive": (
        "receive [-vnsFhu] [-o <property>=<value>] ... [-x <property>] ...",
        "    <filesystem|volume|snapshot>",
        "receive [-vnsFhu] [-o <property>=<value>] ... [-x <property>] ... ",
        "    [-d | -e] <filesystem>",
        "receive -A <filesystem|volume>",
    ),
    "hold": ("hold [-r] <tag> <snapshot> ...",),
    "holds": ("holds [-r] <snapshot> ...",),
    "release": ("release [-r] <tag> <snapshot> ...",),
}
# How the whole list is grouped; None is an empty line.
ORDER = (
    "create", "destroy", None, "snapshot", "rollback", "clone", "promote", "rename", None, "list", None, "set", "get",
    "inherit", None, "mount", "unmount", "share", "unshare", None, "send", "receive", None, "hold", "holds", "release",
)  # fmt: skip
_WITH_PROPERTIES = ("set", "get", "inherit", "list")
_POINTERS = "\nFor the property list, run: zfs set|get\n\nFor the delegated permission list, run: zfs allow|unallow\n"


def of_verb(verb: str) -> str:
    """Return what a verb says after a mistake in its command line."""
    text = "usage:\n" + "".join(f"\t{line}\n" for line in LINES[verb])
    return text + (_property_list() if verb in _WITH_PROPERTIES else _POINTERS)


def of_all() -> str:
    """Return what zfs says without a verb."""
    body = "".join("\n" if verb is None else "".join(f"\t{line}\n" for line in LINES[verb]) for verb in ORDER)
    return (
        f"usage: zfs command args ...\nwhere 'command' is one of the following:\n\n{body}\n"
        "Each dataset is of the form: pool/[dataset/]*dataset[@name]\n" + _POINTERS
    )


def show(verb: str | None) -> None:
    """Print a usage text to stderr."""
    sys.stderr.write(of_all() if verb is None else of_verb(verb))


def _property_list() -> str:
    lines = ["\nThe following properties are supported:\n", "\tPROPERTY       EDIT  INHERIT   VALUES\n"]
    ranks = {properties.READ: 0}
    rows = sorted(properties.TABLE, key=lambda row: (ranks.get(row[2], 1), row[0]))
    for name, _, change, _, _, values, _ in rows:
        edit = "YES" if change in (properties.SET, properties.INHERIT) else " NO"
        inherit = "YES" if change in (properties.INHERIT, properties.ONCE) else " NO"
        lines.append(f"\t{name:<15} {edit}      {inherit}   {values}")
    lines.extend(
        (
            "\nSizes are specified in bytes with standard units such as K, M, G, etc.",
            "\nUser-defined properties can be specified by using a name containing a colon (:).\n",
        )
    )
    return "\n".join(lines)
