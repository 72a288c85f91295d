"""The network of a zone at boot and halt: VNICs made on demand, links lent to it, protection of its addresses."""

from __future__ import annotations

from labhost.zones import configurations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World
    from labhost.zones.document import Config, Resource


class NetworkProblem(Exception):
    """The zone's network cannot be set up; the lines are what zoneadmd or the brand's hook print."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = list(lines)


def _on_demand(net: Resource) -> bool:
    return bool(net.get("global-nic")) and not net.get("address")


def create_on_demand(world: World, config: Config) -> None:
    """Make the VNICs of nets with a global-nic that are not there, and write back the MACs they got."""
    for net in [each for each in config.of("net") if _on_demand(each)]:
        from labhost.net import links

        name, over = net.get("physical"), net.get("global-nic")
        if over == "auto":
            over = _by_route(world, net)
        if links.vnic(world, name) is not None:
            # Taken as it is, whatever it sits on; nothing of it is written down.
            continue
        try:
            links.create_vnic(world, name, over, _plain_mac(net.get("mac-addr")), int(net.get("vlan-id") or 0))
        except links.LinkError as problem:
            raise NetworkProblem(f"dladm: {problem.text}", f"Could not create VNIC {name}/{over}") from None
        _keep_mac(world, config, net)


def _by_route(world: World, net: Resource) -> str:
    """Return the link that the host's routes take to the net's address."""
    address = net.get("allowed-address")
    if not address:
        raise NetworkProblem("Cannot use 'auto' global NIC without allowed-address.")
    from labhost.net.addresses import load, route_to

    found = route_to(load(world), address.partition("/")[0])
    if found is None:
        raise NetworkProblem(f"Could not determine global-nic for {net.get('physical')}")
    return found[1]


def _plain_mac(text: str) -> str | None:
    """Return a MAC as the data link layer keeps it: lower case, no leading zeros."""
    if not text:
        return None
    try:
        return ":".join(f"{int(part, 16):x}" for part in text.split(":"))
    except ValueError:
        return text


def _keep_mac(world: World, config: Config, net: Resource) -> None:
    """Write the MAC of an on-demand VNIC into the configuration, as the brand does with zonecfg."""
    if net.get("mac-addr"):
        return
    from labhost.net.links import vnic
    from labhost.zones.session import edit

    name = net.get("physical")
    link = vnic(world, name)
    if link is None:
        return
    edit(world, config.get("name"), f"select net physical={name}; set mac-addr={link['mac']}; end; exit")
    net.props["mac-addr"] = link["mac"]


def lend(world: World, config: Config) -> list[str]:
    """Check that the zone's links can be given to it, protect their addresses, and return their names."""
    nets = list(config.of("net"))
    if not nets:
        return []
    name = config.get("name")
    with world.lock("links"):
        state = world.read("links")
        links = state.get("links", {})
        lent = {
            link: zone
            for zone, facts in world.read("zones").get("zones", {}).items()
            for link in facts.get("links", ())
            if zone != name
        }
        plumbed = world.read("addresses").get("interfaces", {})
        taken = []
        changed = False
        for net in nets:
            link = net.get("physical")
            failed = f"zone '{name}': failed to add network device: "
            if link not in links:
                raise NetworkProblem(failed + "No such device or address")
            if link in lent:
                raise NetworkProblem(
                    f"zone '{name}': WARNING: unable to add network interface '{link}': Device busy",
                    failed + "Device busy",
                )
            if link in plumbed:
                raise NetworkProblem(
                    f"zone '{name}': WARNING: skipping network interface '{link}' which is used in the global zone",
                    failed + "Device busy",
                )
            allowed = net.get("allowed-address")
            if allowed:
                props = links[link].setdefault("props", {})
                if not links[link].get("zone_protected"):
                    for prop, text in (("protection", "Protection"), ("allowed-ips", "allowed-ips")):
                        if props.get(prop):
                            raise NetworkProblem(
                                f"zone '{name}': {text} is already set",
                                f"zone '{name}': failed to add address: Invalid argument",
                            )
                props["protection"] = "ip-nospoof"
                props["allowed-ips"] = allowed.partition("/")[0]
                links[link]["zone_protected"] = True
                changed = True
            taken.append(link)
        if changed:
            world.write("links", state)
    return taken


def release(world: World, lent: list[str]) -> None:
    """Take back what was set on links for a zone."""
    if not lent:
        return
    with world.lock("links"):
        state = world.read("links")
        changed = False
        for name in lent:
            link = state.get("links", {}).get(name)
            if link is not None and link.pop("zone_protected", False):
                link.get("props", {}).pop("protection", None)
                link.get("props", {}).pop("allowed-ips", None)
                changed = True
        if changed:
            world.write("links", state)


def delete_on_demand(world: World, config: Config) -> None:
    """Delete the VNICs of nets with a global-nic, as the configuration says now."""
    for net in config.of("net"):
        if not net.get("global-nic"):
            continue
        from labhost.net import links

        try:
            links.delete_vnic(world, net.get("physical"))
        except links.LinkError:
            continue


def snapshot(world: World, config: Config) -> None:
    """Keep the configuration a zone is made ready with."""
    from labhost.zones.document import render

    configurations.replace(configurations.snapshot_place(world, config.get("name")), render(config))
