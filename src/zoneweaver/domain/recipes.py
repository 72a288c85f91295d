"""Recipes: what is done on a guest's console, step by step; read from JSON and checked field by field."""

from __future__ import annotations

import difflib
import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any, Final

from zoneweaver.domain.errors import Invalid
from zoneweaver.domain.patterns import Pattern
from zoneweaver.domain.secret import Secret, Text, masked
from zoneweaver.domain.tasks import stamp

VARIABLE: Final = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]{0,63})\s*\}\}", re.ASCII)
"""A variable in a text: `{{name}}`."""

NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
RECIPE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", re.ASCII)

MOST_STEPS: Final = 200
LONGEST_COMMAND: Final = 4096
LONGEST_CONTENT: Final = 16384
DAY: Final = 86400.0

DEFAULT_SECONDS: Final = 30.0
"""What a step may take that does not say."""

_SECRET: Final = ("passw", "passphrase", "become_pass", "vault_pass", "secret", "token", "private_key", "api_key")


class OsFamily(enum.StrEnum):
    """What kind of system a recipe talks to: a UNIX shell, or Windows behind its special administration console."""

    LINUX = "linux"
    SOLARIS = "solaris"
    WINDOWS = "windows"


class StepType(enum.StrEnum):
    """What a step does."""

    WAIT = "wait"
    SEND = "send"
    COMMAND = "command"
    TEMPLATE = "template"
    DELAY = "delay"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wait:
    """Wait until the console shows a pattern.

    `fail_pattern` ends the wait as failed. When the guest is seen to wait for a login instead, and a password is
    known, `or_command` is what tells: it succeeds when the command does.
    """

    pattern: str
    timeout: float = DEFAULT_SECONDS
    regex: bool = False
    fail_pattern: str | None = None
    or_command: str | None = None

    type = StepType.WAIT


@dataclass(frozen=True, kw_only=True, slots=True)
class Send:
    """Type keys as they are: each line end is one Enter."""

    value: str

    type = StepType.SEND


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """Run a command in the guest's shell; `match` is what its output must show, kept in the variable `store`."""

    value: str
    expect_prompt: str | None = None
    check_exit_code: bool = True
    timeout: float = DEFAULT_SECONDS
    as_root: bool = False
    match: str | None = None
    store: str | None = None

    type = StepType.COMMAND


@dataclass(frozen=True, kw_only=True, slots=True)
class Template:
    """Write a file of the guest; `mode` is octal."""

    dest: str
    content: str
    mode: str = "0644"
    timeout: float = 120.0
    as_root: bool = False

    type = StepType.TEMPLATE


@dataclass(frozen=True, kw_only=True, slots=True)
class Delay:
    """Let time pass."""

    seconds: float = 1.0

    type = StepType.DELAY


Step = Wait | Send | Command | Template | Delay

