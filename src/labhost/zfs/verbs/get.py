"""zfs get."""

from __future__ import annotations

import sys

from labhost.zfs import options, properties, selection
from labhost.zfs.datasets import Datasets
from labhost.zfs.errors import UsageError
from labhost.zfs.values import NOTHING, Values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World

COLUMNS = ("name", "property", "value", "received", "source")
DEFAULT = ("name", "property", "value", "source")
SOURCES = ("local", "default", "inherited", "received", "temporary", "none")


def get(world: World, argv: list[str]) -> int:
    """Show properties of datasets, one a line."""
    given = options.parse(argv, "d:o:s:rt:Hp")
    columns = _columns(given.last("o"))
    sources = _sources(given.last("s"))
    if not given.operands:
        raise UsageError("missing property argument")
    props = _props(given.operands[0])
    recursive = "r" in given or "d" in given
    far = selection.depth(given.last("d"), recursive="r" in given)
    kinds = selection.types(given.values.get("t"), "fvs")
    datasets = Datasets(world.read("zfs"), world)
    chosen, code = selection.choose(datasets, given.operands[1:], kinds, far, recursive=recursive)
    values = Values(datasets, exact="p" in given)
    rows = []
    for name in chosen:
        for prop, everything in _expand(props, values, name):
            text, source = values.show(name, prop)
            if everything and (text, source) == NOTHING:
                continue
            if not _wanted(source, sources):
                continue
            known = {"name": name, "property": prop, "value": text, "source": source}
            if "received" in columns:
                known["received"] = values.received(name, prop)
            rows.append([known[column] for column in columns])
    _show(columns, rows, scripted="H" in given)
    return code


def _columns(text: str | None) -> tuple[str, ...]:
    if text is None:
        return DEFAULT
    if text == "all":
        return COLUMNS
    for word in text.split(","):
        if word not in COLUMNS:
            raise UsageError(f"invalid column name '{word}'")
    return tuple(text.split(","))


def _sources(text: str | None) -> tuple[str, ...]:
    if text is None:
        return SOURCES
    for word in text.split(","):
        if word not in SOURCES:
            raise UsageError(f"invalid source '{word}'")
    return tuple(text.split(","))


def _props(text: str) -> list[str]:
    return ["all"] if text == "all" else properties.listed(text)


def _expand(props: list[str], values: Values, name: str) -> list[tuple[str, bool]]:
    """Return the properties to show of a dataset, and whether each is there because of `all`."""
    if props != ["all"]:
        return [(prop, False) for prop in props]
    return [(row[0], True) for row in properties.TABLE] + [(prop, True) for prop in values.user(name)]


def _wanted(source: str, sources: tuple[str, ...]) -> bool:
    if source == "-":
        return "none" in sources
    return source.split(" ", 1)[0] in sources


def _show(columns: tuple[str, ...], rows: list[list[str]], *, scripted: bool) -> None:
    if scripted:
        sys.stdout.write("".join("\t".join(row) + "\n" for row in rows))
        return
    if not rows:
        return
    rows = [[column.upper() for column in columns], *rows]
    widths = [max(len(row[at]) for row in rows) for at in range(len(columns))]
    for row in rows:
        cells = [cell.ljust(widths[at]) if at < len(row) - 1 else cell for at, cell in enumerate(row)]
        sys.stdout.write("  ".join(cells) + "\n")
