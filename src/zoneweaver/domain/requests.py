"""What people may ask of a zone: creation and modification, checked in themselves (spec of the fields: docs/reference).

A request is read from the JSON of the wire (`from_json`), which is also what a task's row keeps. Everything here is
about the request alone; whether the host agrees is found out by the operation.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from zoneweaver.domain.attributes import ATTRIBUTES, CLOUD_INIT, Attribute, attribute
from zoneweaver.domain.errors import Invalid
from zoneweaver.domain.names import (
    DatasetName,
    HostPath,
    LinkName,
    MacAddress,
    SnapshotName,
    ZoneName,
    interface_address,
    plain_value,
)
from zoneweaver.domain.secret import Secret, Text
from zoneweaver.domain.sizes import Size
from zoneweaver.domain.zone import Resource, ResourceKind, is_secret_attr

BOOT_SIZE: Final = Size.parse("30G")
"""Size of a new boot volume when none is given."""

DISK_SIZE: Final = Size.parse("50G")
"""Size of a new further volume when none is given."""

RESERVED_VOLUMES: Final = frozenset({"path", "provisioning"})
"""Names below a zone's root that are not for disks: the zonepath and the provisioning dataset."""

BRANDS: Final = ("bhyve",)

LARGEST_DISK_NUMBER: Final = 16
LARGEST_CDROM_NUMBER: Final = 8
MOST_NICS: Final = 16

_COMPONENT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,79}", re.ASCII)


class CloneStrategy(enum.StrEnum):
    """How a volume comes from a template: sharing blocks, or as an independent copy."""

    CLONE = "clone"
    COPY = "copy"


@dataclass(frozen=True, kw_only=True, slots=True)
class NewVolume:
    """A volume to be made: `<pool>/<dataset>/<zone>/<volume_name>`; None where the default decides."""

    pool: str | None = None
    dataset: str | None = None
    volume_name: str | None = None
    size: Size | None = None
    sparse: bool = True
    field: str = "boot_volume"

    def name(self, zone: str, *, pool: str, dataset: str, volume: str) -> DatasetName:
        """Return the dataset that the volume will be, given the defaults."""
        root = DatasetName.parse(f"{self.pool or pool}/{self.dataset or dataset}", field=f"{self.field}.dataset")
        return root.child(zone).child(self.volume_name or volume)


@dataclass(frozen=True, kw_only=True, slots=True)
class ExistingVolume:
    """A volume that is there already and stays whatever becomes of the zone."""

    dataset: DatasetName
    field: str = "boot_volume"


Disk = NewVolume | ExistingVolume


@dataclass(frozen=True, kw_only=True, slots=True)
class Template:
    """Where a boot volume comes from: a snapshot of a template, `@ready` unless another is named."""

    snapshot: SnapshotName
    strategy: CloneStrategy = CloneStrategy.CLONE


@dataclass(frozen=True, kw_only=True, slots=True)
class Nic:
    """A network card: the VNIC, and the link it is made over at boot when the brand shall make it."""

    physical: str
    global_nic: str | None = None
    vlan_id: int | None = None
    mac_addr: MacAddress | None = None
    allowed_address: str | None = None
    defrouter: str | None = None

    def resource(self) -> Resource:
        """Return the net resource of zonecfg(8)."""
        props: list[tuple[str, Text]] = []
        for name, value in (
            ("allowed-address", self.allowed_address),
            ("physical", self.physical),
            ("mac-addr", self.mac_addr),
            ("vlan-id", None if self.vlan_id is None else str(self.vlan_id)),
            ("global-nic", self.global_nic),
            ("defrouter", self.defrouter),
        ):
            if value is not None:
                props.append((name, str(value)))
        return Resource(kind=ResourceKind.NET, props=tuple(props))


