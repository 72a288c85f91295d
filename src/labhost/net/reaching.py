"""Which address a guest has in the host's networks: the one it was told, or was lent, or answers at."""

from __future__ import annotations

import os

from labhost.guests import kinds
from labhost.net import addresses, real_plan
from labhost.net.iproute import ip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from labhost.world import World

LEASES = "/var/db/dhcpd.leases"
DISCARD = 9
MOST = 1024  # addresses of a network in which a guest is looked for
PAUSE = 0.3  # seconds that they have to answer before the next knock
LIMIT = 3.0  # seconds until who has not answered is not there


class OutOfReachError(ValueError):
    """The guest cannot be reached; the words say why."""


def address(world: World, zone: str) -> str:
    """Return the address of a running zone's guest. Raises OutOfReachError."""
    from labhost.zones import configurations, states

    state = states.state(world, zone)
    if state is None or zone == "global":
        raise OutOfReachError(f"there is no zone {zone}")
    if state != "running":
        raise OutOfReachError(f"zone {zone} is {state}, not running")
    if not kinds.are_real(world):
        raise OutOfReachError(f"the guests of this lab are {world.setting('guest', 'none')}: they have no network")
    if not os.path.exists(real_plan.place(world)):
        raise OutOfReachError("the networks of this lab are not there: `labhost up` makes them")
    nets = list(configurations.load_snapshot(world, zone).of("net"))
    told = [net.get("allowed-address").partition("/")[0] for net in nets if net.get("allowed-address")]
    if told:
        return told[0]
    links = world.read("links").get("links", {})
    macs = [real_plan.padded(links[net.get("physical")]["mac"]) for net in nets if net.get("physical") in links]
    found = next((each for mac in macs for each in _lent(world, mac)), "") or _heard(world, set(macs))
    if not found:
        raise OutOfReachError(f"no address of zone {zone} is known, and none in the host's own networks answers for it")
    return found


def _lent(world: World, mac: str) -> Iterator[str]:
    """Yield the addresses that the DHCP server has lent to a card, the newest first."""
    try:
        with open(world.host(LEASES), encoding="utf-8", errors="replace") as file:
            leases = file.read().split("\nlease ")[1:]
    except OSError:
        return
    for lease in reversed(leases):
        if f"hardware ethernet {mac};" in lease and "binding state active" in lease:
            yield lease.split()[0]


def _heard(world: World, macs: set[str]) -> str:
    """Knock at every address of the host's networks and return the one at which one of the cards opens."""
    import time

    if not macs:
        return ""
    deadline = time.monotonic() + LIMIT
    while True:
        for each in _neighbours(world):
            if each.get("lladdr") in macs and ":" not in each["dst"]:
                return str(each["dst"])
        if time.monotonic() > deadline:
            return ""
        _knock(world)
        time.sleep(PAUSE)


def _neighbours(world: World) -> list[dict[str, str]]:
    from json import loads

    return loads(ip("-n", real_plan.namespace(world), "-j", "neigh", "show") or "[]")  # type: ignore[no-any-return]


def _knock(world: World) -> None:
    from labhost.guests import syscalls
    from labhost.guests.aside import aside

    state = addresses.load(world)
    networks = {
        addresses.network(facts["addr"])
        for facts in state["addresses"].values() if facts["up"] and "." in facts["addr"]
    }  # fmt: skip

    def act() -> str:
        from socket import AF_INET, SOCK_DGRAM, inet_ntoa, socket

        syscalls.join(real_plan.place(world), syscalls.NEW_NETWORK)
        for first, bits in networks:
            if 1 << (32 - bits) > MOST:
                continue
            for number in range(first + 1, first + (1 << (32 - bits)) - 1):
                # What waits for an answer fills its socket: each has its own, and nobody waits for room.
                with socket(AF_INET, SOCK_DGRAM) as line:
                    line.setblocking(False)
                    try:
                        line.sendto(b"", (inet_ntoa(number.to_bytes(4, "big")), DISCARD))
                    except OSError:
                        continue
        return ""

    aside(act)
