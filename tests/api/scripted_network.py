"""What the commands of a host with a small network answer."""

from __future__ import annotations

from typing import Final

from zoneweaver.domain.errors import CommandFailed
from zoneweaver.host.command import Command
from zoneweaver.testing.hosts import Answer

LINKS: Final = ("dladm", "show-link", "-p", "-o", "LINK,CLASS,MTU,STATE,OVER")
VNICS: Final = ("dladm", "show-vnic", "-p", "-o", "LINK,OVER,MACADDRESS,VID,ZONE")

_ADDRESSES: Final = ("ipadm", "show-addr", "-p", "-o", "ADDROBJ,TYPE,STATE,PERSISTENT,ADDR")

_EVERY: Final[dict[tuple[str, ...], str]] = {
    LINKS: (
        "igb0:phys:1500:up:\nigb1:phys:1500:down:\nigb2:phys:1500:up:\naggr0:aggr:1500:up:igb2\nstub0:etherstub:9000:up:\n"
        "web0:vnic:1500:up:igb0\nigb7000:vlan:1500:up:igb0\nlan0:bridge:1500:up:igb1\n"
    ),
    VNICS: "web0:igb0:2\\:8\\:20\\:0\\:0\\:5:7:web\n",
    _ADDRESSES: (
        "lo0/v4:static:ok:---:127.0.0.1/8\nigb0/v4:static:ok:U--:192.0.2.10/24\nigb0/v6:addrconf:ok:U--:fe80\\:\\:1/10\n"
    ),
}
"""What is told of all, and line by line of one."""


async def _all_or_one(command: Command) -> str:
    """Answer about all, or about the one that is named; what is not there is not found."""
    lines = _EVERY[command.argv[:5]].splitlines(keepends=True)
    if len(command.argv) == 5:
        return "".join(lines)
    found = "".join(line for line in lines if line.startswith(f"{command.argv[5]}:"))
    if not found:
        text = "dladm: link is not valid: object not found\nipadm: Could not get address: Object not found"
        raise CommandFailed(argv=command.argv, exit_status=1, stderr=text)
    return found


async def _service(command: Command) -> str:
    """Answer that a service is disabled."""
    return f"disabled {command.argv[-1]}\n"


SAID: Final[dict[tuple[str, ...], Answer]] = {
    **dict.fromkeys(_EVERY, _all_or_one),
    ("dladm", "show-phys", "-p", "-o", "LINK,MEDIA,STATE,SPEED,DUPLEX,DEVICE"): (
        "igb0:Ethernet:up:1000:full:igb0\nigb1:Ethernet:down:0:unknown:igb1\nigb2:Ethernet:up:1000:full:igb2\n"
    ),
    ("dladm", "show-phys", "-m", "-p", "-o", "LINK,ADDRESS"): (
        "igb0:0\\:c\\:29\\:0\\:0\\:1\nigb1:0\\:c\\:29\\:0\\:0\\:2\nigb2:0\\:c\\:29\\:0\\:0\\:3\n"
    ),
    ("dladm", "show-vlan", "-p", "-o", "LINK,VID,OVER"): "igb7000:7:igb0\n",
    ("dladm", "show-aggr", "-p", "-o", "LINK,POLICY,LACPACTIVITY,LACPTIMER"): "aggr0:L3,L4:active:short\n",
    ("dladm", "show-bridge", "-p", "-o", "BRIDGE,PROTECT,PRIORITY"): "lan:stp:32768\n",
    ("dladm", "show-bridge", "-l", "-p", "-o", "LINK,STATE", "lan"): "igb1:forwarding\n",
    ("ipadm", "show-if", "-p", "-o", "IFNAME,CLASS,STATE,PERSISTENT"): "lo0:VIRTUAL:ok:---\nigb0:IP:ok:-46\n",
    ("ipadm", "show-ifprop", "-p", "forwarding"): "lo0:off:\nigb0:on:on\n",
    ("netstat", "-rn"): (
        "\nRouting Table: IPv4\n  Destination           Gateway           Flags  Ref     Use     Interface \n"
        "-------------------- -------------------- ----- ----- ---------- --------- \n"
        "default              192.0.2.1            UG        2          0 igb0      \n"
        "192.0.2.0            192.0.2.10           U         2          0 igb0      \n"
    ),
    ("svcs", "-H", "-o", "STATE,FMRI"): _service,
    ("svccfg", "-s", "svc:/network/service/dhcp:ipv4", "listprop", "config"): (
        'config application\nconfig/listen_ifnames astring ""\n'
    ),
    ("ipnat", "-l"): "List of active MAP/Redirect filters:\n\nList of active sessions:\n",
    ("routeadm", "-p"): (
        "ipv4-forwarding persistent=enabled default=disabled current=enabled\n"
        "ipv6-forwarding persistent=disabled default=disabled current=disabled\n"
    ),
}
