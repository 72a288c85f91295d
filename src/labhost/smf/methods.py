"""What starting, refreshing and stopping an instance does to the host, and when it fails."""

from __future__ import annotations

from labhost.guests import kinds
from labhost.smf.services import DHCP4, DHCP6, FORWARDING, IPFILTER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from labhost.world import World

    Instance = dict[str, Any]

ERR_CONFIG = "Start method exited with $SMF_EXIT_ERR_CONFIG."
FAILED = "Start method failed repeatedly, last exited with status 1."


def begin(world: World) -> None:
    """Give a new world its empty filter, unless it has one."""
    with world.lock("filter"):
        if not world.read("filter"):
            world.write("filter", {"nat": [], "rules": []})


def start(world: World, fmri: str, instance: Instance) -> str:
    """Run the start method; answers why it failed, nothing when it did not."""
    for family, service in FORWARDING.items():
        if fmri == service:
            from labhost.net.addresses import set_forwarding

            set_forwarding(world, family, "on")
    if fmri in {DHCP4, DHCP6}:
        return _start_dhcp(world, fmri, instance)
    if fmri == IPFILTER:
        return load_rules(world)
    return ""


def stop(world: World, fmri: str) -> None:
    """Run the stop method."""
    for family, service in FORWARDING.items():
        if fmri == service:
            from labhost.net.addresses import set_forwarding

            set_forwarding(world, family, "off")
    if fmri == IPFILTER:
        with world.lock("filter"):
            world.write("filter", {"nat": [], "rules": []})
    if fmri == DHCP4 and kinds.are_real(world):
        from labhost.net import real_dhcp

        real_dhcp.stop(world)


def refresh(world: World, fmri: str) -> None:
    """Run the refresh method: the filter reads its files again, the DHCP server does nothing."""
    if fmri == IPFILTER:
        load_rules(world)


def load_rules(world: World) -> str:
    """Load /etc/ipf/ipf.conf and /etc/ipf/ipnat.conf into the kernel, missing files are empty ones."""
    from labhost.net.nat import RuleError, parse_rules

    nat: list[str] = []
    rules: list[str] = []
    text = _text(world, "/etc/ipf/ipnat.conf")
    if text is not None:
        try:
            nat = [rule.text for rule in parse_rules(text)]
        except RuleError:
            return ERR_CONFIG
    filters = _text(world, "/etc/ipf/ipf.conf")
    if filters is not None:
        rules = [line.strip() for line in filters.split("\n") if line.strip() and not line.lstrip().startswith("#")]
    with world.lock("filter"):
        world.write("filter", {"nat": nat, "rules": rules})
    return ""


def _start_dhcp(world: World, fmri: str, instance: Instance) -> str:
    from labhost.net.dhcp import ConfigError, parse_config, unserved

    props = instance.get("running", {})
    path = props.get("config/config_file", ["astring", "/etc/dhcpd.conf"])[1]
    text = _text(world, path)
    if text is None:
        return ERR_CONFIG
    try:
        config = parse_config(path, text)
    except ConfigError:
        return FAILED
    names = props.get("config/listen_ifnames", ["astring", ""])[1].replace(",", " ").split()
    if unserved(world, config, names):
        return FAILED
    return _start_real(world, path, props, names) if fmri == DHCP4 and kinds.are_real(world) else ""


def _start_real(world: World, path: str, props: dict[str, Any], names: list[str]) -> str:
    """Start the server that is on this machine, where there is one; what it says is in the service's log."""
    from labhost.net import real_dhcp

    if not real_dhcp.is_there():
        return ""
    leases = props.get("config/lease_file", ["astring", "/var/db/dhcpd.leases"])[1]
    return "" if real_dhcp.start(world, path, leases, names) else FAILED


def resume(world: World) -> None:
    """Start what of a host that was ended should be running, when its guests are real."""
    from labhost.smf.services import load

    instance = load(world)["services"].get(DHCP4, {})
    if kinds.are_real(world) and instance.get("state") == "online":
        _start_dhcp(world, DHCP4, instance)


def _text(world: World, path: str) -> str | None:
    try:
        with open(world.host(path), encoding="utf-8") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