@dataclass(frozen=True, kw_only=True, slots=True)
class CreateZone:
    """A zone to be made."""

    name: ZoneName
    brand: str
    attributes: tuple[tuple[str, Text], ...] = ()
    """zonecfg attributes in the order of the document's table, cloud-init's after them."""
    autoboot: bool = False
    zonepath: HostPath | None = None
    boot: Disk | None = None
    template: Template | None = None
    disks: tuple[Disk, ...] = ()
    cdroms: tuple[HostPath, ...] = ()
    nics: tuple[Nic, ...] = ()
    tags: tuple[str, ...] = ()
    notes: str | None = None
    force: bool = False
    start_after_create: bool = False

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> CreateZone:
        """Read and check a creation. Raises Invalid naming the field."""
        if not body.get("name") or not body.get("brand"):
            raise Invalid("Missing required parameters: name and brand", code="missing_parameters")
        name = ZoneName.parse(body["name"])
        brand = body["brand"]
        if brand not in BRANDS:
            raise Invalid(f"brand must be one of: {', '.join(BRANDS)}", field="brand")
        template = _template(body.get("source"))
        boot = body.get("boot_volume")
        boot_disk: Disk | None = None if boot is None else disk(boot, field="boot_volume")
        if template is not None:
            if isinstance(boot_disk, ExistingVolume):
                raise Invalid("source and boot_volume.existing_dataset exclude each other", field="source")
            boot_disk = boot_disk or NewVolume()
        disks = tuple(
            disk(item, field=f"additional_disks[{number}]")
            for number, item in enumerate(body.get("additional_disks") or ())
        )
        _check_volumes([boot_disk, *disks])
        zonepath = body.get("zonepath")
        return cls(
            name=name,
            brand=brand,
            attributes=(*_attributes(body), *_cloud_init(body.get("cloud_init"))),
            autoboot=bool(body.get("autoboot", False)),
            zonepath=None if zonepath is None else HostPath.parse(zonepath, field="zonepath"),
            boot=boot_disk,
            template=template,
            disks=disks,
            cdroms=_images(body.get("cdroms"), field="cdroms"),
            nics=_nics(body.get("nics"), field="nics"),
            tags=tags(body.get("tags")),
            notes=notes(body.get("notes")),
            force=bool(body.get("force", False)),
            start_after_create=bool(body.get("start_after_create", False)),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class ModifyZone:
    """A zone to be changed; what is not named stays."""

    attributes: tuple[tuple[str, Text], ...] = ()
    autoboot: bool | None = None
    add_nics: tuple[Nic, ...] = ()
    remove_nics: tuple[str, ...] = ()
    add_disks: tuple[Disk, ...] = ()
    remove_disks: tuple[str, ...] = ()
    add_cdroms: tuple[HostPath, ...] = ()
    remove_cdroms: tuple[str, ...] = ()
    tags: tuple[str, ...] | None = None
    notes: str | None = None
    provisioning: Mapping[str, Any] | None = None
    force: bool = False

    @property
    def touches_host(self) -> bool:
        """Whether anything but the agent's own memory of the zone changes."""
        return self.autoboot is not None or bool(
            self.attributes
            or self.add_nics
            or self.remove_nics
            or self.add_disks
            or self.remove_disks
            or self.add_cdroms
            or self.remove_cdroms
        )

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> ModifyZone:
        """Read and check a modification. Raises Invalid naming the field."""
        if not any(key != "force" and value is not None for key, value in body.items()):
            raise Invalid("No modification fields specified", code="no_changes")
        add_disks = tuple(
            disk(item, field=f"add_disks[{number}]") for number, item in enumerate(body.get("add_disks") or ())
        )
        _check_volumes(add_disks)
        autoboot = body.get("autoboot")
        asked = cls(
            attributes=(*_attributes(body), *_cloud_init(body.get("cloud_init"))),
            autoboot=None if autoboot is None else bool(autoboot),
            add_nics=_nics(body.get("add_nics"), field="add_nics"),
            remove_nics=_named(body.get("remove_nics"), field="remove_nics"),
            add_disks=add_disks,
            remove_disks=_named(body.get("remove_disks"), field="remove_disks"),
            add_cdroms=_images(body.get("add_cdroms"), field="add_cdroms"),
            remove_cdroms=_named(body.get("remove_cdroms"), field="remove_cdroms"),
            tags=None if body.get("tags") is None else tags(body["tags"]),
            notes=notes(body.get("notes")),
            provisioning=body.get("provisioning"),
            force=bool(body.get("force", False)),
        )
        if not asked.touches_host and asked.tags is None and asked.notes is None and asked.provisioning is None:
            raise Invalid("No modification fields specified", code="no_changes")
        return asked


def disk(body: Mapping[str, Any], *, field: str) -> Disk:
    """Read one disk: an existing dataset, or a new volume. Raises Invalid naming the field."""
    existing = body.get("existing_dataset")
    create_new = body.get("create_new")
    if existing is not None:
        if create_new:
            raise Invalid(f"{field}: create_new and existing_dataset exclude each other", field=field)
        given = [key for key in ("size", "volume_name", "pool", "dataset", "sparse") if body.get(key) is not None]
        if given:
            raise Invalid(f"{field}.{given[0]} is for new volumes only", field=f"{field}.{given[0]}")
        return ExistingVolume(dataset=DatasetName.parse(existing, field=f"{field}.existing_dataset"), field=field)
    if create_new is False:
        raise Invalid(f"{field} needs existing_dataset when create_new is false", field=f"{field}.existing_dataset")
    size, volume_name = body.get("size"), body.get("volume_name")
    pool, dataset = body.get("pool"), body.get("dataset")
    if volume_name is not None and (not _COMPONENT.fullmatch(volume_name) or volume_name in RESERVED_VOLUMES):
        raise Invalid(f"{field}.volume_name cannot be {volume_name[:80]!r}", field=f"{field}.volume_name")
    if pool is not None and "/" in DatasetName.parse(pool, field=f"{field}.pool"):
        raise Invalid(f"{field}.pool must be a pool, not {pool!r}", field=f"{field}.pool")
    if dataset is not None:
        DatasetName.parse(f"p/{dataset}", field=f"{field}.dataset")
    return NewVolume(
        pool=pool,
        dataset=dataset,
        volume_name=volume_name,
        size=None if size is None else Size.parse(size, field=f"{field}.size").rounded_up(),
        sparse=body.get("sparse", True) is not False,
        field=field,
    )


def _check_volumes(disks: Iterable[Disk | None]) -> None:
    seen: set[object] = set()
    for item in disks:
        if item is None:
            continue
        key: object = item.dataset if isinstance(item, ExistingVolume) else (item.pool, item.dataset, item.volume_name)
        if key in seen and not (isinstance(item, NewVolume) and item.volume_name is None):
            raise Invalid(f"{item.field} names a volume that is named before", field=item.field)
        seen.add(key)


def _template(source: Mapping[str, Any] | None) -> Template | None:
    if source is None:
        return None
    if source.get("type", "template") != "template":
        raise Invalid("source.type must be template", field="source.type")
    named = source.get("template_dataset")
    if not named:
        raise Invalid("source.template_dataset is missing", field="source.template_dataset")
    snapshot = named if "@" in named else f"{named}@ready"
    try:
        strategy = CloneStrategy(source.get("clone_strategy", "clone"))
    except ValueError:
        raise Invalid("source.clone_strategy must be clone or copy", field="source.clone_strategy") from None
    return Template(snapshot=SnapshotName.parse(snapshot, field="source.template_dataset"), strategy=strategy)


def _attributes(body: Mapping[str, Any]) -> list[tuple[str, Text]]:
    return [
        (known.attr, _checked(known, body[known.field])) for known in ATTRIBUTES if body.get(known.field) is not None
    ]


def _checked(known: Attribute, value: object, *, prefix: str = "") -> Text:
    """Check a value; what came as a secret, or must be one, stays one."""
    secret = known.secret or isinstance(value, Secret)
    text = attribute(known, value.reveal() if isinstance(value, Secret) else value, prefix=prefix)
    return Secret(text) if secret or is_secret_attr(known.attr, text) else text


def _cloud_init(body: Mapping[str, Any] | None) -> list[tuple[str, Text]]:
    if body is None:
        return []
    values: list[tuple[str, Text]] = []
    for known in CLOUD_INIT:
        value = body.get(known.field)
        if value is not None:
            values.append((known.attr, _checked(known, value, prefix="cloud_init.")))
    if values and "enabled" not in body:
        values.insert(0, ("cloud-init", "on"))
    return values


def _nics(items: Sequence[Mapping[str, Any]] | None, *, field: str) -> tuple[Nic, ...]:
    nics = tuple(_nic(item, field=f"{field}[{number}]") for number, item in enumerate(items or ()))
    names = [nic.physical for nic in nics]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise Invalid(f"{field}[{number}].physical: {name} is named before", field=f"{field}[{number}].physical")
    if len(nics) > MOST_NICS:
        raise Invalid(f"{field}: a zone has at most {MOST_NICS} network cards", field=field)
    return nics


def _nic(item: Mapping[str, Any], *, field: str) -> Nic:
    if not item.get("physical"):
        raise Invalid(f"{field}.physical is missing", field=f"{field}.physical")
    global_nic, vlan_id = item.get("global_nic"), item.get("vlan_id")
    mac, allowed, router = item.get("mac_addr"), item.get("allowed_address"), item.get("defrouter")
    if vlan_id is not None and not 0 <= vlan_id <= 4094:
        raise Invalid(f"{field}.vlan_id must be 1 to 4094, or 0 for none", field=f"{field}.vlan_id")
    if global_nic == "auto" and allowed is None:
        raise Invalid(f"{field}.global_nic can be auto only with allowed_address", field=f"{field}.global_nic")
    if global_nic is not None and global_nic != "auto":
        LinkName.parse(global_nic, field=f"{field}.global_nic")
    if router is not None and allowed is None:
        raise Invalid(f"{field}.defrouter needs allowed_address", field=f"{field}.defrouter")
    if router is not None:
        interface_address(f"{router}/32" if ":" not in str(router) else f"{router}/128", field=f"{field}.defrouter")
    return Nic(
        physical=LinkName.parse(item["physical"], field=f"{field}.physical"),
        global_nic=global_nic,
        vlan_id=vlan_id or None,
        mac_addr=None if mac is None else MacAddress.parse(mac, field=f"{field}.mac_addr"),
        allowed_address=None if allowed is None else interface_address(allowed, field=f"{field}.allowed_address"),
        defrouter=router,
    )


def _images(items: Sequence[Mapping[str, Any]] | None, *, field: str) -> tuple[HostPath, ...]:
    paths: list[HostPath] = []
    for number, item in enumerate(items or ()):
        path = HostPath.parse(item.get("path") or "", field=f"{field}[{number}].path")
        if path in paths:
            raise Invalid(f"{field}[{number}].path: {path} is named before", field=f"{field}[{number}].path")
        plain_value(path, field=f"{field}[{number}].path")
        paths.append(path)
    if len(paths) > LARGEST_CDROM_NUMBER:
        raise Invalid(f"{field}: a zone has at most {LARGEST_CDROM_NUMBER} CD-ROMs", field=field)
    return tuple(paths)


def _named(items: Sequence[str] | None, *, field: str) -> tuple[str, ...]:
    names: list[str] = []
    for number, item in enumerate(items or ()):
        name = plain_value(item, field=f"{field}[{number}]")
        if name in names:
            raise Invalid(f"{field}[{number}]: {name} is named before", field=f"{field}[{number}]")
        names.append(name)
    return tuple(names)


def tags(items: Sequence[str] | None) -> tuple[str, ...]:
    """Read tags: at most 64, each of 1 to 100 printable characters; doubles are dropped. Raises Invalid."""
    found: list[str] = []
    for number, item in enumerate(items or ()):
        if not isinstance(item, str) or not 0 < len(item) <= 100 or not item.isprintable():
            raise Invalid(f"tags[{number}] must hold 1 to 100 printable characters", field=f"tags[{number}]")
        if item not in found:
            found.append(item)
    if len(found) > 64:
        raise Invalid("tags: at most 64", field="tags")
    return tuple(found)


def notes(text: str | None) -> str | None:
    """Read notes: any text of at most 64 KiB without NUL. Raises Invalid."""
    if text is None:
        return None
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise Invalid("notes is not valid Unicode", field="notes") from None
    if size > 65536 or "\x00" in text:
        raise Invalid("notes must hold at most 64 KiB and no NUL", field="notes")
    return text
