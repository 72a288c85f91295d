"""The lab's namespace and the outside: the filter in it, and the one cable to the machine it is on.

The machine reaches the networks that the host has an address in, and nothing else is joined: a veth pair with a
link-local address at each end, a route for each of those networks, and in the namespace the host's own address in
place of the machine's. No guest gets out to the machine or beyond.
"""

from __future__ import annotations

import os

from labhost import machine
from labhost.net import real_plan
from labhost.net.iproute import NetworkError, ip, ip_try, run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.net.real_plan import Plan
    from labhost.world import World

CABLE = "machine-0"  # its end in the namespace: no link can have such a name
_MARK = "0x1ab"
_PROTOCOLS = {"tcp/udp": "{ tcp, udp }"}


def note(world: World, text: str) -> None:
    """Write down what could not be made real."""
    with open(f"{world.path}/run/network.log", "a", encoding="utf-8") as file:
        file.write(text + "\n")


def filter_(world: World, wanted: Plan) -> None:
    """Let packets pass between the interfaces that forward, translated as the rules say."""
    os.makedirs(f"{world.path}/run", exist_ok=True)
    if machine.find("nft") is None:
        note(world, "there is no nft: no address is translated, no packet forwarded")
        return
    script = _script(wanted)
    shell = "echo 1 >/proc/sys/net/ipv4/ip_forward && exec nft -f -"
    try:
        run("ip", "netns", "exec", real_plan.namespace(world), "sh", "-c", shell, said=script)
    except NetworkError as problem:
        note(world, str(problem))


def _script(wanted: Plan) -> str:
    sources, targets = _translations(wanted["nat"])
    forward = [
        f'iifname "{CABLE}" meta mark set {_MARK} accept',
        f'oifname "{CABLE}" ct state established,related accept',
        f'oifname "{CABLE}" drop',
        *(f'iifname "{device}" accept' for device in wanted["forwards"]),
    ]
    lines = ["table ip lab", "delete table ip lab", "table ip lab {"]
    lines += _chain("forward", "type filter hook forward priority 0; policy drop;", forward)
    lines += _chain("target", "type nat hook prerouting priority -100;", targets)
    source = [f"meta mark {_MARK} masquerade", *sources]
    lines += _chain("source", "type nat hook postrouting priority 100;", source)
    lines += ["}", "table bridge lab", "delete table bridge lab", "table bridge lab {"]
    guards = []
    for device, *allowed in wanted["guards"]:
        those = f"{{ 0.0.0.0, {', '.join(allowed)} }}"
        guards += [f'iifname "{device}" ip saddr != {those} drop', f'iifname "{device}" arp saddr ip != {those} drop']
    lines += _chain("guard", "type filter hook prerouting priority 0;", guards)
    return "\n".join([*lines, "}", ""])


def _chain(name: str, head: str, rules: list[str]) -> list[str]:
    return [f"chain {name} {{", head, *rules, "}"]


def _translations(rules: list[str]) -> tuple[list[str], list[str]]:
    """Return the rules for sources and for targets that ipnat's `map`, `bimap` and `rdr` come to."""
    sources: list[str] = []
    targets: list[str] = []
    for rule in rules:
        words = rule.split()
        kind, device = words[0], words[1]
        arrow = words.index("->")
        if kind in ("map", "bimap"):
            where = _where(words[2:arrow])
            goal = words[arrow + 1]
            protocol = ""
            if "portmap" in words:
                chosen = words[words.index("portmap") + 1]
                protocol = f"meta l4proto {_PROTOCOLS.get(chosen, chosen)} "
            own = goal in ("0.0.0.0/32", "0.0.0.0/0", "any")
            what = "masquerade" if own else f"snat to {goal.partition('/')[0]}"
            sources.append(f'oifname "{device}" {where}{protocol}{what}')
            if kind == "bimap" and not own and len(words) > 2:
                inner = words[2].partition("/")[0]
                targets.append(f'iifname "{device}" ip daddr {goal.partition("/")[0]} dnat to {inner}')
        elif kind == "rdr":
            targets += _redirections(device, words, arrow)
    return sources, targets


def _where(words: list[str]) -> str:
    """`NET`, or `from NET to NET`, as a match."""
    nets = words[1::2] if words[:1] == ["from"] else words[:1]
    match = ""
    for key, net in zip(("saddr", "daddr"), nets, strict=False):
        if net not in ("any", "0.0.0.0/0"):
            match += f"ip {key} {net} "
    return match


def _redirections(device: str, words: list[str], arrow: int) -> list[str]:
    before, after = words[2:arrow], words[arrow + 1 :]
    match = ""
    if before and before[0] not in ("any", "0.0.0.0/0", "from"):
        match = f"ip daddr {before[0]} "
    target = after[0].partition(",")[0]
    protocol = after[3] if "port" in after and len(after) > 3 else after[1] if len(after) > 1 else "tcp"
    found = []
    for each in protocol.split("/"):
        if "port" in before:
            match_port = f"{each} dport {before[before.index('port') + 1]} "
            goal = f"{target}:{after[after.index('port') + 1]}" if "port" in after else target
        else:
            match_port, goal = f"meta l4proto {each} ", target
        found.append(f'iifname "{device}" {match}{match_port}dnat to {goal}')
    return found


# -- the cable


def _cable(world: World) -> tuple[str, str, str]:
    """Return the machine's device and the two addresses, which are this lab's alone."""
    digest = real_plan.namespace(world).rpartition("-")[2]
    number = int(digest, 16) % (168 * 64)
    base = f"169.254.{number // 64}"
    last = number % 64 * 4
    return f"lab-{digest}", f"{base}.{last + 1}", f"{base}.{last + 2}"


def join(world: World, wanted: Plan) -> None:
    """Let the machine reach the networks the host has an address in; a route that is there already stays."""
    device, here, there = _cable(world)
    name = real_plan.namespace(world)
    if not wanted["reach"]:
        ip_try("link", "del", device)
        return
    if not ip_try("link", "show", "dev", device):
        ip("link", "add", device, "type", "veth", "peer", "name", CABLE, "netns", name)
        ip("-n", name, "address", "add", f"{there}/30", "dev", CABLE)
        ip("address", "add", f"{here}/30", "dev", device)
    elif not ip_try("-n", name, "link", "show", "dev", CABLE):
        raise NetworkError(f"{device} is taken: the machine has a device of this name that does not lead to the lab")
    ip("-n", name, "link", "set", CABLE, "up")
    ip("link", "set", device, "up")
    networks = set()
    for facts in wanted["devices"].values():
        for address in facts.get("addresses", ()):
            if "." in address:
                networks.add(_network(address))
    ip_try("route", "flush", "dev", device, "proto", "77")
    for network in sorted(networks):
        if not ip_try("route", "add", network, "via", there, "dev", device, "proto", "77"):
            note(world, f"{network} is not joined: the machine has a route there already")


def _network(address: str) -> str:
    from labhost.net.addresses import network

    number, bits = network(address)
    return ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0)) + f"/{bits}"


def leave(world: World) -> None:
    """Take the cable away."""
    ip_try("link", "del", _cable(world)[0])
