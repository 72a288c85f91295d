"""What a data link shall be: `Datalink`, read from a request by `wanted`, which names the field that is wrong.

Links of five kinds can be made: etherstub, vnic, vlan, bridge and aggr; `NOUNS` says how people call them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from zoneweaver.domain.errors import Invalid
from zoneweaver.domain.names import LinkName, MacAddress
from zoneweaver.domain.network import BridgeName, LinkClass, vlan_id

NOUNS: Final[Mapping[LinkClass, str]] = {
    LinkClass.ETHERSTUB: "etherstub",
    LinkClass.VNIC: "VNIC",
    LinkClass.VLAN: "VLAN",
    LinkClass.BRIDGE: "bridge",
    LinkClass.AGGR: "aggregation",
}
"""The kinds that can be made and deleted, as they are spoken of."""

POLICIES: Final = ("L2", "L3", "L4", "L2,L3", "L2,L4", "L3,L4", "L2,L3,L4")
"""How an aggregation spreads packets: by addresses of which layers."""

PRIORITY_STEP: Final = 4096
"""A bridge's priority is a multiple of this."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Datalink:
    """A link with everything that makes it what it is; what means nothing for its kind is left at its default.

    `over` names the links below (of a bridge: its members), `vid` 0 is none, `mac` None is any.
    """

    kind: LinkClass
    name: str
    over: tuple[str, ...] = ()
    vid: int = 0
    mac: str | None = None
    policy: str = "L4"
    lacp: str = "off"
    timer: str = "short"
    protection: str = "stp"
    priority: int = 32768
    force: bool = False
    """Of a VLAN: also over a card whose driver cannot take larger frames."""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Datalink:
        """Read what `as_json` wrote."""
        return cls(**{**data, "kind": LinkClass(data["kind"]), "over": tuple(data["over"])})

    def as_json(self) -> dict[str, Any]:
        """Return all of it as plain JSON."""
        return {**asdict(self), "kind": self.kind.value, "over": list(self.over)}

    @property
    def noun(self) -> str:
        """What the link is and how it is called: `VNIC web0`."""
        return f"{NOUNS[self.kind]} {self.name}"

    @property
    def link(self) -> str:
        """The name that the link has among the links; that of a bridge ends in 0."""
        return f"{self.name}0" if self.kind is LinkClass.BRIDGE else self.name

    def same_as(self, other: Datalink) -> bool:
        """Say whether this is what `other` describes; a MAC address that is not known on both sides does not count."""
        return self.difference(other) is None

    def difference(self, other: Datalink) -> str | None:
        """Say in words what this has that `other` has not; None when they are alike."""
        if self.kind is not other.kind:
            return f"{self.name} is of kind {self.kind}, not {other.kind}"
        if sorted(self.over) != sorted(other.over):
            return f"{self.noun} is over {_listed(self.over)}, not {_listed(other.over)}"
        for field, what in (
            ("vid", "VLAN"),
            ("policy", "policy"),
            ("lacp", "LACP mode"),
            ("protection", "protection"),
            ("priority", "priority"),
        ):
            mine, theirs = getattr(self, field), getattr(other, field)
            if mine != theirs:
                return f"{self.noun} has {what} {mine}, not {theirs}"
        if None not in {self.mac, other.mac} and self.mac != other.mac:
            return f"{self.noun} has the address {self.mac}, not {other.mac}"
        return None


def wanted(kind: LinkClass, body: Mapping[str, Any]) -> Datalink:
    """Read what a request says of a link of this kind. Raises Invalid naming the field."""
    return _READERS[kind](body)


def check_name(kind: LinkClass, name: str, *, field: str = "name") -> str:
    """Check the name of a link of this kind. Raises Invalid naming `field`."""
    return (BridgeName if kind is LinkClass.BRIDGE else LinkName).parse(name, field=field)


