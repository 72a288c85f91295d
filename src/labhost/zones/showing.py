"""How zonecfg shows a configuration: `info` for people, `export` for zonecfg itself."""

from __future__ import annotations

from labhost.zones import schema
from labhost.zones.limits import CAPPED, capped, limit_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from labhost.zones.document import Config, Resource

_ROOT_NAMES = {"zonename": "name"}
_CAPS = {rctl: place for place, rctl in schema.CAPS.items()}
_ALIASED = {rctl: alias for alias, (rctl, _) in schema.ALIASES.items()}


def global_value(config: Config, name: str) -> str:
    """Return the value of a global property as zonecfg names it."""
    return config.get(_ROOT_NAMES.get(name, name))


def resources(config: Config, kind: str) -> list[Resource]:
    """Return the resources of a kind as zonecfg's user sees them."""
    if kind in CAPPED:
        found = capped(config, kind)
        return [found] if found is not None else []
    hidden = {**_CAPS, **_ALIASED} if kind == "rctl" else {}
    return [each for each in config.of(kind) if not (hidden and each.get("name") in hidden)]


def _blank(value: str) -> str:
    return f'"{value}"' if " " in value or "\t" in value else value


def resource_lines(resource: Resource) -> Iterator[str]:
    """Yield the lines `info` prints for one resource."""
    kind = resource.kind
    yield f"{kind}:"
    for name in schema.RESOURCES[kind]:
        value = resource.get(name)
        if value and kind in CAPPED:
            yield f"\t[{name}: {value}]"
        elif value:
            yield f"\t{name}: {_blank(value)}"
        elif kind not in (*CAPPED, "security-flags", "dedicated-cpu"):
            yield f"\t{name} not specified"
    if kind == "fs":
        options = [f'"{option}"' if "=" in option else option for (option,) in resource.items]
        yield f"\toptions: [{','.join(options)}]"
    elif kind in ("net", "device"):
        yield from (f'\tproperty: (name={name},value="{value}")' for name, value in resource.items)
    elif kind == "rctl":
        yield from (f"\tvalue: (priv={priv},limit={limit},action={action})" for priv, limit, action in resource.items)


def info(config: Config) -> Iterator[str]:
    """Yield the lines of `info` without arguments."""
    for name in schema.GLOBALS:
        yield f"{name}: {global_value(config, name)}"
    for alias, (rctl, _) in schema.ALIASES.items():
        limit = limit_of(config, rctl)
        if limit:
            yield f"[{alias}: {limit}]"
    for kind in (
        "fs", "net", "device", "dedicated-cpu", "capped-cpu", "capped-memory", "attr", "dataset", "admin", "rctl",
        "security-flags",
    ):  # fmt: skip
        for resource in resources(config, kind):
            yield from resource_lines(resource)


_EXPORT_NET = ("address", "allowed-address", "physical", "mac-addr", "vlan-id", "global-nic", "defrouter")
_EXPORT_ORDER = {"net": _EXPORT_NET, "security-flags": ("default", "lower", "upper")}


def export(config: Config, brand: str) -> Iterator[str]:
    """Yield the lines of `export`; the brand is the one on disk."""
    yield "create -b"
    for name in schema.GLOBALS[1:]:
        value = brand if name == "brand" else global_value(config, name)
        if name == "brand" and brand == "native":
            continue
        if value or name in ("autoboot", "ip-type"):
            yield f"set {name}={value or 'false'}"
    for kind in ("fs", "net", "device", "rctl", "attr", "dataset", "dedicated-cpu", "admin", "security-flags"):
        for resource in config.of(kind):
            yield f"add {kind}"
            for name in _EXPORT_ORDER.get(kind, schema.RESOURCES[kind]):
                value = resource.get(name)
                if value or kind == "attr":
                    yield f"set {name}={value}" if name == "ncpus" else f'set {name}="{value}"'
            for item in resource.items:
                if kind == "fs":
                    option = item[0]
                    yield f'add options "{option}"' if "=" in option or "," in option else f"add options {option}"
                elif kind == "rctl":
                    yield f"add value (priv={item[0]},limit={item[1]},action={item[2]})"
                else:
                    yield f'add property (name={item[0]},value="{item[1]}")'
            yield "end"
