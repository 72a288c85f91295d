"""The real Ansible: from the host through our own connection, and in the guest itself."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import anyio
import pytest
from tests.guest.ssh_guest import SshGuest

from zoneweaver.domain import ansible
from zoneweaver.domain.ansible import Recap
from zoneweaver.domain.errors import CommandFailed
from zoneweaver.domain.secret import Secret
from zoneweaver.guest import provisioners, ssh
from zoneweaver.guest.privilege import Privilege
from zoneweaver.guest.provisioners import ProvisionerFailed
from zoneweaver.guest.relay import door
from zoneweaver.guest.ssh import Connection, Identity, Target
from zoneweaver.host import ansible_playbook
from zoneweaver.host.command import Completed
from zoneweaver.host.run import Host

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

ME = Identity(username="startcloud", password=Secret("STARTcloud24@!"))
PROGRAMS = Path(sys.executable).parent
PLAYBOOK = """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.copy:
        dest: "{{ place }}/{{ name }}"
        content: "{{ token }} {{ lookup('ansible.builtin.file', 'greeting') }}\\n"
        mode: "0600"
      no_log: true
    - ansible.builtin.command: "true"
      changed_when: false
    - ansible.builtin.fail:
        msg: as it was told to
      when: fails | default(false)
"""


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Connection]:
    (tmp_path / "home").mkdir()
    env = {"PATH": f"{PROGRAMS}:/usr/bin:/bin", "HOME": f"{tmp_path}/home"}
    async with SshGuest(env=env).up() as up, ssh.connect(Target(host="127.0.0.1", port=up.port), ME) as connection:
        yield connection


@pytest.fixture
def playbook(tmp_path: Path) -> Path:
    site = tmp_path / "the site"
    site.mkdir()
    (site / "greeting").write_text("hello", encoding="utf-8")
    path = site / "play.yml"
    path.write_text(PLAYBOOK, encoding="utf-8")
    return path


def extra(folder: Path, **more: object) -> dict[str, object]:
    python = {"ansible_python_interpreter": "/usr/bin/python3"}
    return {"place": str(folder), "name": "made", "token": Secret("t0ken"), **python, **more}


async def from_host(made: Connection, playbook: Path, folder: Path, **more: object) -> Completed:
    host = Host(command_path=(str(PROGRAMS), "/usr/bin", "/bin"), scratch=folder / "scratch", grace=2)
    async with door(made) as opened:
        command = ansible_playbook.play(
            str(playbook),
            inventory="guest,",
            extra=extra(folder, **more),
            remote=opened.program,
            username="startcloud",
            home=str(folder / "ansible"),
        )
        with anyio.fail_after(100):
            return await host.run(command)


async def test_a_playbook_from_the_host(made: Connection, playbook: Path, tmp_path: Path) -> None:
    """It changes the guest through the relay, a second run changes nothing, and no secret is told."""
    first = await from_host(made, playbook, tmp_path)
    second = await from_host(made, playbook, tmp_path)
    assert (tmp_path / "made").read_text(encoding="utf-8") == "t0ken hello\n"
    assert ansible.recaps(first.stdout) == {"guest": Recap(ok=2, changed=1, skipped=1)}
    assert ansible.recaps(second.stdout) == {"guest": Recap(ok=2, skipped=1)}
    assert "t0ken" not in f"{first}{second}"
    assert not [path for path in (tmp_path / "scratch").iterdir() if path.is_file()]


async def test_a_playbook_from_the_host_that_fails(made: Connection, playbook: Path, tmp_path: Path) -> None:
    """Its status and its words are those of Ansible."""
    with pytest.raises(CommandFailed) as caught:
        await from_host(made, playbook, tmp_path, fails=True)
    assert caught.value.exit_status == 2


async def test_a_playbook_in_the_guest(made: Connection, playbook: Path, tmp_path: Path) -> None:
    """It runs where it is, and tells its recap; one that fails tells what it said."""
    told: list[str] = []
    privilege = Privilege(username="startcloud")
    entry = {"playbook": str(playbook), "extra_vars": extra(tmp_path)}

    async def run(entry: Mapping[str, object]) -> list[provisioners.Part]:
        with anyio.fail_after(100):
            return await provisioners.ansible_local(
                made, privilege, entry, lambda _, text: told.append(text), generated={"name": "other"}
            )

    (part,) = await run(entry)
    assert part.recap == {"localhost": Recap(ok=2, changed=1, skipped=1)}
    assert (tmp_path / "made").read_text(encoding="utf-8") == "t0ken hello\n"
    with pytest.raises(ProvisionerFailed, match=r"play\.yml ended with 2") as caught:
        await run({**entry, "extra_vars": extra(tmp_path, fails=True)})
    assert caught.value.details["recap"]["localhost"]["failed"] == 1
    assert "t0ken" not in "".join(told)
