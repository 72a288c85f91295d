"""A zone's configuration as zonecfg(8) keeps it, and pure ways to make another one from it.

A configuration is a list of global properties and a list of resources in the order of the host; the order of `net`
resources is the order of the guest's network cards, so it is kept with care.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, Final

from zoneweaver.domain.secret import MASK, Secret, Text, reveal


class ResourceKind(enum.StrEnum):
    """The resource types of zonecfg(8), in the order in which `export` prints them."""

    FS = "fs"
    NET = "net"
    DEVICE = "device"
    RCTL = "rctl"
    ATTR = "attr"
    DATASET = "dataset"
    DEDICATED_CPU = "dedicated-cpu"
    ADMIN = "admin"
    SECURITY_FLAGS = "security-flags"


NAMED_BY: Final[Mapping[ResourceKind, str]] = {
    ResourceKind.FS: "dir",
    ResourceKind.NET: "physical",
    ResourceKind.DEVICE: "match",
    ResourceKind.RCTL: "name",
    ResourceKind.ATTR: "name",
    ResourceKind.DATASET: "name",
    ResourceKind.ADMIN: "user",
}
"""The property that tells one resource of a kind from another."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Resource:
    """One resource: properties that are `set`, and list elements that are `add`ed, both in order."""

    kind: ResourceKind
    props: tuple[tuple[str, Text], ...] = ()
    lists: tuple[tuple[str, str], ...] = ()

    def get(self, prop: str) -> str | None:
        """Return the plain text of a property, or None when it is not set."""
        return next((reveal(value) for name, value in self.props if name == prop), None)

    @property
    def key(self) -> str:
        """What the resource is told apart by (empty for kinds of which there is one)."""
        named_by = NAMED_BY.get(self.kind)
        return (self.get(named_by) or "") if named_by else ""


def is_secret_attr(name: str, value: str) -> bool:
    """Say whether an attribute's value holds a password: cloud-init's, or one given to the VNC server."""
    return name == "password" or "password=" in value


def attr(name: str, value: Text) -> Resource:
    """Make an attribute of type string, as management tools use for everything."""
    if isinstance(value, str) and is_secret_attr(name, value):
        value = Secret(value)
    return Resource(kind=ResourceKind.ATTR, props=(("name", name), ("type", "string"), ("value", value)))


def device(match: str) -> Resource:
    """Make a device resource."""
    return Resource(kind=ResourceKind.DEVICE, props=(("match", match),))


def cdrom_fs(path: str) -> Resource:
    """Make the read-only lofs mount that a CD-ROM image needs (bhyve(7), attribute cdrom)."""
    return Resource(
        kind=ResourceKind.FS,
        props=(("dir", path), ("special", path), ("type", "lofs")),
        lists=(("options", "ro"), ("options", "nodevices")),
    )


def zvol_device(dataset: str) -> str:
    """Return the raw device of a volume, as bhyve opens it."""
    return f"/dev/zvol/rdsk/{dataset}"


