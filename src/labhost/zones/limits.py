"""Limits of a zone: resource controls, and the caps and aliases of zonecfg that stand for them."""

from __future__ import annotations

from labhost.zones import schema
from labhost.zones.document import Resource
from labhost.zones.values import amount, size_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.zones.document import Config

CAPPED = ("capped-cpu", "capped-memory")


def limit_of(config: Config, rctl: str) -> str:
    """Return the limit kept in a resource control, empty if there is none."""
    for resource in config.of("rctl"):
        if resource.get("name") == rctl and resource.items:
            return resource.items[0][1]
    return ""


def keep(config: Config, rctl: str, limit: str, action: str) -> None:
    """Keep a limit in its resource control; an empty one goes away."""
    forget(config, {rctl})
    if limit:
        config.resources.append(Resource("rctl", {"name": rctl}, [("privileged", limit, action)]))


def forget(config: Config, rctls: set[str]) -> None:
    """Take resource controls away."""
    config.resources = [each for each in config.resources if each.kind != "rctl" or each.get("name") not in rctls]


def controls(kind: str) -> dict[str, str]:
    """Return the resource control behind each property of a capped resource."""
    return {prop: rctl for (owner, prop), rctl in schema.CAPS.items() if owner == kind}


def capped(config: Config, kind: str) -> Resource | None:
    """Return the capped-cpu or capped-memory resource that resource controls stand for."""
    props = {}
    for prop, rctl in controls(kind).items():
        limit = limit_of(config, rctl)
        if limit:
            props[prop] = f"{int(limit) / 100:.2f}" if kind == "capped-cpu" else size_text(limit)
    return Resource(kind, props) if props else None


def keep_capped(config: Config, draft: Resource) -> None:
    """Keep a capped resource in its resource controls. Raises values.Refused."""
    for prop, rctl in controls(draft.kind).items():
        value = draft.get(prop)
        if value:
            value = str(round(float(value) * 100)) if draft.kind == "capped-cpu" else amount(prop, value)
        keep(config, rctl, value, "deny")
