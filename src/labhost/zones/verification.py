"""What zonecfg checks before a configuration is saved."""

from __future__ import annotations

from labhost.zones import schema

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.zones.document import Config


def verify(config: Config) -> tuple[list[str], str]:
    """Return the complaints about a configuration, and the reason (empty if it may be saved)."""
    said: list[str] = []
    reason = ""
    if not config.get("zonepath"):
        said.append("zonepath not specified" if "zonepath" not in config.root else "zonepath cannot be empty.")
        reason = schema.STRINGS["resource missing"]
    if not config.get("brand"):
        said.append("brand not specified")
        reason = reason or schema.STRINGS["resource missing"]
    for resource in config.resources:
        for name in schema.REQUIRED.get(resource.kind, ()):
            kept = resource.items if (resource.kind, name) == ("rctl", "value") else resource.get(name)
            if not kept:
                said.append(f"{resource.kind}: {name} not specified")
                reason = reason or schema.STRINGS["property missing"]
    exclusive = config.get("ip-type") != "shared"
    for net in config.of("net"):
        complaint = ""
        if exclusive and net.get("address"):
            complaint = "net: address cannot be specified for an exclusive IP type"
        elif exclusive and net.get("defrouter") and not net.get("allowed-address"):
            complaint = (
                f"net: defrouter for {net.get('physical')} cannot be specified without allowed-address for an "
                "exclusive IP type"
            )
        elif not exclusive and net.get("allowed-address"):
            complaint = "net: allowed-address cannot be specified for a shared IP type"
        elif not exclusive and not net.get("address"):
            complaint = "net: address not specified"
        if complaint:
            said.append(complaint)
            reason = reason or schema.STRINGS["invalid"]
    return said, reason
