"""How a zone is to be provisioned: the configuration, checked in itself, and what a profile gives to it."""

from __future__ import annotations

import difflib
import enum
import ipaddress
import re
from collections.abc import Mapping
from typing import Any, Final

from zoneweaver.domain.errors import Invalid
from zoneweaver.domain.secret import MASK, Secret, reveal, says_secret

DATASET: Final = "provisioning_dataset"
"""The `source` that means the root of what the artifact was unpacked into."""


class Mode(enum.StrEnum):
    """What configures the guest once its files are there."""

    SHELL = "shell"
    ANSIBLE = "ansible"
    ANSIBLE_LOCAL = "ansible_local"
    NONE = "none"


_KEYS: Final = frozenset(
    [
        "recipe_id",
        "mode",
        "artifact_id",
        "profile_id",
        "credentials",
        "ip",
        "ssh_port",
        "sync_folders",
        "provisioners",
        "variables",
        "network",
    ]
)
_CREDENTIALS: Final = frozenset({"username", "password", "ssh_key_path"})
_FOLDER: Final = frozenset({"source", "dest", "exclude", "owner", "group", "delete"})
_PROVISIONERS: Final[Mapping[str, tuple[str, frozenset[str]]]] = {
    "shell": ("scripts", frozenset({"scripts", "run_as", "env", "timeout"})),
    "ansible": ("playbook", frozenset({"playbook", "inventory", "extra_vars", "collections"})),
    "ansible_local": (
        "playbook",
        frozenset({"playbook", "install_mode", "extra_vars", "collections", "config_file"}),
    ),
}
"""By type: what must be there, and what may."""

_USER: Final = re.compile(r"[A-Za-z_0-9][A-Za-z0-9_.@-]{0,63}", re.ASCII)
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)


def checked(body: Mapping[str, Any], *, at: str = "provisioning.") -> None:
    """Check a configuration in itself. Raises Invalid naming the field, which begins with `at`."""
    _known(body, _KEYS, at)
    if "mode" in body and body["mode"] not in set(Mode):
        raise Invalid(f"{at}mode must be one of {', '.join(Mode)}", field=f"{at}mode")
    for name in ("recipe_id", "artifact_id", "profile_id"):
        if name in body:
            _text(body[name], f"{at}{name}")
    if "credentials" in body:
        _credentials(body["credentials"], f"{at}credentials")
    if "ip" in body:
        _address(body["ip"], f"{at}ip")
    if "ssh_port" in body and (type(body["ssh_port"]) is not int or not 1 <= body["ssh_port"] <= 65535):
        raise Invalid(f"{at}ssh_port must be 1 to 65535", field=f"{at}ssh_port")
    for number, item in enumerate(_list(body, "sync_folders", at)):
        _folder(item, f"{at}sync_folders[{number}]")
    for number, item in enumerate(_list(body, "provisioners", at)):
        _provisioner(item, f"{at}provisioners[{number}]")
    for name in _map(body.get("variables", {}), f"{at}variables"):
        if not _VARIABLE.fullmatch(name):
            raise Invalid(f"{at}variables: {name[:80]!r} is not a name", field=f"{at}variables")
    network = _map(body.get("network", {}), f"{at}network")
    _known(network, frozenset({"attach"}), f"{at}network.")
    if not isinstance(network.get("attach", False), bool):
        raise Invalid(f"{at}network.attach must be true or false", field=f"{at}network.attach")


