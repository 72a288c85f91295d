"""zonecfg(8): reading a configuration from `export`, and saying one as a script for `-f`.

zonecfg is no transaction: after an error it commits what went before, and `create` on an installed zone says no,
exits 0 and then edits the zone that is there. Callers survey first, compare afterwards and undo by the difference.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from zoneweaver.domain.errors import Unparseable
from zoneweaver.domain.secret import MASK, Secret, Text, reveal
from zoneweaver.domain.zone import NAMED_BY, Resource, ResourceKind, ZoneConfig, is_secret_attr
from zoneweaver.host.command import CHANGE_SECONDS, SCRIPT_PLACE, Command, Completed, InputFile, Query

Line = tuple[Text, ...]

_GLOBALS: Final = (
    "brand",
    "zonepath",
    "autoboot",
    "bootargs",
    "pool",
    "limitpriv",
    "scheduling-class",
    "ip-type",
    "hostid",
    "fs-allowed",
)
"""Global properties in the order in which we say them: the brand first, since it decides what is valid."""


def export(zone: str) -> Query[ZoneConfig]:
    """Ask for the configuration on disk. Raises CommandFailed (unknown zone) and Unparseable."""
    return Query(command=Command(argv=("zonecfg", "-z", zone, "export")), parse=_read_export)


def export_with_text(zone: str) -> Query[tuple[ZoneConfig, str]]:
    """Ask for the configuration, and for what `zonecfg export` prints as it is: secrets are in it."""
    command = Command(argv=("zonecfg", "-z", zone, "export"))
    return Query(command=command, parse=lambda completed: (_read_export(completed), completed.stdout))


def create(zone: str, config: ZoneConfig) -> Command:
    """Make a zone from an empty configuration in one run. The zone must not exist: see `refused_create`."""
    return _run(zone, [("create -b",), *said(config)])


def change(zone: str, before: ZoneConfig, after: ZoneConfig, *, exactly: bool = False) -> Command | None:
    """Turn one configuration into another in one run; None when there is nothing to say (see `difference`)."""
    lines = difference(before, after, exactly=exactly)
    return _run(zone, lines) if lines else None


def delete(zone: str) -> Command:
    """Remove the configuration; an installed zone's zonepath would be left behind, so uninstall first."""
    return Command(argv=("zonecfg", "-z", zone, "delete", "-F"), changes=True, timeout=CHANGE_SECONDS)


def refused_create(stderr: str) -> bool:
    """Say whether `create` was refused because the zone exists (zonecfg may then still exit 0)."""
    return "create not allowed" in stderr or "Zone exists, input not from terminal" in stderr


def unknown_zone(stderr: str) -> bool:
    """Say whether zonecfg said that there is no such zone."""
    return "No such zone configured" in stderr


def _run(zone: str, lines: Sequence[Line]) -> Command:
    return Command(
        argv=("zonecfg", "-z", zone, "-f", SCRIPT_PLACE),
        changes=True,
        timeout=CHANGE_SECONDS,
        script=InputFile(lines=tuple(lines)),
    )


def quoted(value: Text) -> Line:
    """Say a value in double quotes, in which everything but `"` and a newline stands for itself."""
    return ('"', value, '"')


def said(config: ZoneConfig) -> list[Line]:
    """Say a whole configuration, on top of an empty one."""
    lines: list[Line] = []
    for name in _GLOBALS:
        value = config.setting(name)
        if value:
            lines.append((f"set {name}=", *quoted(value)))
    for resource in config.resources:
        lines += added(resource)
    return lines


def added(resource: Resource) -> list[Line]:
    """Say one resource."""
    lines: list[Line] = [(f"add {resource.kind.value}",)]
    lines += [(f"set {name}=", *quoted(value)) for name, value in resource.props if reveal(value)]
    lines += [(f"add {name} {value}",) for name, value in resource.lists]
    lines.append(("end",))
    return lines


def difference(before: ZoneConfig, after: ZoneConfig, *, exactly: bool = False) -> list[Line]:
    """Say the smallest change from one configuration to the other.

    It also gives `net` resources the order of `after`. What is changed by `select` moves to the end (libzonecfg deletes
    it and adds it again), so where the order counts and would come out otherwise, all resources of the kind are said
    anew; with `exactly`, all resources of all kinds, in the order of `after`.
    """
    lines: list[Line] = []
    for name in _GLOBALS:
        old, new = before.setting(name), after.setting(name)
        if name == "autoboot":
            old, new = old or "false", new or "false"
        if old != new:
            lines.append((f"set {name}=", *quoted(new)) if new else (f"clear {name}",))
    if exactly and before.resources != after.resources:
        for kind in ResourceKind:
            there = before.of(kind)
            if kind is ResourceKind.RCTL:
                lines += _difference_of_limits(there, ())
            elif there:
                lines.append((f"remove -F {kind.value}",))
        return lines + [line for item in after.resources for line in added(item)]
    for kind in ResourceKind:
        if kind is ResourceKind.RCTL:
            lines += _difference_of_limits(before.of(kind), after.of(kind))
        else:
            in_order = kind is ResourceKind.NET
            lines += _difference_of_kind(kind, before.of(kind), after.of(kind), in_order=in_order)
    return lines