@dataclass(frozen=True, kw_only=True, slots=True)
class ZoneConfig:
    """A whole configuration. Two are equal when the host would not tell them apart."""

    globals: tuple[tuple[str, str], ...] = ()
    resources: tuple[Resource, ...] = ()

    def setting(self, name: str, default: str = "") -> str:
        """Return a global property."""
        return next((value for key, value in self.globals if key == name), default)

    @property
    def brand(self) -> str:
        """The brand, empty when none is set."""
        return self.setting("brand")

    @property
    def zonepath(self) -> str:
        """The zonepath, empty when none is set."""
        return self.setting("zonepath")

    @property
    def autoboot(self) -> bool:
        """Whether the zones service boots the zone with the host."""
        return self.setting("autoboot") == "true"

    def of(self, kind: ResourceKind) -> tuple[Resource, ...]:
        """Return the resources of one kind, in order."""
        return tuple(resource for resource in self.resources if resource.kind is kind)

    @property
    def attrs(self) -> dict[str, Text]:
        """The attributes by name."""
        found: dict[str, Text] = {}
        for resource in self.of(ResourceKind.ATTR):
            values = dict(resource.props)
            found[reveal(values.get("name", ""))] = values.get("value", "")
        return found

    def attr(self, name: str) -> str | None:
        """Return the plain text of an attribute, or None."""
        value = self.attrs.get(name)
        return None if value is None else reveal(value)

    @property
    def disks(self) -> dict[str, str]:
        """The disk attributes (`bootdisk`, `disk`, `diskN`) with the dataset or path each names, without options."""
        found = {}
        for name, value in self.attrs.items():
            if name == "bootdisk" or _numbered(name, "disk"):
                found[name] = reveal(value).partition(",")[0]
        return found

    @property
    def cdroms(self) -> dict[str, str]:
        """The CD-ROM attributes (`cdrom`, `cdromN`) with the image each names."""
        return {name: reveal(value) for name, value in self.attrs.items() if _numbered(name, "cdrom")}

    @property
    def volumes(self) -> frozenset[str]:
        """Every dataset that the configuration names as a disk, by attribute or by device match."""
        named = {value for value in self.disks.values() if not value.startswith("/")}
        paths = {value for value in self.disks.values() if value.startswith("/")}
        paths |= {resource.get("match") or "" for resource in self.of(ResourceKind.DEVICE)}
        for path in paths:
            for prefix in ("/dev/zvol/rdsk/", "/dev/zvol/dsk/"):
                if path.startswith(prefix):
                    named.add(path.removeprefix(prefix).partition(",")[0])
        return frozenset(named)

    def uses(self, dataset: str) -> bool:
        """Say whether the zone can get at a volume.

        By name, by a device match with wildcards (in which `*` may stand for slashes too), as a mounted file system,
        through a delegated dataset, or by a word of `extra`.
        """
        if dataset in self.volumes:
            return True
        nodes = tuple(f"/dev/zvol/{kind}/{dataset}" for kind in ("rdsk", "dsk"))
        matches = [item.get("match") or "" for item in self.of(ResourceKind.DEVICE)]
        if any(fnmatchcase(node, match) for match in matches for node in nodes):
            return True
        if any(item.get("special") in nodes for item in self.of(ResourceKind.FS)):
            return True
        if any(f"{dataset}/".startswith(f"{item.key}/") for item in self.of(ResourceKind.DATASET)):
            return True
        said = (reveal(value) for name, value in self.attrs.items() if _numbered(name, "extra"))
        return any(word.strip("\"'") in nodes for text in said for word in re.split(r"[\s,=]+", text))

    def with_global(self, name: str, value: str) -> ZoneConfig:
        """Return the configuration with a global property set."""
        kept = [(key, value if key == name else old) for key, old in self.globals]
        if name not in {key for key, _ in self.globals}:
            kept.append((name, value))
        return replace(self, globals=tuple(kept))

    def with_resource(self, resource: Resource) -> ZoneConfig:
        """Return the configuration with a resource added behind those of its kind."""
        return replace(self, resources=(*self.resources, resource))

    def without(self, kind: ResourceKind, key: str) -> ZoneConfig:
        """Return the configuration without the resources of a kind that have this key."""
        kept = tuple(item for item in self.resources if not (item.kind is kind and item.key == key))
        return replace(self, resources=kept)

    def with_attr(self, name: str, value: Text) -> ZoneConfig:
        """Return the configuration with an attribute set, at the place where it stands if it is there."""
        new = attr(name, value)
        if name not in self.attrs:
            return self.with_resource(new)
        changed = tuple(new if item.kind is ResourceKind.ATTR and item.key == name else item for item in self.resources)
        return replace(self, resources=changed)

    def same_as(self, other: ZoneConfig, *, exactly: bool = False) -> bool:
        """Say whether both mean the same: equal globals (unset is empty), and per kind the same resources.

        The order counts for `net` resources, which number the guest's cards; with `exactly` it counts for all.
        """
        if exactly:
            return _settings(self) == _settings(other) and _ordered(self.resources) == _ordered(other.resources)
        return _settings(self) == _settings(other) and all(
            _alike(self.of(kind), other.of(kind), in_order=kind is ResourceKind.NET) for kind in ResourceKind
        )

    def in_order_of(self, other: ZoneConfig) -> ZoneConfig:
        """Return the configuration with its resources in the order of another reading of the same (itself, if not)."""
        places: dict[Any, list[int]] = {}
        for number, item in enumerate(_ordered(other.resources)):
            places.setdefault(item, []).append(number)
        try:
            numbered = [
                (places[item].pop(0), resource)
                for item, resource in zip(_ordered(self.resources), self.resources, strict=True)
            ]
        except (KeyError, IndexError):
            return self
        return replace(self, resources=tuple(resource for _, resource in sorted(numbered, key=lambda pair: pair[0])))

    def as_json(self) -> dict[str, Any]:
        """Return the configuration as the API shows it, secrets masked."""
        shown: dict[str, Any] = {
            "brand": self.brand,
            "zonepath": self.zonepath,
            "autoboot": self.autoboot,
            "ip_type": self.setting("ip-type", "exclusive"),
            "attrs": {name: MASK if isinstance(value, Secret) else value for name, value in self.attrs.items()},
            "nics": [_net_json(item) for item in self.of(ResourceKind.NET)],
            "disks": [{"name": name, "dataset": value} for name, value in self.disks.items()],
            "cdroms": [{"name": name, "path": value} for name, value in self.cdroms.items()],
            "filesystems": [
                {
                    "dir": item.get("dir"),
                    "special": item.get("special"),
                    "type": item.get("type"),
                    "options": [value for _, value in item.lists],
                }
                for item in self.of(ResourceKind.FS)
            ],
            "devices": [item.get("match") for item in self.of(ResourceKind.DEVICE)],
        }
        for name in ("bootargs", "pool", "limitpriv", "scheduling-class", "hostid", "fs-allowed"):
            if self.setting(name):
                shown[name.replace("-", "_")] = self.setting(name)
        rest = [item for item in self.resources if item.kind not in _SHOWN]
        if rest:
            shown["resources"] = [
                {
                    "kind": item.kind.value,
                    **{name: str(value) for name, value in item.props},
                    "list": [list(entry) for entry in item.lists],
                }
                for item in rest
            ]
        return shown

    def as_plain(self) -> dict[str, Any]:
        """Return the configuration as JSON with its secrets in it (as Secret), for the sealed intent log."""
        return {
            "globals": [list(item) for item in self.globals],
            "resources": [
                {
                    "kind": item.kind.value,
                    "props": [list(prop) for prop in item.props],
                    "lists": [list(element) for element in item.lists],
                }
                for item in self.resources
            ],
        }

    @classmethod
    def from_plain(cls, data: Mapping[str, Any]) -> ZoneConfig:
        """Read what `as_plain` wrote."""
        return cls(
            globals=tuple((name, value) for name, value in data["globals"]),
            resources=tuple(
                Resource(
                    kind=ResourceKind(item["kind"]),
                    props=tuple((name, value) for name, value in item["props"]),
                    lists=tuple((name, value) for name, value in item["lists"]),
                )
                for item in data["resources"]
            ),
        )


