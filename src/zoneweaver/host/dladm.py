"""dladm(8): data links, and the virtual cards and switches that we make.

Offers `show_links`, `find_link`, `show_vnics`, `find_vnic`; `create_` and `delete_` of vnic and etherstub; and what a
refusal meant: `said_exists`, `said_missing`, `said_busy`. The other kinds of links are in `dladm_kinds`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeVar

from zoneweaver.domain.errors import CommandFailed, Invalid, Unparseable
from zoneweaver.domain.names import MacAddress
from zoneweaver.domain.network import LinkClass
from zoneweaver.host.command import CHANGE_SECONDS, Command, Completed, Query
from zoneweaver.host.parsable import rows


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """A data link; `state` is up, down or unknown, `mtu` in bytes, `over` the links below it."""

    link: str
    kind: LinkClass
    mtu: int
    state: str
    over: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Vnic:
    """A virtual card; `zone` is the running zone that it is lent to, `mac` has two digits a byte."""

    link: str
    over: str
    mac: str
    vid: int
    zone: str | None = None


def show_links() -> Query[tuple[Link, ...]]:
    """Ask for every link. Raises Unparseable."""
    return Query(command=Command(argv=("dladm", "show-link", "-p", "-o", ",".join(_LINK))), parse=_read_links)


def find_link(link: str) -> Query[Link | None]:
    """Ask for one link; None when it does not exist. Raises CommandFailed and Unparseable."""
    argv = ("dladm", "show-link", "-p", "-o", ",".join(_LINK), link)
    return Query(command=Command(argv=argv, ok=_FOUND_OR_NOT), parse=_read_link)


def show_vnics() -> Query[tuple[Vnic, ...]]:
    """Ask for every VNIC, those lent to zones too. Raises Unparseable."""
    return Query(command=Command(argv=("dladm", "show-vnic", "-p", "-o", ",".join(_VNIC))), parse=_read_vnics)


def find_vnic(link: str) -> Query[Vnic | None]:
    """Ask for one VNIC; None when it does not exist. Raises CommandFailed and Unparseable."""
    argv = ("dladm", "show-vnic", "-p", "-o", ",".join(_VNIC), link)
    return Query(command=Command(argv=argv, ok=_FOUND_OR_NOT), parse=_read_vnic)


def create_vnic(link: str, *, over: str, mac: str | None = None, vid: int | None = None) -> Command:
    """Make a VNIC that stays over reboots; without `mac` it gets a random one. `vid` 0 means none."""
    address = ("-m", mac) if mac else ()
    vlan = ("-v", str(vid)) if vid else ()
    return change("create-vnic", "-l", over, *address, *vlan, link)


def delete_vnic(link: str) -> Command:
    """Delete a VNIC; nobody may be using it."""
    return change("delete-vnic", link)


def create_etherstub(link: str) -> Command:
    """Make a virtual switch that stays over reboots."""
    return change("create-etherstub", link)


def delete_etherstub(link: str) -> Command:
    """Delete a virtual switch; no VNIC may be left on it."""
    return change("delete-etherstub", link)


def said_exists(stderr: str) -> bool:
    """Say whether the name was taken, so that nothing was made."""
    return "object already exists" in stderr


def said_missing(stderr: str) -> bool:
    """Say whether the link did not exist."""
    return any(text in stderr for text in ("object not found", "invalid link name", "invalid bridge name"))


def said_busy(stderr: str) -> bool:
    """Say whether the link is in use: by a zone, by the network stack, or by VNICs over it."""
    return "link busy" in stderr


def change(*words: str) -> Command:
    """Return a command of dladm that changes something."""
    return Command(argv=("dladm", *words), changes=True, timeout=CHANGE_SECONDS)


_LINK: Final = ("LINK", "CLASS", "MTU", "STATE", "OVER")
_VNIC: Final = ("LINK", "OVER", "MACADDRESS", "VID", "ZONE")
_FOUND_OR_NOT: Final = frozenset({0, 1})


def _read_links(completed: Completed) -> tuple[Link, ...]:
    found = []
    for row in rows(completed, _LINK):
        try:
            link = Link(
                link=row["LINK"],
                kind=LinkClass(row["CLASS"]),
                mtu=int(row["MTU"]),
                state=row["STATE"],
                over=tuple(row["OVER"].split()),
            )
        except ValueError as error:
            raise _unexpected(completed, row["LINK"], error) from error
        found.append(link)
    return tuple(found)


def _read_vnics(completed: Completed) -> tuple[Vnic, ...]:
    found = []
    for row in rows(completed, _VNIC):
        try:
            vnic = Vnic(
                link=row["LINK"],
                over=row["OVER"],
                mac=MacAddress.parse(row["MACADDRESS"]),
                vid=int(row["VID"] or 0),
                zone=row["ZONE"] if row["ZONE"] not in {"", "--"} else None,
            )
        except (ValueError, Invalid) as error:
            raise _unexpected(completed, row["LINK"], error) from error
        found.append(vnic)
    return tuple(found)


def _read_link(completed: Completed) -> Link | None:
    return None if _is_missing(completed) else _only(completed, _read_links(completed))


def _read_vnic(completed: Completed) -> Vnic | None:
    return None if _is_missing(completed) else _only(completed, _read_vnics(completed))


def _is_missing(completed: Completed) -> bool:
    if completed.exit_status == 0:
        return False
    if said_missing(completed.stderr):
        return True
    raise CommandFailed(argv=completed.argv, exit_status=completed.exit_status, stderr=completed.stderr)


L = TypeVar("L", Link, Vnic)


def _only(completed: Completed, found: tuple[L, ...]) -> L:
    if len(found) != 1:
        raise Unparseable(argv=completed.argv, text=completed.stdout, why=f"{len(found)} lines about one link")
    return found[0]


def _unexpected(completed: Completed, link: str, error: Exception) -> Unparseable:
    return Unparseable(argv=completed.argv, text=completed.stdout, why=f"link {link!r}: {error}")
