"""ansible-playbook(1) and ansible-galaxy(1), on the host or in a guest: their words, and what they say in the end."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from zoneweaver.domain.secret import Secret

ENVIRONMENT: Final[Mapping[str, str]] = {
    "LC_ALL": "C.UTF-8",  # Ansible ends at once in any locale but a UTF-8 one
    "PYTHONUNBUFFERED": "1",
    "ANSIBLE_NOCOLOR": "1",
    "ANSIBLE_RETRY_FILES_ENABLED": "0",
    "ANSIBLE_PIPELINING": "1",
}
"""What every run of Ansible is given: plain lines as they come, modules fed through the connection."""

_RECAP: Final = re.compile(r"^(?P<host>\S+)\s+: (?P<counts>ok=\d+(?:\s+[a-z]+=\d+)*)\s*$", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Recap:
    """What a play did on one host, in numbers of tasks."""

    ok: int = 0
    changed: int = 0
    unreachable: int = 0
    failed: int = 0
    skipped: int = 0
    rescued: int = 0
    ignored: int = 0

    def as_json(self) -> dict[str, int]:
        """Return the numbers by name."""
        return asdict(self)


def playbook(
    path: str, *, inventory: str, variables: str, local: bool = False, config_file: str | None = None
) -> tuple[str, ...]:
    """Return the words that run a playbook; `variables` is a file, `inventory` a file or `NAME,`."""
    own = {} if config_file is None else {"ANSIBLE_CONFIG": config_file}
    where = ("--connection", "local") if local else ()
    return (
        *_with(own),
        "ansible-playbook",
        "--inventory",
        inventory,
        *where,
        "--extra-vars",
        f"@{variables}",
        "--",
        path,
    )


def install(collection: str) -> tuple[str, ...]:
    """Return the words that install a collection: `NAMESPACE.NAME`, with `:VERSION`, or the path of an archive."""
    return (*_with({}), "ansible-galaxy", "collection", "install", "--", collection)


def recaps(text: str) -> dict[str, Recap]:
    """Return the recap of each host that a run's output ends with; nothing when it has none."""
    after = text.rpartition("PLAY RECAP")[2] if "PLAY RECAP" in text else ""
    found = {}
    for line in after.splitlines():
        match = _RECAP.match(line.strip())
        if match is not None:
            pairs = (item.split("=") for item in match["counts"].split())
            numbers = {name: int(number) for name, number in pairs}
            found[match["host"]] = Recap(**{name: numbers.get(name, 0) for name in Recap.__slots__})
    return found


def variables(extra: Mapping[str, Any]) -> Secret:
    """Return the content of a file of variables; it may hold secrets, so all of it is one."""
    return Secret(json.dumps(_plain(extra), ensure_ascii=False, sort_keys=True))


def _with(own: Mapping[str, str]) -> tuple[str, ...]:
    return ("env", *(f"{name}={value}" for name, value in {**ENVIRONMENT, **own}.items()))


def _plain(value: Any) -> Any:
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