_KINDS: Final[Mapping[StepType, type[Step]]] = {
    StepType.WAIT: Wait,
    StepType.SEND: Send,
    StepType.COMMAND: Command,
    StepType.TEMPLATE: Template,
    StepType.DELAY: Delay,
}
_TEXTS: Final[Mapping[str, int]] = {
    "pattern": 200,
    "value": LONGEST_COMMAND,
    "expect_prompt": 200,
    "match": 200,
    "fail_pattern": 200,
    "or_command": LONGEST_COMMAND,
    "dest": 1023,
    "content": LONGEST_CONTENT,
    "mode": 4,
    "store": 64,
}
_NEEDED: Final[Mapping[StepType, tuple[str, ...]]] = {
    StepType.WAIT: ("pattern",),
    StepType.SEND: ("value",),
    StepType.COMMAND: ("value",),
    StepType.TEMPLATE: ("dest", "content"),
    StepType.DELAY: (),
}
_PATTERNS: Final = ("pattern", "fail_pattern", "expect_prompt", "match")


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """How a guest is set up over its console. A prompt that is empty is not waited for.

    `timeout_seconds` is for the whole run after the boot. `variables` are the defaults of what the steps name.
    """

    name: str
    os_family: OsFamily
    steps: tuple[Step, ...]
    description: str = ""
    brand: str = "bhyve"
    is_default: bool = False
    boot_string: str = ""
    login_prompt: str = "login:"
    shell_prompt: str = ""
    timeout_seconds: float = 300.0
    variables: Mapping[str, Text] = field(default_factory=dict)

    @property
    def texts(self) -> tuple[tuple[str, str], ...]:
        """Every text in which variables may stand, with the field that it is in."""
        own = tuple((name, getattr(self, name)) for name in ("boot_string", "login_prompt", "shell_prompt"))
        return own + tuple(
            (f"steps[{number}].{name}", value)
            for number, step in enumerate(self.steps)
            for name in _texts_of(step)
            if isinstance(value := getattr(step, name), str)
        )

    @property
    def logs_in(self) -> bool:
        """Whether a step needs a shell."""
        return any(isinstance(step, Command | Template) for step in self.steps)

    def as_json(self) -> dict[str, Any]:
        """Return the recipe as the API shows it; secrets stay `Secret`."""
        return {
            "name": self.name,
            "description": self.description,
            "os_family": self.os_family.value,
            "brand": self.brand,
            "is_default": self.is_default,
            "boot_string": self.boot_string,
            "login_prompt": self.login_prompt,
            "shell_prompt": self.shell_prompt,
            "timeout_seconds": self.timeout_seconds,
            "variables": dict(self.variables),
            "steps": [step_json(step) for step in self.steps],
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Recipe:
        """Read a recipe as it is sent. Raises Invalid naming the field."""
        _known(body, tuple(item.name for item in fields(cls)), "")
        for name in ("name", "os_family", "steps"):
            if name not in body:
                raise Invalid(f"{name} is missing", field=name)
        if not isinstance(body["name"], str) or not RECIPE_NAME.fullmatch(body["name"]):
            raise Invalid("name must be 1 to 63 letters, digits, dots, dashes and underscores", field="name")
        if body["os_family"] not in set(OsFamily):
            raise Invalid(f"os_family must be one of {', '.join(OsFamily)}", field="os_family")
        given = {name: value for name, value in body.items() if name not in {"steps", "variables", "os_family"}}
        _texts(given, {"description": 1000, "brand": 63, "boot_string": 200, "login_prompt": 200, "shell_prompt": 200})
        _flag(given, "is_default", "is_default")
        if "timeout_seconds" in given:
            given["timeout_seconds"] = seconds(given["timeout_seconds"], "timeout_seconds")
        family = OsFamily(body["os_family"])
        recipe = cls(
            **given,
            os_family=family,
            variables=variables(body.get("variables", {}), field="variables"),
            steps=_steps(body["steps"], family),
        )
        for name in ("boot_string", "login_prompt", "shell_prompt"):
            if getattr(recipe, name):
                Pattern.parse(_neutral(getattr(recipe, name)), field=name)
        _stores(recipe)
        return recipe


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptRecipe:
    """A recipe with what is known of it. One of the agent's own has no `created_at` until somebody edits it."""

    id: str
    recipe: Recipe
    built_in: bool = False
    edited: bool = False
    created_by: str = "system"
    created_at: datetime | None = None
    updated_at: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as the API shows it."""
        return {
            "id": self.id,
            **masked(self.recipe.as_json()),
            "built_in": self.built_in,
            "edited": self.edited,
            "created_by": self.created_by,
            "created_at": stamp(self.created_at),
            "updated_at": stamp(self.updated_at),
        }


def step_json(step: Step) -> dict[str, Any]:
    """Return a step as it is written, without what is not set."""
    return {
        "type": step.type.value,
        **{item.name: value for item in fields(step) if (value := getattr(step, item.name)) is not None},
    }


def is_secret(name: str) -> bool:
    """Say whether a variable of this name holds a secret."""
    return any(word in name.lower() for word in _SECRET)


def variables(value: Any, *, field: str) -> dict[str, Text]:
    """Read variables: names with texts, numbers, true and false, or lists of them. Raises Invalid.

    Everything becomes text (lists with commas); what a name calls secret becomes `Secret`.
    """
    if not isinstance(value, Mapping) or len(value) > 256:
        raise Invalid(f"{field} must be an object of at most 256 names", field=field)
    found: dict[str, Text] = {}
    for name, item in value.items():
        place = f"{field}.{str(name)[:80]}"
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise Invalid(f"{field}: {str(name)[:80]!r} is not a name", field=field)
        text = _plain(item, place)
        found[name] = Secret(text) if is_secret(name) or isinstance(item, Secret) else text
    return found


def seconds(value: Any, place: str, *, least: float = 0.1) -> float:
    """Read a number of seconds up to a day. Raises Invalid."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= DAY:
        raise Invalid(f"{place} must be seconds, {least:g} to {DAY:g}", field=place)
    return float(value)


def as_default(recipe: Recipe, is_default: bool) -> Recipe:
    """Return the recipe with this flag."""
    return recipe if recipe.is_default is is_default else replace(recipe, is_default=is_default)


def _plain(item: Any, place: str) -> str:
    if isinstance(item, Secret):
        item = item.reveal()
    if isinstance(item, bool):
        return "true" if item else "false"
    if isinstance(item, int | float):
        return str(item)
    if isinstance(item, list | tuple) and len(item) <= 64 and all(isinstance(one, str | int | float) for one in item):
        item = ",".join(_plain(one, place) for one in item)
    if not isinstance(item, str) or len(item) > LONGEST_CONTENT or "\0" in item:
        raise Invalid(f"{place} must be text, a number, true or false, or a list of them", field=place)
    return item


def _steps(value: Any, family: OsFamily) -> tuple[Step, ...]:
    if not isinstance(value, list | tuple) or not 0 < len(value) <= MOST_STEPS:
        raise Invalid(f"steps must be a list of 1 to {MOST_STEPS} steps", field="steps")
    return tuple(_step(item, f"steps[{number}]", family) for number, item in enumerate(value))


def _step(value: Any, place: str, family: OsFamily) -> Step:
    if not isinstance(value, Mapping):
        raise Invalid(f"{place} must be an object", field=place)
    kind = value.get("type")
    if not isinstance(kind, str) or kind not in set(StepType):
        raise Invalid(f"{place}.type must be one of {', '.join(StepType)}", field=f"{place}.type")
    model = _KINDS[StepType(kind)]
    given = {name: item for name, item in value.items() if name != "type" and item is not None}
    _known(given, tuple(item.name for item in fields(model)), place)
    _texts(given, _TEXTS, place)
    for name in ("regex", "check_exit_code", "as_root"):
        _flag(given, name, f"{place}.{name}")
    for name in ("timeout", "seconds"):
        if name in given:
            given[name] = seconds(given[name], f"{place}.{name}")
    for needed in _NEEDED[StepType(kind)]:
        if not given.get(needed) and not (needed == "content" and needed in given):
            raise Invalid(f"{place}.{needed} is missing: {kind} needs it", field=f"{place}.{needed}")
    for name in _PATTERNS:
        if name in given:
            Pattern.parse(_neutral(given[name]), field=f"{place}.{name}", regex=given.get("regex", False))
    _fits(given, place, family, StepType(kind))
    return model(**given)


def _fits(given: Mapping[str, Any], place: str, family: OsFamily, kind: StepType) -> None:
    """Refuse what cannot be meant."""
    for name in ("value", "or_command"):
        if name in given and kind is not StepType.SEND and _has_controls(given[name]):
            raise Invalid(f"{place}.{name} must be one line without control characters", field=f"{place}.{name}")
    if "mode" in given and not re.fullmatch(r"0?[0-7]{3}", given["mode"]):
        raise Invalid(f"{place}.mode must be three octal digits such as 0644", field=f"{place}.mode")
    if "dest" in given and (not given["dest"].startswith(("/", "{{")) or _has_controls(given["dest"])):
        raise Invalid(f"{place}.dest must be an absolute path in the guest", field=f"{place}.dest")
    if "store" in given and not NAME.fullmatch(given["store"]):
        raise Invalid(f"{place}.store is not the name of a variable", field=f"{place}.store")
    if family is OsFamily.WINDOWS and (kind is StepType.TEMPLATE or given.get("as_root") or "or_command" in given):
        raise Invalid(f"{place}: template, as_root and or_command need a UNIX shell", field=place)
    if "expect_prompt" in given and (given.get("as_root") or "store" in given or "match" in given):
        raise Invalid(
            f"{place}.expect_prompt is for what changes the prompt; as_root, match and store need a command that ends",
            field=f"{place}.expect_prompt",
        )


def _stores(recipe: Recipe) -> None:
    """Refuse a stored variable that is used before it is stored."""
    stored: dict[str, int] = {}
    for number, step in enumerate(recipe.steps):
        if isinstance(step, Command) and step.store is not None:
            stored.setdefault(step.store, number)
    for place, text in recipe.texts:
        number = int(place.partition("[")[2].partition("]")[0]) if place.startswith("steps[") else -1
        for name in VARIABLE.findall(text):
            if name in stored and stored[name] >= number and name not in recipe.variables:
                raise Invalid(f"{place} names {name}, which is stored only in steps[{stored[name]}]", field=place)


def _texts_of(step: Step) -> tuple[str, ...]:
    return tuple(item.name for item in fields(step) if item.name in _TEXTS and item.name not in {"mode", "store"})


def _neutral(text: str) -> str:
    """Return a pattern with its variables replaced by something plain, so that the rest can be checked."""
    return VARIABLE.sub("x", text)


def _has_controls(text: str) -> bool:
    return any(ord(char) < 0x20 or ord(char) == 0x7F for char in text)


def _texts(given: Mapping[str, Any], longest: Mapping[str, int], place: str = "") -> None:
    for name, limit in longest.items():
        if name not in given:
            continue
        full = f"{place}.{name}" if place else name
        value = given[name]
        if not isinstance(value, str) or len(value) > limit or "\0" in value:
            raise Invalid(f"{full} must be text of at most {limit} characters", field=full)
        if name in {"brand", "pattern", "dest"} and not value:
            raise Invalid(f"{full} must not be empty", field=full)
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Invalid(f"{full} is not valid Unicode", field=full) from None


def _flag(given: Mapping[str, Any], name: str, place: str) -> None:
    if name in given and not isinstance(given[name], bool):
        raise Invalid(f"{place} must be true or false", field=place)


def _known(body: Mapping[str, Any], names: tuple[str, ...], place: str) -> None:
    for name in body:
        if name not in names:
            full = f"{place}.{str(name)[:80]}" if place else str(name)[:80]
            near = difflib.get_close_matches(str(name), names, n=1)
            raise Invalid(f"Unknown field: {full}" + (f" (did you mean {near[0]}?)" if near else ""), field=full)
