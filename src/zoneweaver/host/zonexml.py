"""The files of zonecfg(8): configurations and the index of zones, read without a process.

`/etc/zones/NAME.xml` is what is configured, `/var/run/zones/NAME.snapshot.xml` what an active zone was booted with, and
`/etc/zones/index` says which zones there are. All are replaced by renaming, so that a reader never sees half of one.
"""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from zoneweaver.domain.errors import Failed
from zoneweaver.domain.zone import Resource, ResourceKind, ZoneConfig
from zoneweaver.domain.zonestate import ZoneState
from zoneweaver.host.zonecfg import attribute

T = TypeVar("T")


class BrokenFile(Failed):
    """A file of zonecfg's cannot be read as what it should be; `details` names it."""

    code = "unparseable"

    def __init__(self, *, path: str, why: str) -> None:
        super().__init__(f"{path}: {why}", details={"path": path, "why": why})
        self.path = path
        self.why = why


class IndexEntry(NamedTuple):
    """A zone in the index: `configured`, `incomplete` or `installed`, wherever it really stands beyond that."""

    state: ZoneState
    zonepath: str
    uuid: str | None


class Rooted(Protocol):
    """Whatever knows where the host's file system begins, such as `run.Host`."""

    def path(self, absolute: str, /) -> Path:
        """Return where a path of the host is found."""
        ...


_Stamp = tuple[int, int, int]


class _Cache(Generic[T]):
    """Files of one kind with what they were read as, errors included."""

    def __init__(self, parse: Callable[[bytes, str], T]) -> None:
        self._parse = parse
        self._kept: dict[str, tuple[_Stamp, T | BrokenFile]] = {}

    def read(self, path: str, stamp: _Stamp | None = None) -> T | None:
        """Return the file's meaning, None when there is no file; `stamp` is what the caller knows of it already."""
        try:
            if stamp is None:
                stamp = _stamp(os.stat(path))  # noqa: PTH116 - a thousand files at once
            kept = self._kept.get(path)
            if kept is None or kept[0] != stamp:
                with open(path, "rb") as file:  # noqa: PTH123
                    stamp, content = _stamp(os.fstat(file.fileno())), file.read()
                kept = self._kept[path] = (stamp, self._meaning(content, path))
        except FileNotFoundError:
            self._kept.pop(path, None)
            return None
        except OSError as error:
            raise BrokenFile(path=path, why=error.strerror or str(error)) from error
        if isinstance(kept[1], BrokenFile):
            # A new one each time: a raised exception collects the frames of whoever caught it.
            raise BrokenFile(path=path, why=kept[1].why)
        return kept[1]

    def _meaning(self, content: bytes, path: str) -> T | BrokenFile:
        try:
            return self._parse(content, path)
        except BrokenFile as error:
            return error.with_traceback(None)

    def keep_only(self, paths: frozenset[str]) -> None:
        """Forget files that are gone."""
        for path in self._kept.keys() - paths:
            self._kept.pop(path, None)


class ConfigFiles:
    """The host's files, re-read only when their time, size or inode has changed. Safe to use from several threads."""

    def __init__(self, host: Rooted) -> None:
        self._zones: Final = str(host.path("/etc/zones"))
        self._running: Final = str(host.path("/var/run/zones"))
        self._configured = _Cache(_read_config)
        self._booted = _Cache(_read_config)
        self._index = _Cache(_read_index)
        self.broken: Mapping[str, BrokenFile] = {}
        """What the last `read_all` could not read, by zone."""

    def index(self) -> Mapping[str, IndexEntry]:
        """Return the zones in the order of the index; empty when there is no index. Raises BrokenFile."""
        return self._index.read(f"{self._zones}/index") or {}

    def read(self, name: str) -> ZoneConfig | None:
        """Return what a zone is configured as; None when it has no file. Raises BrokenFile."""
        return self._configured.read(f"{self._zones}/{_plain(name)}.xml")

    def booted(self, name: str) -> ZoneConfig | None:
        """Return what an active zone was booted with; None when there is no such file. Raises BrokenFile."""
        return self._booted.read(f"{self._running}/{_plain(name)}.snapshot.xml")

    def read_all(self) -> dict[str, ZoneConfig]:
        """Return the configuration of every zone in the index that can be read; see `broken` for the rest."""
        names = self.index()
        if not names:
            self.broken = {}
            return {}
        try:
            with os.scandir(self._zones) as entries:
                stamps = {entry.name: _stamp(entry.stat()) for entry in entries if entry.name[:-4] in names}
        except OSError as error:
            raise BrokenFile(path=self._zones, why=error.strerror or str(error)) from error
        found: dict[str, ZoneConfig] = {}
        broken: dict[str, BrokenFile] = {}
        for name in names:
            path = f"{self._zones}/{name}.xml"
            try:
                config = self._configured.read(path, stamps.get(f"{name}.xml"))
                if config is None:
                    raise BrokenFile(path=path, why="is missing, though the index names the zone")
                found[name] = config
            except BrokenFile as error:
                broken[name] = error.with_traceback(None)
        self.broken = broken
        self._configured.keep_only(frozenset(f"{self._zones}/{name}.xml" for name in names))
        return found