def own_mac(task_id: str, link: str, taken: Collection[str]) -> str:
    """Return the MAC address that a task gives its VNIC: always the same one, and by it the VNIC is known again.

    In the range that the host takes its random ones from; one that is taken is passed over.
    """
    for number in range(256):
        digest = hashlib.sha256(f"{task_id} {link} {number}".encode()).hexdigest()
        mac = f"02:08:20:{digest[0:2]}:{digest[2:4]}:{digest[4:6]}"
        if mac not in taken:
            return mac
    raise Invalid("no MAC address is free", field="mac_address")


def _etherstub(body: Mapping[str, Any]) -> Datalink:
    return Datalink(kind=LinkClass.ETHERSTUB, name=_name(body))


def _vnic(body: Mapping[str, Any]) -> Datalink:
    mac = body.get("mac_address")
    return Datalink(
        kind=LinkClass.VNIC,
        name=_name(body),
        over=(LinkName.parse(body.get("link") or "", field="link"),),
        vid=0 if body.get("vlan_id") is None else vlan_id(body["vlan_id"], field="vlan_id"),
        mac=None if mac in {None, "auto", "random"} else MacAddress.parse(str(mac), field="mac_address"),
    )


def _vlan(body: Mapping[str, Any]) -> Datalink:
    over = LinkName.parse(body.get("link") or "", field="link")
    vid = vlan_id(body.get("vid"))
    return Datalink(
        kind=LinkClass.VLAN,
        name=_vlan_name(over, vid) if body.get("name") is None else _name(body),
        over=(over,),
        vid=vid,
        force=bool(body.get("force")),
    )


def _vlan_name(over: str, vid: int) -> str:
    """Return the name that dladm(8) itself would give: `igb0` with VLAN 7 is `igb7000`."""
    base = over.rstrip("0123456789")
    return LinkName.parse(f"{base}{vid * 1000 + int(over[len(base) :])}", field="name")


def _bridge(body: Mapping[str, Any]) -> Datalink:
    priority = body.get("priority", 32768)
    if not isinstance(priority, int) or not 0 <= priority <= 61440 or priority % PRIORITY_STEP:
        raise Invalid(f"priority must be a multiple of {PRIORITY_STEP} up to 61440, not {priority}", field="priority")
    return Datalink(
        kind=LinkClass.BRIDGE,
        name=BridgeName.parse(body.get("name") or ""),
        over=_links(body.get("links") or ()),
        protection=_one_of(body, "protection", ("stp", "trill")),
        priority=priority,
    )


def _aggregation(body: Mapping[str, Any]) -> Datalink:
    over = _links(body.get("links") or ())
    if not over:
        raise Invalid("links must name at least one link", field="links")
    policy = re.sub(r"(?<=\d),?(?=L)", ",", str(body.get("policy") or "L4"))
    if policy not in POLICIES:
        raise Invalid(f"policy must be one of {', '.join(POLICIES)}", field="policy")
    return Datalink(
        kind=LinkClass.AGGR,
        name=_name(body),
        over=over,
        policy=policy,
        lacp=_one_of(body, "lacp_mode", ("off", "active", "passive")),
        timer=_one_of(body, "lacp_timer", ("short", "long")),
    )


_READERS: Final[Mapping[LinkClass, Callable[[Mapping[str, Any]], Datalink]]] = {
    LinkClass.ETHERSTUB: _etherstub,
    LinkClass.VNIC: _vnic,
    LinkClass.VLAN: _vlan,
    LinkClass.BRIDGE: _bridge,
    LinkClass.AGGR: _aggregation,
}


def _name(body: Mapping[str, Any]) -> str:
    return LinkName.parse(body.get("name") or "", field="name")


def _links(names: Sequence[str]) -> tuple[str, ...]:
    found: list[str] = []
    for number, name in enumerate(names):
        field = f"links[{number}]"
        LinkName.parse(name, field=field)
        if name in found:
            raise Invalid(f"{field} is named twice: {name}", field=field)
        found.append(name)
    return tuple(found)


def _one_of(body: Mapping[str, Any], field: str, words: Sequence[str]) -> str:
    word = str(body.get(field) or words[0])
    if word not in words:
        raise Invalid(f"{field} must be one of {', '.join(words)}, not {word[:80]!r}", field=field)
    return word


def _listed(links: Sequence[str]) -> str:
    return ", ".join(links) or "nothing"