def _difference_of_kind(
    kind: ResourceKind, before: tuple[Resource, ...], after: tuple[Resource, ...], *, in_order: bool
) -> list[Line]:
    if before == after:
        return []
    old, new = {item.key: item for item in before}, {item.key: item for item in after}
    changed = [item for key, item in new.items() if key in old and old[key] != item]
    added_later = [item for key, item in new.items() if key not in old]
    kept = [item for key, item in old.items() if key in new and item not in changed and new[key] == item]
    told_apart = kind in NAMED_BY and len(old) == len(before) and len(new) == len(after)
    in_place = told_apart and (kind is ResourceKind.ATTR or not changed)
    if not in_place or (in_order and (*kept, *changed, *added_later) != after):
        everything: list[Line] = [(f"remove -F {kind.value}",)] if before else []
        return everything + [line for item in after for line in added(item)]
    lines: list[Line] = [(f"remove {kind.value} {NAMED_BY[kind]}=", *quoted(key)) for key in old if key not in new]
    for item in changed:
        lines.append((f"select {kind.value} {NAMED_BY[kind]}=", *quoted(item.key)))
        lines += [(f"set {name}=", *quoted(value)) for name, value in item.props if name != NAMED_BY[kind]]
        lines.append(("end",))
    for item in added_later:
        lines += added(item)
    return lines


_UNLIMITED: Final = {
    **{
        f"zone.{alias}": f"clear {alias}"
        for alias in (
            "cpu-shares",
            "max-lwps",
            "max-processes",
            "max-shm-memory",
            "max-shm-ids",
            "max-msg-ids",
            "max-sem-ids",
            "zfs-io-priority",
        )
    },
    "zone.cpu-cap": "remove capped-cpu",
}
"""How limits that have another name as well are taken away: `remove rctl` does not see them."""


def _difference_of_limits(before: tuple[Resource, ...], after: tuple[Resource, ...]) -> list[Line]:
    kept = [item for item in before if item in after]
    lines: list[Line] = []
    for item in before:
        if item not in kept:
            known = _UNLIMITED.get(item.key)
            lines.append((known,) if known else ("remove rctl name=", *quoted(item.key)))
    for item in after:
        if item not in kept:
            lines += added(item)
    return lines


def _read_export(completed: Completed) -> ZoneConfig:
    def unexpected(why: str) -> Unparseable:
        return Unparseable(argv=completed.argv, text=_without_values(completed.stdout), why=_without_values(why))

    settings: list[tuple[str, str]] = []
    resources: list[Resource] = []
    kind: ResourceKind | None = None
    props: list[tuple[str, str]] = []
    lists: list[tuple[str, str]] = []
    lines = completed.stdout.split("\n")  # a value may hold what else Python takes for the end of a line
    if not lines[0].startswith("create"):
        raise unexpected("an export begins with create")
    for line in lines[1:]:
        word, _, rest = line.partition(" ")
        if kind is None and word == "add":
            try:
                kind = ResourceKind(rest.strip())
            except ValueError:
                raise unexpected(f"an unknown resource: {line!r}") from None
            props, lists = [], []
        elif word == "set" and "=" in rest:
            name, _, value = rest.partition("=")
            if kind is None:
                settings.append((name, _unquoted(value)))
            else:
                props.append((name, _unquoted(value)))
        elif kind is not None and word == "add":
            name, _, value = rest.partition(" ")
            lists.append((name, value))
        elif kind is not None and word == "end":
            if kind is ResourceKind.ATTR:
                given = dict(props)
                resources.append(attribute(*(given.get(name, "") for name in ("name", "type", "value"))))
            else:
                resources.append(Resource(kind=kind, props=tuple(props), lists=tuple(lists)))
            kind = None
        elif line.strip():
            raise unexpected(f"line {line!r}")
    if kind is not None:
        raise unexpected(f"an unfinished {kind.value}")
    if not settings:
        raise unexpected("no property at all")
    return ZoneConfig(globals=tuple(settings), resources=tuple(resources))


def _without_values(text: str) -> str:
    """Return an export without the values of attributes: which of them are secret is not known when it is broken."""
    return re.sub(r"((?:value|password)=)[^\n]+", rf"\1{MASK}", text)


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value.startswith('"') and value.endswith('"') else value


def attribute(name: str, kind: str, value: str) -> Resource:
    """Make the attribute that was read, with its value as a Secret if it holds a password."""
    kept: Text = Secret(value) if is_secret_attr(name, value) else value
    return Resource(kind=ResourceKind.ATTR, props=(("name", name), ("type", kind), ("value", kept)))