def parse(text: str | bytes, *, path: str = "configuration") -> ZoneConfig:
    """Read a zone's XML document; what it means is the same as what `zonecfg export` says. Raises BrokenFile."""
    try:
        root = ET.fromstring(text)  # noqa: S314 - root's own files; expat fetches nothing and bounds entities
    except (ET.ParseError, ValueError, LookupError) as error:
        raise BrokenFile(path=path, why=f"is not XML: {error}") from error
    if root.tag != "zone" or not root.get("name"):
        raise BrokenFile(path=path, why=f"is no zone's configuration but <{root.tag}>")
    settings = [(name, root.get(name, default)) for name, default in _GLOBALS if root.get(name, default)]
    resources = [resource for resource in map(_resource, root) if resource is not None]
    pset, pool = root.find("pset"), root.find("tmp_pool")
    if pset is not None:
        resources.append(_dedicated_cpu(pset, pool))
    return ZoneConfig(globals=tuple(settings), resources=tuple(resources))


_GLOBALS: Final = (
    ("zonepath", ""),
    ("brand", ""),
    ("autoboot", "false"),
    ("bootargs", ""),
    ("pool", ""),
    ("limitpriv", ""),
    ("scheduling-class", ""),
    ("ip-type", "shared"),
    ("hostid", ""),
    ("fs-allowed", ""),
)
"""Attributes of the root that zonecfg exports, with what their absence means."""


_NET: Final = ("address", "allowed-address", "physical", "mac-addr", "vlan-id", "global-nic", "defrouter")

_ELEMENTS: Final[Mapping[str, tuple[ResourceKind, tuple[tuple[str, str], ...]]]] = {
    "filesystem": (
        ResourceKind.FS,
        (("dir", "directory"), ("special", "special"), ("raw", "raw"), ("type", "type")),
    ),
    "network": (ResourceKind.NET, tuple((name, name) for name in _NET)),
    "device": (ResourceKind.DEVICE, (("match", "match"),)),
    "rctl": (ResourceKind.RCTL, (("name", "name"),)),
    "attr": (ResourceKind.ATTR, ()),
    "dataset": (ResourceKind.DATASET, (("name", "name"),)),
    "admin": (ResourceKind.ADMIN, (("user", "user"), ("auths", "auths"))),
    "security-flags": (
        ResourceKind.SECURITY_FLAGS,
        (("default", "default"), ("lower", "lower"), ("upper", "upper")),
    ),
}
"""Which resource an element is, and zonecfg's word for each of its attributes."""


def _resource(element: ET.Element) -> Resource | None:
    known = _ELEMENTS.get(element.tag)
    if known is None:  # <mcap>, patches of a detached zone, whatever a later release adds: none of it is ours to edit
        return None
    kind, attributes = known
    given = element.attrib
    if kind is ResourceKind.ATTR:  # most of a document: a thousand of these are to be read in no time
        return attribute(given.get("name", ""), given.get("type", ""), given.get("value", ""))
    props = tuple([(prop, given[name]) for prop, name in attributes if given.get(name)])
    lists = tuple([item for child in element if (item := _listed(child)) is not None])
    return Resource(kind=kind, props=props, lists=lists)


def _listed(child: ET.Element) -> tuple[str, str] | None:
    if child.tag == "fsoption":
        return ("options", child.get("name", ""))
    if child.tag == "net-attr":
        return ("property", f'(name={child.get("name", "")},value="{child.get("value", "")}")')
    if child.tag == "rctl-value":
        values = ",".join(f"{name}={child.get(name, '')}" for name in ("priv", "limit", "action"))
        return ("value", f"({values})")
    return None


def _dedicated_cpu(pset: ET.Element, pool: ET.Element | None) -> Resource:
    least, most = pset.get("ncpu_min", ""), pset.get("ncpu_max", "")
    importance = pset.get("importance") or (pool.get("importance") if pool is not None else None)
    props = [("ncpus", least if least == most or not most else f"{least}-{most}")]
    if importance:
        props.append(("importance", importance))
    return Resource(kind=ResourceKind.DEDICATED_CPU, props=tuple(props))


def _read_config(content: bytes, path: str) -> ZoneConfig:
    return parse(content, path=path)


def _read_index(content: bytes, path: str) -> Mapping[str, IndexEntry]:
    found: dict[str, IndexEntry] = {}
    for line in content.decode(errors="replace").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        name, _, rest = line.partition(":")
        state, _, rest = rest.partition(":")
        if rest.startswith('"'):  # a path with a colon in it
            zonepath, _, rest = rest[1:].partition('"')
            rest = rest.removeprefix(":")
        else:
            zonepath, _, rest = rest.partition(":")
        try:
            entry = IndexEntry(ZoneState(state), zonepath, rest.partition(":")[0] or None)
        except ValueError:
            raise BrokenFile(path=path, why=f"line {line!r} is none of an index") from None
        if name != "global":
            found[name] = entry
    return found


def _plain(name: str) -> str:
    if "/" in name or name in {"", ".", ".."}:
        raise ValueError(name)
    return name


def _stamp(stat: os.stat_result) -> _Stamp:
    return (stat.st_mtime_ns, stat.st_size, stat.st_ino)