def merged(profile: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the profile with the zone's own keys over it: maps are merged to the bottom, anything else is replaced."""
    found = dict(profile)
    for name, value in own.items():
        there = found.get(name)
        both = isinstance(there, Mapping) and isinstance(value, Mapping)
        found[name] = merged(there, value) if both else value  # type: ignore[arg-type]
    return found


def sealed(value: Any, *, secret: bool = False) -> Any:
    """Return the same with everything that a name calls secret as `Secret`, also what lies below that name."""
    if isinstance(value, Mapping):
        return {name: sealed(item, secret=secret or says_secret(str(name))) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [sealed(item, secret=secret) for item in value]
    if secret and isinstance(value, str | int | float) and not isinstance(value, bool):
        return Secret(str(value))
    return value


def unmasked(value: Any, before: Any, *, field: str = "provisioning") -> Any:
    """Return the same with asterisks, as they were shown, put back to the secret they stood for.

    Raises Invalid for asterisks where there was no secret: they are not what anybody means.
    """
    if isinstance(value, Mapping):
        old = before if isinstance(before, Mapping) else {}
        return {name: unmasked(item, old.get(name), field=f"{field}.{name}") for name, item in value.items()}
    if isinstance(value, list | tuple):
        olds = before if isinstance(before, list | tuple) and len(before) == len(value) else [None] * len(value)
        pairs = enumerate(zip(value, olds, strict=True))
        return [unmasked(item, old, field=f"{field}[{number}]") for number, (item, old) in pairs]
    if isinstance(value, Secret) and value.reveal() == MASK:
        if not isinstance(before, Secret):
            raise Invalid(f"{field} is only asterisks, and there is no secret that they could stand for", field=field)
        return before
    return value


def _known(body: Mapping[str, Any], names: frozenset[str], at: str) -> None:
    for name in body:
        if name not in names:
            near = difflib.get_close_matches(str(name), sorted(names), n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            raise Invalid(f"Unknown field: {at}{str(name)[:80]}{hint}", field=f"{at}{str(name)[:80]}")


def _map(value: Any, field: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise Invalid(f"{field} must be an object", field=field)
    return value


def _list(body: Mapping[str, Any], name: str, at: str) -> list[Any]:
    value = body.get(name, [])
    if not isinstance(value, list | tuple) or len(value) > 64:
        raise Invalid(f"{at}{name} must be a list of at most 64", field=f"{at}{name}")
    return list(value)


def _text(value: Any, field: str) -> str:
    """Return text of 1 to 4096 characters without control characters. Raises Invalid."""
    plain = reveal(value) if isinstance(value, str | Secret) else ""
    if not 0 < len(plain) <= 4096 or any(ord(char) < 0x20 or ord(char) == 0x7F for char in plain):
        raise Invalid(f"{field} must be text of 1 to 4096 characters without control characters", field=field)
    return plain


def _texts(body: Mapping[str, Any], name: str, field: str) -> list[str]:
    return [_text(item, f"{field}.{name}[{number}]") for number, item in enumerate(_list(body, name, f"{field}."))]


def _address(value: Any, field: str) -> None:
    try:
        ipaddress.ip_address(_text(value, field))
    except ValueError:
        raise Invalid(f"{field} must be an address such as 10.190.190.10", field=field) from None


def _guest_path(value: Any, field: str) -> None:
    path = _text(value, field)
    if not path.startswith("/") or ".." in path.split("/"):
        raise Invalid(f"{field} must be an absolute path in the guest without ..", field=field)


def _user(value: Any, field: str) -> None:
    if not _USER.fullmatch(_text(value, field)):
        raise Invalid(f"{field} is not the name of a user or group", field=field)


def _credentials(value: Any, field: str) -> None:
    body = _map(value, field)
    _known(body, _CREDENTIALS, f"{field}.")
    if "username" in body:
        _user(body["username"], f"{field}.username")
    for name in ("password", "ssh_key_path"):
        if name in body:
            _text(body[name], f"{field}.{name}")
    if ".." in reveal(body.get("ssh_key_path", "")).split("/"):
        raise Invalid(f"{field}.ssh_key_path must not hold ..", field=f"{field}.ssh_key_path")


def _folder(value: Any, field: str) -> None:
    body = _map(value, field)
    _known(body, _FOLDER, f"{field}.")
    source = _text(body.get("source"), f"{field}.source")
    if source != DATASET and (source.startswith("/") or ".." in source.split("/")):
        raise Invalid(f"{field}.source must be {DATASET} or a path below it", field=f"{field}.source")
    _guest_path(body.get("dest"), f"{field}.dest")
    _texts(body, "exclude", field)
    for name in ("owner", "group"):
        if name in body:
            _user(body[name], f"{field}.{name}")
    if not isinstance(body.get("delete", False), bool):
        raise Invalid(f"{field}.delete must be true or false", field=f"{field}.delete")


def _provisioner(value: Any, field: str) -> None:
    body = _map(value, field)
    kind = body.get("type")
    if not isinstance(kind, str) or kind not in _PROVISIONERS:
        raise Invalid(f"{field}.type must be one of {', '.join(_PROVISIONERS)}", field=f"{field}.type")
    needed, known = _PROVISIONERS[kind]
    _known(body, known | {"type"}, f"{field}.")
    if not body.get(needed):
        raise Invalid(f"{field}.{needed} is missing: {kind} needs it", field=f"{field}.{needed}")
    for name in ("scripts", "collections"):
        _texts(body, name, field)
    for name in ("playbook", "inventory", "config_file"):
        if name in body:
            _text(body[name], f"{field}.{name}")
    if "run_as" in body:
        _user(body["run_as"], f"{field}.run_as")
    for name in _map(body.get("env", {}), f"{field}.env"):
        if not _VARIABLE.fullmatch(name):
            raise Invalid(f"{field}.env: {name[:80]!r} is not a name", field=f"{field}.env")
        _text(body["env"][name], f"{field}.env.{name}")
    _map(body.get("extra_vars", {}), f"{field}.extra_vars")
    timeout = body.get("timeout", 1)
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout <= 86400:
        raise Invalid(f"{field}.timeout must be seconds, at most a day", field=f"{field}.timeout")
    if body.get("install_mode", "pip") not in {"pip", "pkg"}:
        raise Invalid(f"{field}.install_mode must be pip or pkg", field=f"{field}.install_mode")
