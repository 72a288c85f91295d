"""Scripts and Ansible in a guest on loopback; Ansible itself is a script that tells what it was given."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from tests.guest.ssh_guest import SshGuest

from zoneweaver.domain.ansible import Recap
from zoneweaver.domain.secret import Secret
from zoneweaver.guest import provisioners, ssh
from zoneweaver.guest.privilege import NoPrivilege, Privilege
from zoneweaver.guest.provisioners import ProvisionerFailed
from zoneweaver.guest.ssh import Connection, Identity, RemoteTimeout, Target

pytestmark = pytest.mark.anyio

ME = Identity(username="startcloud", password=Secret("STARTcloud24@!"))
NOBODY = Privilege(username="startcloud")

PLAYBOOK = """#!/bin/sh
echo "config ${ANSIBLE_CONFIG:-none} in $(pwd)"
while [ $# -gt 1 ]; do
    case $1 in --extra-vars) ls -l "${2#@}" | cut -c1-10 >"$SEEN/mode"; cat "${2#@}" >"$SEEN/vars" ;; esac
    shift
done
echo "$1" >"$SEEN/playbook"
echo "PLAY RECAP ****"
echo "localhost : ok=2 changed=1 unreachable=0 failed=${FAILED:-0} skipped=0 rescued=0 ignored=0"
exit "${FAILED:-0}"
"""
GALAXY = """#!/bin/sh
for each in "$@"; do :; done
echo "$each" >>"$SEEN/collections"
case $each in *missing*) echo "not found on the server" >&2; exit 1 ;; esac
"""


class Told:
    """What was heard."""

    def __init__(self) -> None:
        self.text = ""

    def __call__(self, stream: str, text: str) -> None:
        self.text += text


@pytest.fixture
async def guest(tmp_path: Path) -> AsyncIterator[SshGuest]:
    """A guest with an own folder for its programs and home."""
    for name in ("bin", "home", "seen", "site"):
        (tmp_path / name).mkdir()
    env = {"PATH": f"{tmp_path}/bin:/usr/bin:/bin", "HOME": f"{tmp_path}/home", "SEEN": f"{tmp_path}/seen"}
    async with SshGuest(env={**env, "TMPDIR": f"{tmp_path}/home"}).up() as up:
        yield up


@pytest.fixture
async def made(guest: SshGuest) -> AsyncIterator[Connection]:
    async with ssh.connect(Target(host="127.0.0.1", port=guest.port), ME) as connection:
        yield connection


def program(folder: Path, name: str, text: str) -> Path:
    """Put a program into the guest."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


def seen(folder: Path, name: str) -> str:
    return (folder / "seen" / name).read_text(encoding="utf-8").strip()


async def test_scripts_in_their_order(made: Connection, tmp_path: Path) -> None:
    """Each is run once with the environment, and told apart; all they say is told."""
    one = program(tmp_path / "site", "one it's.sh", 'echo "one $GREETING"; echo oops >&2')
    two = program(tmp_path / "site", "two.sh", '[ -n "$BASH_VERSION" ] && echo two')
    heard = Told()
    entry = {"type": "shell", "scripts": [str(one), str(two)], "env": {"GREETING": Secret("it's $HOME")}}
    parts = await provisioners.shell(made, NOBODY, entry, heard)
    assert [part.name for part in parts] == [str(one), str(two)]
    assert sorted(heard.text.splitlines()) == ["one it's $HOME", "oops", "two"]


async def test_the_first_script_that_fails(made: Connection, tmp_path: Path) -> None:
    """It ends the run, named with its status and its last words; what follows is not run."""
    bad = program(tmp_path / "site", "bad.sh", "echo no space left; exit 3")
    after = program(tmp_path / "site", "after.sh", f"touch {tmp_path}/ran")
    with pytest.raises(ProvisionerFailed, match=r"bad\.sh ended with 3: no space left"):
        await provisioners.shell(made, NOBODY, {"scripts": [str(bad), str(after)]}, Told())
    assert not (tmp_path / "ran").exists()
    with pytest.raises(ProvisionerFailed, match="no such file or program in the guest"):
        await provisioners.shell(made, NOBODY, {"scripts": ["/absent.sh"]}, Told())


async def test_a_script_has_its_time(made: Connection, tmp_path: Path) -> None:
    """Beyond it the script is ended."""
    slow = program(tmp_path / "site", "slow.sh", "sleep 60")
    with anyio.fail_after(20), pytest.raises(RemoteTimeout, match=r"not finished after 0\.5 s"):
        await provisioners.shell(made, NOBODY, {"scripts": [str(slow)], "timeout": 0.5}, Told())


