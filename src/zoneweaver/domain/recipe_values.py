"""The variables of a recipe: where each comes from, what follows from others, and texts filled with them."""

from __future__ import annotations

import enum
import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from zoneweaver.domain.errors import Invalid
from zoneweaver.domain.names import MacAddress
from zoneweaver.domain.patterns import Pattern
from zoneweaver.domain.recipes import VARIABLE, Command, Recipe, Wait, step_json
from zoneweaver.domain.secret import MASK, Secret, Text, reveal


class Origin(enum.StrEnum):
    """Where a value comes from; later ones win."""

    RECIPE = "recipe"
    AGENT = "agent"
    PROFILE = "profile"
    ZONE = "zone"
    REQUEST = "request"
    GUEST = "guest"


ALIASES: Final = ("vnic_name", "ip", "prefix", "netmask", "gateway", "dns", "mac")
"""Names that mean the same of the zone's first card: `ip` is `nic_0_ip`."""

_OF_CARD: Final = re.compile(r"nic_(\d{1,2})_([a-z_]+)", re.ASCII)
_LINK: Final = re.compile(r"[A-Za-z0-9_.:@ #-]{1,63}", re.ASCII)

Level = tuple[Origin, Mapping[str, Text]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Filled:
    """A text with its variables replaced; `shown` is the same with secrets as asterisks."""

    text: str
    shown: str

    @property
    def secret(self) -> bool:
        """Whether there is a secret in it."""
        return self.text != self.shown


class MissingVariables(Invalid):
    """A recipe names variables that nobody gave."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(
            f"Nobody gave a value for {', '.join(names)}", field=f"variables.{names[0]}", code="missing_variables"
        )
        self.details["variables"] = list(names)


@dataclass(frozen=True, kw_only=True, slots=True)
class Values:
    """The variables of one run."""

    values: Mapping[str, Text]
    origins: Mapping[str, Origin]

    def fill(self, text: str) -> Filled:
        """Return the text with each `{{name}}` replaced. Raises MissingVariables."""
        missing = [name for name in VARIABLE.findall(text) if name not in self.values]
        if missing:
            raise MissingVariables(list(dict.fromkeys(missing)))
        return Filled(
            text=VARIABLE.sub(lambda match: reveal(self.values[match[1]]), text),
            shown=VARIABLE.sub(lambda match: _shown(self.values[match[1]]), text),
        )

    def storing(self, name: str, value: str) -> Values:
        """Return the variables with one more that the guest has told."""
        return replace(self, values={**self.values, name: value}, origins={**self.origins, name: Origin.GUEST})

    def pattern(self, text: str, *, field: str, regex: bool = False) -> Pattern:
        """Return a pattern with its variables replaced; in an expression they stand for themselves. Raises Invalid."""
        pattern = Pattern.parse(text, field=field, regex=regex)
        if not pattern.regex:
            return replace(pattern, text=self.fill(pattern.text).text)
        literal = {name: re.escape(reveal(value)) for name, value in self.values.items()}
        return replace(pattern, text=replace(self, values=literal).fill(pattern.text).text)

    def text(self, name: str) -> str | None:
        """Return the plain text of a variable, or None when nobody gave it."""
        value = self.values.get(name)
        return None if value is None else reveal(value)

    @property
    def secrets(self) -> frozenset[str]:
        """The secrets among the values."""
        return frozenset(value.reveal() for value in self.values.values() if isinstance(value, Secret)) - {""}


def gather(levels: Iterable[Level]) -> Values:
    """Put levels over each other, the last one wins. Raises Invalid for an `ip` that is no address, and so on.

    At each level `ip` and `nic_0_ip` mean the same; `10.0.0.5/24` gives the prefix, and prefix and netmask each other.
    """
    values: dict[str, Text] = {}
    origins: dict[str, Origin] = {}
    for origin, given in levels:
        for name, value in _completed(given).items():
            values[name] = value
            origins[name] = origin
    return Values(values=values, origins=origins)


def missing(recipe: Recipe, values: Values) -> tuple[str, ...]:
    """Return the names that the recipe uses, or needs to log in, and nobody gave."""
    stored = {step.store for step in recipe.steps if isinstance(step, Command) and step.store}
    used = [name for _, text in recipe.texts for name in VARIABLE.findall(text)]
    if recipe.logs_in and recipe.login_prompt:
        used.append("username")
    return tuple(name for name in dict.fromkeys(used) if name not in values.values and name not in stored)


def resolved(recipe: Recipe, values: Values) -> list[dict[str, Any]]:
    """Return the steps as a dry run shows them: variables replaced, secrets masked, what is not known left as it is."""
    shown = {name: _shown(value) for name, value in values.values.items()}

    def fill(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return VARIABLE.sub(lambda match: shown.get(match[1], match[0]), value)

    return [
        {"step": number, **{name: fill(value) for name, value in step_json(step).items()}}
        for number, step in enumerate(recipe.steps)
    ]


def check_patterns(recipe: Recipe, values: Values) -> None:
    """See that every pattern is one with these values. Raises Invalid."""
    stored = {step.store: "x" for step in recipe.steps if isinstance(step, Command) and step.store}
    full = replace(values, values={**stored, **values.values})
    for number, step in enumerate(recipe.steps):
        for name in ("pattern", "fail_pattern", "expect_prompt", "match"):
            text = getattr(step, name, None)
            if text is not None:
                regex = isinstance(step, Wait) and step.regex and name == "pattern"
                full.pattern(text, field=f"steps[{number}].{name}", regex=regex)


def _shown(value: Text) -> str:
    return MASK if isinstance(value, Secret) else value


def _completed(given: Mapping[str, Text]) -> dict[str, Text]:
    """Return a level with what follows from it: aliases, prefix and netmask, spellings of the MAC, the first server."""
    found = dict(given)
    for name in ALIASES:
        if name in found:
            found.setdefault(f"nic_0_{name}", found[name])
    for name in list(found):
        match = _OF_CARD.fullmatch(name)
        if match is not None:
            _card_fact(found, f"nic_{match[1]}_", match[2])
    for name in (*ALIASES, "mac_short", "mac_dashed", "dns_first", "dns_spaced"):
        if f"nic_0_{name}" in found:
            found[name] = found[f"nic_0_{name}"] if name not in given or f"nic_0_{name}" not in given else given[name]
    return found


def _card_fact(found: dict[str, Text], card: str, what: str) -> None:
    name = f"{card}{what}"
    value = reveal(found[name]).strip()
    if not value:
        return
    field = f"variables.{name}"
    if what == "ip":
        address, slash, bits = value.partition("/")
        found[name] = _address(address, field)
        if slash and f"{card}prefix" not in found and f"{card}netmask" not in found:
            found[f"{card}prefix"] = bits
            _card_fact(found, card, "prefix")
    elif what == "gateway":
        found[name] = _address(value, field)
    elif what == "prefix":
        if not value.isascii() or not value.isdigit() or int(value) > 128:
            raise Invalid(f"{field} must be a number of bits such as 24", field=field)
        found[name] = value
        if int(value) <= 32:
            found.setdefault(f"{card}netmask", str(ipaddress.ip_network(f"0.0.0.0/{value}").netmask))
    elif what == "netmask":
        try:
            found.setdefault(f"{card}prefix", str(ipaddress.ip_network(f"0.0.0.0/{value}").prefixlen))
        except ValueError:
            raise Invalid(f"{field} must be a netmask such as 255.255.255.0", field=field) from None
    elif what == "dns":
        servers = [_address(part.strip(), field) for part in value.split(",") if part.strip()]
        found[name] = ",".join(servers)
        if servers:
            found[f"{card}dns_first"] = servers[0]
            found[f"{card}dns_spaced"] = " ".join(servers)
    elif what == "mac":
        mac = MacAddress.parse(value, field=field)
        found[name] = str(mac)
        found[f"{card}mac_short"] = ":".join(f"{int(part, 16):x}" for part in mac.split(":"))
        found[f"{card}mac_dashed"] = mac.replace(":", "-").upper()
    elif what == "vnic_name" and not _LINK.fullmatch(value):
        raise Invalid(f"{field} is not the name of a network card", field=field)


def _address(value: str, field: str) -> str:
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise Invalid(f"{field} must be an address such as 10.190.190.10", field=field) from None
