"""`zoneweaver zones create`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import Group, Parameter

from zoneweaver.cli.changes import Change
from zoneweaver.cli.connection import DEFAULTS, Connection
from zoneweaver.cli.entry import UsageError
from zoneweaver.cli.zone_file import read
from zoneweaver.cli.zone_options import Attributes, CloudInit, existing, nic, volume

STORAGE: Final = Group("Storage", sort_key=20)
NETWORK: Final = Group("Network", sort_key=30)
_ATTRIBUTES: Final = Attributes()
_CLOUD_INIT: Final = CloudInit()


def create(
    name: str,
    /,
    *,
    brand: str | None = None,
    machine: Attributes = _ATTRIBUTES,
    disk: Annotated[tuple[str, ...], Parameter(group=STORAGE)] = (),
    attach: Annotated[tuple[str, ...], Parameter(group=STORAGE)] = (),
    template: Annotated[str | None, Parameter(group=STORAGE)] = None,
    copy: Annotated[bool, Parameter(group=STORAGE)] = False,
    pool: Annotated[str | None, Parameter(group=STORAGE)] = None,
    dataset: Annotated[str | None, Parameter(group=STORAGE)] = None,
    zonepath: Annotated[str | None, Parameter(group=STORAGE)] = None,
    cdrom: Annotated[tuple[str, ...], Parameter(group=STORAGE)] = (),
    nics: Annotated[tuple[str, ...], Parameter(name="--nic", group=NETWORK)] = (),
    cloud_init: CloudInit = _CLOUD_INIT,
    from_file: Path | None = None,
    start: bool = False,
    force: bool = False,
    dry_run: bool = False,
    wait: Annotated[bool, Parameter(name=["--wait", "-w"])] = False,
    output: bool = False,
    agent: Connection = DEFAULTS,
) -> None:
    """Create a zone. When anything fails on the way, the host is left as it was.

    Parameters
    ----------
    name
        Name of the new zone.
    brand
        Brand of the zone (bhyve).
    disk
        A new volume: SIZE[,name=NAME][,pool=POOL][,dataset=DATASET][,sparse=no]. The first is the boot volume, more are
        additional disks; may be repeated. Without any the zone has no disk and boots from CD-ROM or the network.
    attach
        A volume that exists, such as rpool/vms/old/root. It is the boot volume when there is neither --disk nor
        --template, otherwise an additional disk; may be repeated.
    template
        A template to make the boot volume from, such as rpool/templates/debian-12; --disk may make it larger.
    copy
        Copy the template instead of cloning it.
    pool
        Pool of new volumes (the agent's default, rpool).
    dataset
        Dataset under which the zone's own is made (the agent's default, zones).
    zonepath
        Where the zone is installed.
    cdrom
        Path of an ISO image on the host; may be repeated.
    nics
        A network card, such as vnic0@igb0: VNIC@LINK[,vlan=ID][,mac=ADDRESS][,address=ADDRESS/PREFIX][,router=ADDRESS].
        Without @LINK the VNIC must exist; may be repeated.
    from_file
        JSON or YAML file with the API's body; what is given on the command line is added to it.
    start
        Boot the zone when it is created.
    force
        Attach volumes even though another zone names them.
    dry_run
        Only say what would be done.
    wait
        Wait until it is done, and show the stages.
    output
        With --wait: show what the commands print, too.
    """
    body = read(from_file) if from_file else {}
    body = {**body, "name": name, "brand": brand or body.get("brand", "bhyve"), **machine.body()}
    body.update(_disks(body, disk=disk, attach=attach, template=template, copy=copy, pool=pool, dataset=dataset))
    if cdrom:
        body["cdroms"] = [*body.get("cdroms", []), *({"path": path} for path in cdrom)]
    if nics:
        body["nics"] = [*body.get("nics", []), *(nic(text, option="--nic") for text in nics)]
    if settings := cloud_init.body():
        body["cloud_init"] = {**body.get("cloud_init", {}), **settings}
    for key, value in {"zonepath": zonepath, "start_after_create": start or None, "force": force or None}.items():
        if value is not None:
            body[key] = value
    Change(dry_run=dry_run, wait=wait).ask(agent, "POST", "/zones", body, output=output)


def _disks(
    body: dict[str, Any],
    *,
    disk: tuple[str, ...],
    attach: tuple[str, ...],
    template: str | None,
    copy: bool,
    pool: str | None,
    dataset: str | None,
) -> dict[str, Any]:
    """Sort out which volume is booted from and which are further disks."""
    found: dict[str, Any] = {}
    where = {key: value for key, value in {"pool": pool, "dataset": dataset}.items() if value}
    new = [volume(text, option="--disk", pool=pool, dataset=dataset) for text in disk]
    old = [existing(name) for name in attach]
    if copy and template is None and "source" not in body:
        raise UsageError("--copy says how a --template becomes the boot volume: give one")
    if template is not None:
        found["source"] = {
            "type": "template",
            "template_dataset": template,
            "clone_strategy": "copy" if copy else "clone",
        }
        boot: dict[str, Any] | None = {**where, **(new.pop(0) if new else {})}
        if boot:
            boot.pop("create_new", None)
    elif "boot_volume" in body:
        boot = {**body["boot_volume"], **where} if where else None
    elif where and not new:
        raise UsageError("--pool and --dataset say where new volumes go: give --disk or --template")
    elif new:
        boot = new.pop(0)
    else:
        boot = old.pop(0) if old else None
    if boot:
        found["boot_volume"] = boot
    if new or old:
        found["additional_disks"] = [*body.get("additional_disks", []), *new, *old]
    return found