async def test_another_user(made: Connection, guest: SshGuest, tmp_path: Path) -> None:
    """The script is run by sudo with what it asks for; an account that may not is told so before anything is run."""
    script = program(tmp_path / "site", "who.sh", 'echo "as $AS with $GREETING"')
    program(
        tmp_path / "bin",
        "sudo",
        '#!/bin/sh\nread -r word; echo "$word" >"$SEEN/typed"; AS=$6; export AS; shift 6; exec "$@"\n',
    )
    asked = Privilege(username="startcloud", words=("sudo", "-k", "-S", "-p", ""), password=Secret("s3same"))
    entry = {"scripts": [str(script)], "run_as": "web", "env": {"GREETING": "hello"}}
    heard = Told()
    await provisioners.shell(made, asked, entry, heard)
    assert (heard.text, seen(tmp_path, "typed")) == ("as web with hello\n", "s3same")
    assert not [command for command in guest.commands if "s3same" in command or "hello" in command]
    with pytest.raises(NoPrivilege, match="startcloud cannot become web in the guest"):
        await provisioners.shell(made, NOBODY, entry, heard)
    heard = Told()
    await provisioners.shell(made, NOBODY, {**entry, "run_as": "startcloud"}, heard)
    assert heard.text == "as  with hello\n"


async def test_a_playbook(made: Connection, guest: SshGuest, tmp_path: Path) -> None:
    """It is run where it is, with its variables in a file that only the account reads and that is gone afterwards."""
    program(tmp_path / "bin", "ansible-playbook", PLAYBOOK)
    program(tmp_path / "bin", "ansible-galaxy", GALAXY)
    entry = {
        "type": "ansible_local",
        "playbook": f"{tmp_path}/site/play.yml",
        "collections": ["startcloud.startcloud_roles", "/vagrant/c.tar.gz"],
        "extra_vars": {"hostname": "web01", "token": Secret("t0ken")},
        "config_file": "/vagrant/ansible.cfg",
    }
    heard = Told()
    asked = Privilege(username="startcloud", words=("sudo", "-S"), password=Secret("s3same"))
    (part,) = await provisioners.ansible_local(
        made, asked, entry, heard, generated={"hostname": "generated", "zone_name": "web"}
    )
    assert part.recap == {"localhost": Recap(ok=2, changed=1)}
    assert json.loads(seen(tmp_path, "vars")) == {
        "hostname": "web01",
        "zone_name": "web",
        "token": "t0ken",
        "ansible_become_password": "s3same",
    }
    assert seen(tmp_path, "mode") == "-rw-------"
    assert seen(tmp_path, "playbook") == entry["playbook"]
    assert seen(tmp_path, "collections").split() == entry["collections"]
    assert f"config /vagrant/ansible.cfg in {tmp_path}/site" in heard.text
    assert list((tmp_path / "home").iterdir()) == []
    assert not [command for command in guest.commands if "t0ken" in command or "s3same" in command]


async def test_a_playbook_that_fails(made: Connection, guest: SshGuest, tmp_path: Path) -> None:
    """The error names it and keeps the recap; the variables are gone."""
    program(tmp_path / "bin", "ansible-playbook", PLAYBOOK)
    guest.env["FAILED"] = "2"
    with pytest.raises(ProvisionerFailed, match=r"Playbook .*play\.yml ended with 2") as caught:
        await provisioners.ansible_local(made, NOBODY, {"playbook": f"{tmp_path}/site/play.yml"}, Told(), generated={})
    assert caught.value.details["recap"]["localhost"]["failed"] == 2
    assert list((tmp_path / "home").iterdir()) == []


async def test_a_collection_that_cannot_be_had(made: Connection, tmp_path: Path) -> None:
    """It fails the run before the playbook."""
    program(tmp_path / "bin", "ansible-playbook", PLAYBOOK)
    program(tmp_path / "bin", "ansible-galaxy", GALAXY)
    entry = {"playbook": "/p.yml", "collections": ["a.missing"]}
    with pytest.raises(ProvisionerFailed, match=r"Collection a\.missing ended with 1: not found on the server"):
        await provisioners.ansible_local(made, NOBODY, entry, Told(), generated={})
    assert not (tmp_path / "seen" / "playbook").exists()


async def test_ansible_that_is_not_there(made: Connection, guest: SshGuest, tmp_path: Path) -> None:
    """It is told, unless the entry says how to have it; then that is done once."""
    guest.env["PATH"] = f"{tmp_path}/bin"
    for name in ("sh", "cat", "mktemp", "rm", "env", "ls", "cut", "dirname", "bash", "chmod"):
        (tmp_path / "bin" / name).symlink_to(f"/usr/bin/{name}")
    entry = {"playbook": f"{tmp_path}/site/play.yml"}
    with pytest.raises(ProvisionerFailed, match="The guest has no ansible-playbook") as caught:
        await provisioners.ansible_local(made, NOBODY, entry, Told(), generated={})
    assert caught.value.code == "ansible_missing"
    installs = f'cat >{tmp_path}/home/.local/bin/ansible-playbook <<"EOF"\n{PLAYBOOK}\nEOF\n'
    (tmp_path / "home" / ".local" / "bin").mkdir(parents=True)
    program(
        tmp_path / "bin",
        "python3",
        f'#!/bin/sh\necho "$*" >>"$SEEN/pip"\ncase "$*" in *install*)\n{installs}'
        f"chmod 755 {tmp_path}/home/.local/bin/ansible-playbook;;\nesac\n",
    )
    for _ in range(2):
        await provisioners.ansible_local(made, NOBODY, {**entry, "install_mode": "pip"}, Told(), generated={})
    assert seen(tmp_path, "pip").splitlines() == ["-m pip --version", "-m pip install --user ansible-core"]
