"""zfs list."""

from __future__ import annotations

import sys

from labhost.zfs import options, properties, selection, table
from labhost.zfs.datasets import Datasets
from labhost.zfs.errors import UsageError
from labhost.zfs.values import Values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World

DEFAULT = "name,used,available,referenced,mountpoint"
SPACE = "name,available,used,usedbysnapshots,usedbydataset,usedbyrefreservation,usedbychildren"


def show(world: World, argv: list[str]) -> int:
    """Show datasets as a table."""
    given = options.parse(argv, "HS:d:o:prs:t:")
    wanted = given.last("o") or DEFAULT
    columns = columns_of(wanted)
    kinds = selection.types(given.values.get("t"), "fv" if wanted == "space" else "fvs")
    recursive = "r" in given or "d" in given
    far = selection.depth(given.last("d"), recursive="r" in given)
    datasets = Datasets(world.read("zfs"), world)
    # A snapshot can be named; without a type none is shown that was not.
    walked = kinds if "t" in given else kinds.replace("s", "")
    chosen, code = selection.choose(datasets, given.operands, kinds, far, recursive=recursive, walked=walked)
    values = Values(datasets, exact="p" in given)
    _sort(chosen, argv, values)
    rows = [[values.show(name, column)[0] for column in columns] for name in chosen]
    if not rows and "H" not in given:
        if code == 0:
            sys.stdout.write("no datasets available\n")
        return code
    table.show([header(column) for column in columns], rows, scripted="H" in given)
    return code


def columns_of(text: str) -> list[str]:
    """Return the full names of the properties in an -o list."""
    if text == "space":
        text = SPACE
    if text == "all":
        return ["name", *(row[0] for row in properties.TABLE)]
    return properties.listed(text)


def header(column: str) -> tuple[str, bool]:
    """Return a column's header and whether it is aligned to the right."""
    if properties.is_user(column) and column not in properties.BY_NAME:
        return column.upper(), False
    row = properties.row(column)
    return row[1], row[6] in ("size", "count", "ratio")


def _sort(chosen: list[str], argv: list[str], values: Values) -> None:
    """Sort by the -s and -S columns, the first of them first; what they leave equal keeps the usual order."""
    for letter, text in reversed(_sort_words(argv)):
        column = properties.known(text)
        if column is None:
            raise UsageError(f"invalid property '{text}'")
        keys = {name: _key(name, column, values) for name in chosen}
        chosen.sort(key=keys.__getitem__, reverse=letter == "S")


def _sort_words(argv: list[str]) -> list[tuple[str, str]]:
    """Return the sort options in the order they were given."""
    found = []
    at = 0
    while at < len(argv) and argv[at].startswith("-") and argv[at] != "--":
        word = argv[at]
        for place in range(1, len(word)):
            if word[place] in "Sdost":
                value = word[place + 1 :]
                if not value:
                    at += 1
                    value = argv[at]
                if word[place] in "sS":
                    found.append((word[place], value))
                break
        at += 1
    return found


def _key(name: str, column: str, values: Values) -> tuple[int, int, str]:
    exact = Values(values.datasets, exact=True)
    exact.space = values.space
    text = exact.show(name, column)[0]
    if text == "-":
        return (1, 0, "")
    return (0, int(text), "") if text.isdecimal() else (0, 0, text)
