"""What a property of a dataset says, for people or for programs, and where it comes from."""

from __future__ import annotations

import time

from labhost.zfs import properties, sizes
from labhost.zfs.space import Space

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.zfs.datasets import Dataset, Datasets

NOTHING = ("-", "-")


class Values:
    """Answers for the properties of all datasets at one moment; `exact` for parsable numbers."""

    __slots__ = ("datasets", "exact", "space")

    def __init__(self, datasets: Datasets, *, exact: bool = False) -> None:
        self.datasets = datasets
        self.exact = exact
        self.space = Space(datasets)

    def kind(self, name: str) -> str:
        """Return filesystem, volume or snapshot."""
        return "snapshot" if "@" in name else str(self.datasets.all[name]["type"])

    def show(self, name: str, prop: str) -> tuple[str, str]:
        """Return the text and the source of a property; `-` twice where it does not apply or is not set."""
        if prop == "name":
            return name, "-"
        if properties.is_user(prop) and prop not in properties.BY_NAME:
            return self.find(name, prop) or NOTHING
        row = properties.row(prop)
        if self.kind(name)[0] not in row[3]:
            return NOTHING
        if row[2] == properties.READ or (prop == "volsize" and "@" in name):
            text = self._statistic(name, prop, row[6])
            if text is None:
                return NOTHING
            return text, "default" if row[4] else "-"
        if prop == "mountpoint":
            return self._mountpoint(name)
        found = self.find(name, prop)
        if found is None:
            found = row[4], "default"
        text, source = found
        if row[2] == properties.ONCE and source != "default":
            source = "-"
        if prop == "mlslabel" and source == "default":
            return text, source
        return self._form(prop, text, row[6]), source

    def received(self, name: str, prop: str) -> str:
        """Return the value that came with a stream, `-` if none did."""
        dataset = self.datasets.get(name) or {}
        value = dataset.get("received", {}).get(prop)
        if value is None:
            return "-"
        return self._form(prop, value, properties.BY_NAME[prop][6]) if prop in properties.BY_NAME else value

    def find(self, name: str, prop: str) -> tuple[str, str] | None:
        """Return a set property's stored text and its source, looking upwards if it is inherited."""
        holder = name
        dataset = self.datasets.get(name)
        while dataset is not None:
            here = _own(dataset, prop)
            if here is not None:
                text, source = here
                return text, source if holder == name else f"inherited from {holder}"
            if not properties.inherits(prop):
                return None
            holder = holder.partition("@")[0] if "@" in holder else holder.rpartition("/")[0]
            dataset = self.datasets.all.get(holder)
        return None

    def user(self, name: str) -> list[str]:
        """Return the names of all user properties that a dataset has or inherits, sorted."""
        found: set[str] = set()
        own = [name.partition("@")[0]] if "@" in name else []
        for holder in [name, *own, *self.datasets.lineage(name.partition("@")[0])]:
            dataset = self.datasets.get(holder) or {}
            for place in ("local", "received"):
                found.update(prop for prop in dataset.get(place, ()) if ":" in prop)
        return sorted(prop for prop in found if self.find(name, prop) is not None)

    def number(self, name: str, prop: str) -> int | None:
        """Return a statistic of a dataset in bytes, None where there is none."""
        dataset = self.datasets.open(name)
        space = self.space
        snapshot = "@" in name
        if prop == "used":
            return max(int(dataset["refer"]) - self._live(name), 0) if snapshot else space.used(name)
        if prop == "available":
            return space.available(name)
        if prop in ("referenced", "logicalreferenced"):
            whole = space.referenced(dataset)
            return whole if prop == "referenced" else whole // 2
        if prop == "logicalused":
            return (space.used(name) - space.by_refreservation(dataset)) // 2
        if prop == "usedbysnapshots":
            return space.by_snapshots(dataset)
        if prop == "usedbydataset":
            return space.by_dataset(dataset)
        if prop == "usedbychildren":
            return space.by_children(name)
        if prop == "usedbyrefreservation":
            return space.by_refreservation(dataset)
        if prop == "written":
            return int(dataset["refer"]) if snapshot else space.unique(dataset)
        if prop == "volsize" and "volsize" in dataset:
            return int(dataset["volsize"])
        return None

    def _live(self, name: str) -> int:
        return self.space.referenced(self.datasets.all[name.partition("@")[0]])

    def _statistic(self, name: str, prop: str, form: str) -> str | None:
        dataset = self.datasets.open(name)
        if form == "size":
            number = self.number(name, prop)
            return None if number is None else self._form(prop, str(number), form)
        if form == "ratio":
            # Exact or not, the x stays: illumos prints the ratio one way only.
            return "1.00x"
        if prop == "type":
            return self.kind(name)
        if prop == "creation":
            return str(dataset["created"]) if self.exact else date(dataset["created"])
        if prop == "createtxg":
            return str(dataset["txg"])
        if prop == "guid":
            return str(dataset["guid"])
        if prop == "objsetid":
            return str(dataset["objset"])
        if prop == "mounted":
            return "yes" if self.datasets.is_mounted(name) else "no"
        if prop == "origin":
            return dataset.get("origin")
        if prop == "clones":
            return ",".join(self.datasets.clones(name))
        if prop == "defer_destroy":
            return "on" if dataset.get("deferred") else "off"
        if prop == "userrefs":
            return str(len(dataset.get("holds", ())))
        if prop in ("filesystem_count", "snapshot_count"):
            return self._form(prop, properties.row(prop)[4], form)
        return None

    def _mountpoint(self, name: str) -> tuple[str, str]:
        found = self.find(name, "mountpoint")
        return self.datasets.mountpoint(name), found[1] if found else "default"

    def _form(self, prop: str, text: str, form: str) -> str:
        if self.exact or not text.isdecimal():
            return text
        if form == "size":
            if text == "0" and prop in ("quota", "refquota", "reservation", "refreservation"):
                return "none"
            return sizes.show(int(text))
        if form == "count" and text == properties.row("snapshot_limit")[4]:
            return "none"
        return text


def _own(dataset: Dataset, prop: str) -> tuple[str, str] | None:
    """Return what a dataset itself says about a property: set here, or come with a stream."""
    value = dataset.get("local", {}).get(prop)
    if value is not None:
        return value, "local"
    value = dataset.get("received", {}).get(prop)
    if value is not None and prop not in dataset.get("masked", ()):
        return value, "received"
    return None


def date(seconds: int) -> str:
    """Return a time as zfs(8) shows it, in local time: `Tue Nov  4 10:15 2025`."""
    moment = time.localtime(seconds)
    return (
        f"{time.strftime('%a %b', moment)} {moment.tm_mday:2d} {moment.tm_hour:2d}:{moment.tm_min:02d} {moment.tm_year}"
    )
