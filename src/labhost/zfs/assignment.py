"""Properties given to datasets and taken back, with what follows from them."""

from __future__ import annotations

import os

from labhost.zfs import contents, names, properties, sizes
from labhost.zfs.datasets import VOLBLOCKSIZE
from labhost.zfs.errors import ZfsError
from labhost.zfs.space import Space, reservation_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from labhost.zfs.datasets import Dataset, Datasets


def assign(datasets: Datasets, name: str, words: dict[str, str]) -> None:
    """Set properties of one dataset or snapshot, all of them or none."""
    action = f"cannot set property for '{name}'"
    dataset = datasets.open(name)
    kind = "snapshot" if "@" in name else dataset["type"]
    accepted: dict[str, str] = {}
    for word, text in words.items():
        try:
            prop, value = properties.accept(word, text, kind)
        except ZfsError as reason:
            raise ZfsError(f"{action}: {reason.text}") from None
        accepted[prop] = value
    _check_space(datasets, name, accepted, action)
    for prop, value in accepted.items():
        _apply(datasets, name, dataset, prop, value)
    datasets.advance()


def _check_space(datasets: Datasets, name: str, accepted: dict[str, str], action: str) -> None:
    """Refuse sizes that are no whole blocks or that the pool cannot promise."""
    if not any(prop in accepted for prop in ("volsize", "reservation", "refreservation", "quota", "refquota")):
        return
    dataset = datasets.all[name]
    space = Space(datasets)
    wanted = dict(accepted)
    if "volsize" in wanted:
        block = int(dataset["local"].get("volblocksize", VOLBLOCKSIZE))
        if int(wanted["volsize"]) % block:
            raise ZfsError(f"{action}: 'volsize' must be a multiple of volume block size ({sizes.show(block)})")
        following = _following_reservation(dataset, int(wanted["volsize"]))
        if following is not None:
            wanted.setdefault("refreservation", str(following))
    above = names.parent_of(name)
    room = space.available(above) if above else space.available(name)
    for prop in ("reservation", "refreservation"):
        if prop in wanted:
            more = int(wanted[prop]) - int(dataset["local"].get(prop, 0))
            if prop == "reservation":
                more = int(wanted[prop]) - max(space.used(name), int(dataset["local"].get(prop, 0)))
            if more > room:
                raise ZfsError(f"{action}: size is greater than available space")
            volsize = int(wanted.get("volsize", dataset["local"].get("volsize", 0)))
            if (
                prop == "refreservation"
                and prop in accepted
                and volsize
                and int(wanted[prop])
                > reservation_for(volsize, int(dataset["local"].get("volblocksize", VOLBLOCKSIZE)))
            ):
                raise ZfsError(f"{action}: 'refreservation' is greater than current volume size")
    for prop in ("quota", "refquota"):
        if 0 < int(wanted.get(prop, 0)) < space.used(name):
            raise ZfsError(f"{action}: size is less than current used or reserved space")


def _following_reservation(dataset: Dataset, volsize: int) -> int | None:
    """Return the refreservation that follows a new volsize: only one that matched the old size follows."""
    local = dataset["local"]
    block = int(local.get("volblocksize", VOLBLOCKSIZE))
    kept = int(local.get("refreservation", 0))
    old = int(local["volsize"])
    if kept and kept in (old, reservation_for(old, block)):
        return reservation_for(volsize, block)
    return None


def _apply(datasets: Datasets, name: str, dataset: Dataset, prop: str, value: str) -> None:
    local = dataset["local"]
    if prop == "volsize":
        following = _following_reservation(dataset, int(value))
        if local["volsize"] != value:
            try:
                contents.resize_volume(datasets.world, dataset["objset"], int(value))
            except OSError as problem:
                raise ZfsError(f"cannot set property for '{name}': {os.strerror(problem.errno or 0).lower()}") from None
        if following is not None:
            local["refreservation"] = str(following)
    if prop in ("mountpoint", "canmount"):
        _remount(datasets, name, lambda: local.__setitem__(prop, value))
    else:
        local[prop] = value


def _remount(datasets: Datasets, name: str, change: Callable[[], None]) -> None:
    """Make a change that may move filesystems, and let their files follow."""
    whole = [one for one in [name, *datasets.below(name)] if datasets.all[one]["type"] == "filesystem"]
    before = {one: datasets.folder(one) for one in whole}
    elsewhere = datasets.folders_below(name)
    busy = datasets.busy()
    for one in whole:
        if one in busy:
            raise ZfsError(f"cannot unmount '{datasets.mountpoint(one)}': Device busy")
    change()
    for one in whole:
        old, reachable = before[one], datasets.mountpoint(one).startswith("/")
        if old is None:
            datasets.mount(one)
        elif not reachable or datasets.all[one]["local"].get("canmount") == "off":
            datasets.put_away(one, old, {folder for folder in [*before.values(), *elsewhere] if folder} - {old})
        else:
            datasets.move_folder(old, datasets.folder(one))


def inherit(datasets: Datasets, name: str, prop: str, *, received: bool) -> None:
    """Drop a dataset's own value of a property; one that was received shows again only if `received`."""
    dataset = datasets.open(name)
    local = dataset.setdefault("local", {})
    if prop in ("volsize", "volblocksize"):
        return

    def change() -> None:
        local.pop(prop, None)
        masked = [other for other in dataset.get("masked", ()) if other != prop]
        if not received and prop in dataset.get("received", {}):
            masked.append(prop)
        dataset.pop("masked", None)
        if masked:
            dataset["masked"] = masked

    if prop == "mountpoint" and "@" not in name and dataset["type"] == "filesystem":
        _remount(datasets, name, change)
    else:
        change()
    datasets.advance()
