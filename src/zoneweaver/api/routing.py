"""Finding the route of a method and path: a tree of segments, literals before names."""

from __future__ import annotations

from collections.abc import Iterable

from zoneweaver.api.errors import MethodNotAllowed
from zoneweaver.api.route import Route
from zoneweaver.domain.errors import NotFound


class _Node:
    __slots__ = ("below", "named", "routes")

    def __init__(self) -> None:
        self.below: dict[str, _Node] = {}
        self.named: _Node | None = None
        self.routes: dict[str, tuple[Route, tuple[str, ...]]] = {}


class Router:
    """All routes, to be looked up in as many steps as the path has segments."""

    def __init__(self, table: Iterable[Route]) -> None:
        self._root = _Node()
        for route in table:
            node = self._root
            names: list[str] = []
            for segment in route.path.strip("/").split("/"):
                if segment.startswith("{"):
                    names.append(segment[1:-1])
                    node.named = node.named or _Node()
                    node = node.named
                else:
                    node = node.below.setdefault(segment, _Node())
            if route.method in node.routes:
                raise ValueError(f"{route.method} {route.path} stands twice in the table")
            node.routes[route.method] = (route, tuple(names))

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """Return the route and the names in the path; HEAD finds GET. Raises NotFound and MethodNotAllowed."""
        allowed: set[str] = set()
        found = _search(self._root, path[1:].split("/"), (), "GET" if method == "HEAD" else method, allowed)
        if found is not None:
            (route, names), values = found
            return route, dict(zip(names, values, strict=True))
        if allowed:
            allow = sorted(allowed | ({"HEAD"} if "GET" in allowed else set()) | {"OPTIONS"})
            raise MethodNotAllowed(f"{path[:200]} does not take {method[:20]}", details={"allow": allow})
        raise NotFound(f"There is no {path[:200]}", code="no_such_path")


_Found = tuple[tuple[Route, tuple[str, ...]], tuple[str, ...]]


def _search(node: _Node, segments: list[str], values: tuple[str, ...], method: str, allowed: set[str]) -> _Found | None:
    """Return the route and its names with the values found on the way; gather the methods of paths that fit."""
    if not segments:
        if method in node.routes:
            return node.routes[method], values
        allowed.update(node.routes)
        return None
    first, rest = segments[0], segments[1:]
    literal = node.below.get(first)
    found = None if literal is None else _search(literal, rest, values, method, allowed)
    if found is None and node.named is not None and first:
        found = _search(node.named, rest, (*values, first), method, allowed)
    return found
