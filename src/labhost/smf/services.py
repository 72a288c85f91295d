"""Service instances: what a fresh host has, patterns that name them, and how their state changes (smf(7)).

Area `smf`: `{"services": {FMRI: {"state", "enabled", "name", "since", "changed", "props", "running", "transient"}}}`,
where `changed` is `{"was", "until", "reason"}`. A change takes a moment: until the time `until` an instance shows the
state it `was` with `*` behind.
"""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from labhost.world import World

    Instance = dict[str, Any]

IPFILTER = "svc:/network/ipfilter:default"
DHCP4 = "svc:/network/service/dhcp:ipv4"
DHCP6 = "svc:/network/service/dhcp:ipv6"
FORWARDING = {"ipv4": "svc:/network/ipv4-forwarding:default", "ipv6": "svc:/network/ipv6-forwarding:default"}
CHANGE_SECONDS = 1.0
ORDER = ("legacy_run", "uninitialized", "disabled", "online", "degraded", "offline", "maintenance")
ENABLED = {
    "svc:/system/svc/restarter:default": "master restarter",
    "svc:/system/filesystem/root:default": "root file system mount",
    "svc:/system/filesystem/local:default": "local file system mounts",
    "svc:/system/manifest-import:default": "service manifest import",
    "svc:/system/identity:node": "system identity (nodename)",
    "svc:/system/cron:default": "clock daemon (cron)",
    "svc:/system/system-log:default": "system log",
    "svc:/system/zones:default": "Zones autoboot and graceful shutdown",
    "svc:/network/loopback:default": "loopback network interface",
    "svc:/network/datalink-management:default": "data-link management daemon",
    "svc:/network/ip-interface-management:default": "IP interface management daemon",
    "svc:/network/physical:default": "physical network interfaces",
    "svc:/network/routing-setup:default": "Initial routing-related configuration.",
    "svc:/network/ssh:default": "SSH server",
    "svc:/milestone/network:default": "Network milestone",
    "svc:/milestone/multi-user:default": "multi-user milestone",
    "svc:/milestone/multi-user-server:default": "multi-user plus exports milestone",
}
DISABLED = {
    IPFILTER: "IP Filter",
    FORWARDING["ipv4"]: "IPv4 forwarding",
    FORWARDING["ipv6"]: "IPv6 forwarding",
    "svc:/network/routing/route:default": "in.routed network routing daemon.",
    "svc:/network/routing/ripng:default": "in.ripngd network routing daemon for IPv6.",
    DHCP4: "ISC DHCP server (IPv4)",
    DHCP6: "ISC DHCP server (IPv6)",
}


def _dhcp(version: str) -> dict[str, list[str]]:
    files = {"config_file": f"/etc/dhcpd{version}.conf", "lease_file": f"/var/db/dhcpd{version}.leases"}
    texts = {f"config/{key}": ["astring", value] for key, value in files.items()}
    texts["config/listen_ifnames"] = ["astring", ""]
    texts["config/debug"] = ["boolean", "false"]
    texts["config/omapi_conn_limit"] = ["count", "0"]
    return texts


def first_state(now: float) -> dict[str, Any]:
    """Services of a host that has just come up."""
    services: dict[str, Instance] = {}
    for known, state in ((ENABLED, "online"), (DISABLED, "disabled")):
        for fmri, name in known.items():
            props = _dhcp("" if fmri == DHCP4 else "6") if fmri in {DHCP4, DHCP6} else {}
            facts = {"state": state, "enabled": state == "online", "name": name, "since": int(now)}
            services[fmri] = {**facts, "props": props, "running": dict(props)}
    return {"services": services}


def load(world: World) -> dict[str, Any]:
    """Answer the state, of a fresh host when nothing was ever changed."""
    return world.read("smf") or first_state(time.time())


def begin(world: World) -> None:
    """Write the first state, unless there is one, and make the folder of the logs."""
    import os

    os.makedirs(world.host("/var/svc/log"), exist_ok=True)
    with world.lock("smf"):
        if not world.read("smf"):
            world.write("smf", first_state(time.time()))


def shown(instance: Instance, now: float) -> tuple[str, str]:
    """State and next state as svcs(1) shows them at this time; the next one is `-` when nothing is under way."""
    changed = instance.get("changed", {})
    if changed.get("until", 0) > now:
        return str(changed["was"]), str(instance["state"])
    return str(instance["state"]), "-"


def is_online(world: World, fmri: str) -> bool:
    """Say whether this instance runs."""
    return bool(load(world)["services"].get(fmri, {}).get("state") == "online")


def matching(services: dict[str, Instance], pattern: str) -> list[str]:
    """FMRIs that an operand names: a whole FMRI, the end of one, or a shell pattern over either."""
    if any(c in pattern for c in "*?["):
        from fnmatch import fnmatchcase

        full = pattern if pattern.startswith("svc:") else f"svc:/*{pattern}" if pattern[0] != "*" else pattern
        return [fmri for fmri in services if any(fnmatchcase(text, full) for text in (fmri, fmri.rpartition(":")[0]))]
    text = pattern.removeprefix("svc:").lstrip("/")
    service, _, instance = text.partition(":")
    found = []
    for fmri in services:
        name, _, own = fmri.removeprefix("svc:/").partition(":")
        if instance in {"", own} and (
            name == service or (f"/{name}".endswith(f"/{service}") and "svc:" not in pattern)
        ):
            found.append(fmri)
    return found


def settle(world: World, fmri: str, instance: Instance, state: str, reason: str = "") -> None:
    """Put an instance into a state; for a scaled moment it still shows the one before."""
    now = time.time()
    was = shown(instance, now)[0] if instance["state"] != "disabled" else "offline"
    instance["changed"] = {"was": was, "until": now + world.scaled(CHANGE_SECONDS), "reason": reason}
    instance["state"] = state
    instance["since"] = int(now)
    _log(world, fmri, reason or f"Now {state}.")


def log_path(fmri: str) -> str:
    """Where the log of an instance is on the host."""
    return "/var/svc/log/" + fmri.removeprefix("svc:/").replace("/", "-") + ".log"


def _log(world: World, fmri: str, text: str) -> None:
    stamp = time.strftime("%b %e %H:%M:%S", time.localtime())
    with open(world.host(log_path(fmri)), "a", encoding="utf-8") as file:
        file.write(f"[ {stamp} {text} ]\n")
