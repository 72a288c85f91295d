"""`zoneweaver zones modify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import Parameter

from zoneweaver.cli.changes import Change
from zoneweaver.cli.connection import DEFAULTS, Connection
from zoneweaver.cli.zone_create import NETWORK, STORAGE
from zoneweaver.cli.zone_file import read
from zoneweaver.cli.zone_options import Attributes, CloudInit, existing, nic, volume
from zoneweaver.client import zone_path

_ATTRIBUTES: Final = Attributes()
_CLOUD_INIT: Final = CloudInit()
Storage = Annotated[tuple[str, ...], Parameter(group=STORAGE)]
Network = Annotated[tuple[str, ...], Parameter(group=NETWORK)]


def modify(
    name: str,
    /,
    *,
    machine: Attributes = _ATTRIBUTES,
    add_disk: Storage = (),
    attach: Storage = (),
    remove_disk: Storage = (),
    pool: Annotated[str | None, Parameter(group=STORAGE)] = None,
    dataset: Annotated[str | None, Parameter(group=STORAGE)] = None,
    add_cdrom: Storage = (),
    remove_cdrom: Storage = (),
    add_nic: Network = (),
    remove_nic: Network = (),
    cloud_init: CloudInit = _CLOUD_INIT,
    provisioning: Path | None = None,
    from_file: Path | None = None,
    force: bool = False,
    dry_run: bool = False,
    wait: Annotated[bool, Parameter(name=["--wait", "-w"])] = False,
    agent: Connection = DEFAULTS,
) -> None:
    """Change a zone. A running zone goes on as it is, and is changed when it boots next.

    Parameters
    ----------
    name
        The zone.
    add_disk
        A new volume: SIZE[,name=NAME][,pool=POOL][,dataset=DATASET][,sparse=no]; may be repeated.
    attach
        A volume that exists, to be added as a disk; may be repeated.
    remove_disk
        A disk to be taken out, such as disk0; its data is kept. May be repeated.
    pool
        Pool of new volumes (the agent's default, rpool).
    dataset
        Dataset under which the zone's own lies (the agent's default, zones).
    add_cdrom
        Path of an ISO image on the host; may be repeated.
    remove_cdrom
        A CD-ROM to be taken out, such as cdrom or cdrom1; may be repeated.
    add_nic
        A network card: VNIC@LINK[,vlan=ID][,mac=ADDRESS][,address=ADDRESS/PREFIX][,router=ADDRESS]; may be
        repeated.
    remove_nic
        The VNIC of a card to be taken out, such as vnic0; may be repeated.
    provisioning
        JSON or YAML file with the provisioning configuration.
    from_file
        JSON or YAML file with the API's body; what is given on the command line is added to it.
    force
        Attach volumes even though another zone names them.
    dry_run
        Only say what would be done.
    wait
        Wait until it is done.
    """
    body = read(from_file) if from_file else {}
    body.update(machine.body())
    lists: dict[str, list[Any]] = {
        "add_disks": [
            *(volume(text, option="--add-disk", pool=pool, dataset=dataset) for text in add_disk),
            *(existing(text) for text in attach),
        ],
        "remove_disks": list(remove_disk),
        "add_cdroms": [{"path": path} for path in add_cdrom],
        "remove_cdroms": list(remove_cdrom),
        "add_nics": [nic(text, option="--add-nic") for text in add_nic],
        "remove_nics": list(remove_nic),
    }
    for key, values in lists.items():
        if values:
            body[key] = [*body.get(key, []), *values]
    if settings := cloud_init.body():
        body["cloud_init"] = {**body.get("cloud_init", {}), **settings}
    if provisioning is not None:
        body["provisioning"] = read(provisioning)
    if force:
        body["force"] = True
    Change(dry_run=dry_run, wait=wait).ask(agent, "PUT", zone_path(name), body)
