"""What a recipe can know of a zone: its network cards as the host has them, and what was configured for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from zoneweaver.domain.names import MacAddress
from zoneweaver.domain.recipe_values import Level, Origin
from zoneweaver.domain.recipes import Recipe, variables
from zoneweaver.domain.secret import Secret, Text, reveal
from zoneweaver.domain.zone import ResourceKind, ZoneConfig
from zoneweaver.host.dladm import Vnic

_OF_ATTRS: Final = "resolvers"
"""The attribute that names the DNS servers that cloud-init is told."""


def levels(
    recipe: Recipe,
    *,
    config: ZoneConfig | None,
    macs: Mapping[str, str],
    provisioning: Mapping[str, Any] | None,
    requested: Mapping[str, Text],
) -> list[Level]:
    """Return where the variables of a run come from, the weakest first. Raises Invalid."""
    configured = provisioning or {}
    own = dict(configured.get("variables") or {})
    if configured.get("ip"):
        own.setdefault("ip", configured["ip"])
    return [
        (Origin.RECIPE, recipe.variables),
        (Origin.AGENT, {**cards(config, macs), **_credentials(configured)}),
        (Origin.ZONE, variables(own, field="provisioning.variables")),
        (Origin.REQUEST, requested),
    ]


def cards(config: ZoneConfig | None, macs: Mapping[str, str]) -> dict[str, Text]:
    """Return what is known of the zone's network cards, in the order in which the guest has them."""
    found: dict[str, Text] = {}
    if config is None:
        return found
    resolvers = config.attr(_OF_ATTRS)
    for number, net in enumerate(config.of(ResourceKind.NET)):
        link = net.get("physical") or ""
        mac = macs.get(link) or net.get("mac-addr")
        facts = {
            "vnic_name": link,
            "mac": None if mac is None else str(MacAddress.parse(mac)),
            "ip": (net.get("allowed-address") or "").partition(",")[0],
            "gateway": net.get("defrouter"),
            "dns": resolvers,
        }
        found |= {f"nic_{number}_{name}": value for name, value in facts.items() if value}
    return found


def macs_of(found: tuple[Vnic, ...]) -> dict[str, str]:
    """Return the MACs by the name of the VNIC."""
    return {vnic.link: vnic.mac for vnic in found}


def _credentials(provisioning: Mapping[str, Any]) -> dict[str, Text]:
    given = provisioning.get("credentials") or {}
    found: dict[str, Text] = {}
    if given.get("username"):
        found["username"] = reveal(given["username"])
    if given.get("password"):
        found["password"] = Secret(reveal(given["password"]))
    return found
