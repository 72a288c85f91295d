"""ansible-playbook(1) and ansible-galaxy(1) on the host, against a guest that is reached through a door of ours.

What Ansible keeps for itself (collections, temporary files) is in `home`, a folder of the agent's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from zoneweaver.domain import ansible
from zoneweaver.host.command import SCRIPT_PLACE, Command, InputFile

SECONDS: Final = 21600.0
INSTALL_SECONDS: Final = 900.0


def play(path: str, *, inventory: str, extra: Mapping[str, Any], remote: str, username: str, home: str) -> Command:
    """Return the command that runs a playbook on a guest.

    `remote` is a program that takes the place of ssh(1), `inventory` a file or `NAME,`. The variables, which may hold
    secrets, are in a file that only the agent reads while the command runs.
    """
    connection = {
        "ANSIBLE_HOME": home,
        "ANSIBLE_SSH_EXECUTABLE": remote,
        "ANSIBLE_SSH_TRANSFER_METHOD": "piped",
        "ANSIBLE_SSH_ARGS": "",
        "ANSIBLE_REMOTE_USER": username,
        "ANSIBLE_HOST_KEY_CHECKING": "0",  # the door has done it
    }
    words = ansible.playbook(path, inventory=inventory, variables=SCRIPT_PLACE)
    return Command(
        argv=(*_env(connection), *words),
        changes=True,
        timeout=SECONDS,
        script=InputFile(lines=((ansible.variables(extra),),)),
    )


def install(collection: str, *, home: str) -> Command:
    """Return the command that installs a collection, unless it is there."""
    argv = (*_env({"ANSIBLE_HOME": home}), *ansible.install(collection))
    return Command(argv=argv, changes=True, timeout=INSTALL_SECONDS)


def _env(variables: Mapping[str, str]) -> tuple[str, ...]:
    return ("env", *(f"{name}={value}" for name, value in variables.items()))