_SHOWN: Final = frozenset({ResourceKind.ATTR, ResourceKind.NET, ResourceKind.FS, ResourceKind.DEVICE})


def _net_json(item: Resource) -> dict[str, Any]:
    names = ("physical", "global-nic", "mac-addr", "vlan-id", "allowed-address", "defrouter", "address")
    shown: dict[str, Any] = {name.replace("-", "_"): item.get(name) for name in names if item.get(name) is not None}
    properties = [value for name, value in item.lists if name == "property"]
    if properties:
        shown["properties"] = properties
    return shown


def _numbered(name: str, stem: str) -> bool:
    rest = name.removeprefix(stem)
    return name.startswith(stem) and (not rest or rest.isdigit())


_DEFAULTS: Final = {"autoboot": "false"}


def _settings(config: ZoneConfig) -> dict[str, str]:
    return {name: value for name, value in config.globals if value and _DEFAULTS.get(name) != value}


def _ordered(resources: tuple[Resource, ...]) -> list[tuple[Any, ...]]:
    return [(item.kind, *_canonical(item)) for item in resources]


def _alike(one: tuple[Resource, ...], other: tuple[Resource, ...], *, in_order: bool) -> bool:
    first, second = [_canonical(item) for item in one], [_canonical(item) for item in other]
    return first == second if in_order else sorted(first) == sorted(second)


def _canonical(item: Resource) -> tuple[Any, ...]:
    return (
        tuple(sorted((name, reveal(value)) for name, value in item.props if reveal(value))),
        tuple(sorted(item.lists)),
    )


def lowest_free(stem: str, taken: Iterable[str], *, limit: int) -> str | None:
    """Return the lowest `stem`N below `limit` that is not taken (the bare stem counts as taken number 0), or None."""
    used = {name if name != stem else f"{stem}0" for name in taken}
    return next((f"{stem}{number}" for number in range(limit) if f"{stem}{number}" not in used), None)
