"""The picture of a network: `draw` makes lines of text from what hangs together. Nothing is asked here.

A switch, or a link that is over no other, is a bar; below it hangs who is on it. A broken line is a card that is not
there at the moment, a double one a link that a bridge or an aggregation is made of.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from zoneweaver.cli.terminal import columns_of

NARROWEST: Final = 40
"""A picture cannot be narrower: the longest name of a link has 31 characters."""

DOT: Final = " · "
_GAP: Final = 2
_DETAILS: Final = 22
"""Columns that there must be for the last column, or it stands below the one before."""
_WHO: Final = 24
"""What says who it is moves the last column no further than this."""

PLAIN: Final[Mapping[int, int]] = str.maketrans("━═─┄│├└·", "==-.|+`-")
"""For terminals that cannot show the strokes: others that take as many columns."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """A link, or a card that will be one: what it is, who has it, and what else there is to say."""

    name: str
    kind: str = ""
    """What it is: `physical`, `etherstub`; a VNIC needs no word."""
    rank: int = 0
    """Its place among those beside it, before its name."""
    over: tuple[str, ...] = ()
    """The links below it."""
    holds: tuple[str, ...] = ()
    """The links that it is made of."""
    owner: str = ""
    """Who has it: `zone web`, `host`."""
    traits: tuple[str, ...] = ()
    """How it is: `up`, `1 Gb/s`."""
    facts: tuple[str, ...] = ()
    """What is on it: addresses, routes."""
    there: bool = True
    """Whether it is there at the moment."""


def natural(name: str) -> tuple[tuple[int, str], ...]:
    """Return what names are sorted by: `igb2` comes before `igb10`."""
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name) if part)


def draw(nodes: Iterable[Node], *, width: int) -> list[str]:
    """Return the picture, the same for the same nodes in whatever order they come.

    Each node appears once as a name, and no line has more than `width` columns (at least 40, for names of up to 31).
    """
    width = max(width, NARROWEST)
    forest = _Forest(nodes, width)
    columns = _Columns.of(forest, width)
    lines: list[str] = []
    for root in forest.roots:
        if lines:
            lines.append("")
        lines += _bar(root, forest, width)
        for row in forest.below(root, " "):
            lines += _row(row, columns, forest)
    return lines


@dataclass(frozen=True, kw_only=True, slots=True)
class _Row:
    """A node below a bar, with the strokes before its name and those before whatever else is said of it."""

    node: Node
    first: str
    after: str

    @property
    def title(self) -> str:
        return self.first + self.node.name


class _Forest:
    """Who hangs below whom. What hangs too deep to be drawn, or in a circle, begins anew."""

    def __init__(self, nodes: Iterable[Node], width: int) -> None:
        every = sorted(nodes, key=_order)
        by_name = {node.name: index for index, node in reversed(list(enumerate(every)))}
        parents = [_parent(index, every, by_name) for index in range(len(every))]
        self._every = every
        self._index = {id(node): index for index, node in enumerate(every)}
        self._parents = parents
        self._children: dict[int, list[int]] = {}
        depths: dict[int, int] = {}
        begun: list[int] = []
        waiting = [index for index, parent in enumerate(parents) if parent is None]
        # A circle has no beginning: where nothing else is left, its first link is one.
        for first in (*waiting, *range(len(every))):
            if first in depths:
                continue
            begun.append(first)
            parents[first], depths[first] = None, 0
            todo = [first]
            for above in todo:
                for child in (index for index, parent in enumerate(parents) if parent == above):
                    deep = depths[above] + 1
                    strokes = 1 + 3 * deep
                    if strokes >= width // 2 or strokes + columns_of(every[child].name) > width:
                        continue  # it begins anew, when its turn comes in the order
                    if child not in depths:
                        depths[child] = deep
                        self._children.setdefault(above, []).append(child)
                        todo.append(child)
        self.roots = [every[index] for index in sorted(begun)]

    def below(self, node: Node, lead: str) -> Iterator[_Row]:
        """Yield the rows below a node, those of each child right after it."""
        children = self._children.get(self._index[id(node)], ())
        for number, child in enumerate(children):
            one = self._every[child]
            last = number + 1 == len(children)
            stroke = "┄" if not one.there else "═" if one.name in node.holds else "─"
            after = lead + ("   " if last else "│  ")
            yield _Row(
                node=one,
                first=f"{lead}{'└' if last else '├'}{stroke} ",
                after=after + ("│" if child in self._children else ""),
            )
            yield from self.below(one, after)

    def has_children(self, node: Node) -> bool:
        """Say whether something hangs below."""
        return self._index[id(node)] in self._children

    def elsewhere(self, node: Node) -> list[str]:
        """Say which links it is over or made of that the picture does not show so."""
        index = self._index[id(node)]
        parent = self._parents[index]
        above = None if parent is None else self._every[parent]
        within = {self._every[child].name for child in self._children.get(index, ())}
        over = [name for name in node.over if above is None or name != above.name]
        holds = [name for name in node.holds if name not in within]
        return [f"{word} {name}" for word, names in (("over", over), ("with", holds)) for name in names]


def _order(node: Node) -> tuple[object, ...]:
    # All of it, so that two with one name have their order, too.
    return (node.rank, natural(node.name), node.name, not node.there, node.kind, node.owner, node.over, node.facts)


def _parent(index: int, every: Sequence[Node], by_name: Mapping[str, int]) -> int | None:
    """Return what a node hangs below: the link that it is a part of, otherwise the first that it is over."""
    node = every[index]
    if by_name[node.name] == index:
        for number, other in enumerate(every):
            if node.name in other.holds and number != index:
                return number
    return next((by_name[name] for name in node.over if name in by_name and by_name[name] != index), None)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Columns:
    """Where columns begin, the same in the whole picture."""

    who: int
    details: int
    width: int

    @classmethod
    def of(cls, forest: _Forest, width: int) -> _Columns:
        rows = [row for root in forest.roots for row in forest.below(root, " ")]
        names = max((columns_of(row.title) for row in rows), default=0)
        owners = [columns_of(_who(row.node)) for row in rows]
        who = min(names, width // 2) + _GAP
        details = who + max((taken for taken in owners if taken <= _WHO), default=0) + (_GAP if any(owners) else 0)
        return cls(who=who, details=details if width - details >= _DETAILS else who, width=width)


def _who(node: Node) -> str:
    return DOT.join(part for part in (node.kind, node.owner) if part)


def _bar(node: Node, forest: _Forest, width: int) -> list[str]:
    """Return the bar of a root, and below it what is on it."""
    said = [part for part in (node.kind, *node.traits) if part]
    stroke = "━" if node.there else "┄"
    head = f"{stroke * 2} {node.name} {stroke * 2} {DOT.join(said)} "
    below = [*([node.owner] if node.owner else []), *forest.elsewhere(node), *node.facts]
    if not said or columns_of(head) > width - 2:
        head = f"{stroke * 2} {node.name} "
        below = [*said, *below]
    lead = f" {'│' if forest.has_children(node) else ' '}  "
    return [
        head + stroke * (width - columns_of(head)),
        *((lead + line).rstrip() for line in _packed(below, width - len(lead))),
    ]


def _row(row: _Row, columns: _Columns, forest: _Forest) -> list[str]:
    """Return the lines of a node below a bar."""
    node = row.node
    who = _packed([_who(node)], columns.width - columns.who)
    details = _packed([*node.traits, *forest.elsewhere(node), *node.facts], columns.width - columns.details)
    beside = len(who) <= 1 and all(columns_of(line) <= columns.details - columns.who - _GAP for line in who)
    if beside and who and details:
        indented = " " * columns.who + who.pop()
        body = [indented + " " * (columns.details - columns_of(indented)) + details.pop(0)]
    else:
        body = []
    body += [" " * columns.who + line for line in who]
    body += [" " * columns.details + line for line in details]
    if not body or columns_of(row.title) + _GAP > columns.who:
        return [row.title, *(_under(row.after, line) for line in body)]
    return [_under(row.title, body[0]), *(_under(row.after, line) for line in body[1:])]


def _under(strokes: str, line: str) -> str:
    """Return a line whose blank beginning is covered by strokes."""
    return strokes + line[columns_of(strokes) :]


def _packed(parts: Sequence[str], room: int) -> list[str]:
    """Return lines that hold the parts, as many in each as go there; only a part that is too long itself is broken."""
    lines: list[str] = []
    for part in parts:
        if lines and columns_of(lines[-1]) + len(DOT) + columns_of(part) <= room:
            lines[-1] += DOT + part
        else:
            lines += textwrap.wrap(part, room)
    return lines
