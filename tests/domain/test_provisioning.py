"""The provisioning configuration of a zone, in itself."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoneweaver.domain.errors import Invalid
from zoneweaver.domain.provisioning import checked, merged, sealed, unmasked
from zoneweaver.domain.secret import MASK, Secret, masked

DOCUMENT: dict[str, Any] = {
    "recipe_id": "uuid-of-debian-netplan-recipe",
    "mode": "ansible_local",
    "artifact_id": "uuid-of-uploaded-tar-gz",
    "credentials": {
        "username": "startcloud",
        "password": "STARTcloud24@!",
        "ssh_key_path": "/etc/zoneweaver-agent/ssh/provision_key",
    },
    "sync_folders": [{"source": "provisioning_dataset", "dest": "/vagrant", "exclude": []}],
    "provisioners": [
        {
            "type": "ansible_local",
            "playbook": "/vagrant/ansible/playbook.yml",
            "collections": ["startcloud.startcloud_roles"],
            "extra_vars": {"hostname": "web01", "domain": "example.com"},
        }
    ],
    "variables": {"vnic_name": "eth0", "ip": "10.190.190.10", "gateway": "10.190.190.1", "dns": "8.8.8.8"},
}


def test_the_documents_example_is_good() -> None:
    """As it stands there, also with its password sealed."""
    checked(DOCUMENT)
    checked(sealed(DOCUMENT))
    checked({})


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"recipe": "x"}, "recipe"),
        ({"mode": "puppet"}, "mode"),
        ({"artifact_id": 7}, "artifact_id"),
        ({"credentials": {"user": "x"}}, "credentials.user"),
        ({"credentials": {"username": "-o x"}}, "credentials.username"),
        ({"credentials": {"password": ""}}, "credentials.password"),
        ({"credentials": {"ssh_key_path": "../key"}}, "credentials.ssh_key_path"),
        ({"ip": "web"}, "ip"),
        ({"ssh_port": 0}, "ssh_port"),
        ({"ssh_port": True}, "ssh_port"),
        ({"sync_folders": {}}, "sync_folders"),
        ({"sync_folders": [{"dest": "/x"}]}, "sync_folders[0].source"),
        ({"sync_folders": [{"source": "/etc", "dest": "/x"}]}, "sync_folders[0].source"),
        ({"sync_folders": [{"source": "a/../..", "dest": "/x"}]}, "sync_folders[0].source"),
        ({"sync_folders": [{"source": "a", "dest": "x"}]}, "sync_folders[0].dest"),
        ({"sync_folders": [{"source": "a", "dest": "/x", "delete": 1}]}, "sync_folders[0].delete"),
        ({"provisioners": [{"type": "chef"}]}, "provisioners[0].type"),
        ({"provisioners": [{"type": "shell"}]}, "provisioners[0].scripts"),
        ({"provisioners": [{"type": "shell", "scripts": []}]}, "provisioners[0].scripts"),
        ({"provisioners": [{"type": "shell", "scripts": [1]}]}, "provisioners[0].scripts[0]"),
        ({"provisioners": [{"type": "shell", "scripts": ["/x"], "playbook": "y"}]}, "provisioners[0].playbook"),
        ({"provisioners": [{"type": "shell", "scripts": ["/x"], "timeout": 0}]}, "provisioners[0].timeout"),
        ({"provisioners": [{"type": "shell", "scripts": ["/x"], "env": {"A B": "c"}}]}, "provisioners[0].env"),
        ({"provisioners": [{"type": "ansible"}]}, "provisioners[0].playbook"),
        ({"provisioners": [{"type": "ansible_local", "playbook": "x", "install_mode": "apt"}]}, "provisioners[0].install_mode"),
        ({"variables": {"a-b": 1}}, "variables"),
        ({"network": {"attach": "yes"}}, "network.attach"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(body: dict[str, Any], field: str) -> None:
    """Types, incomplete provisioners, unknown keys."""
    with pytest.raises(Invalid) as raised:
        checked(body)
    assert raised.value.field == f"provisioning.{field}"


values = st.recursive(
    st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
maps = st.dictionaries(st.sampled_from("abc"), values, max_size=3)


@given(profile=maps, own=maps)
def test_a_zones_own_keys_win(profile: dict[str, Any], own: dict[str, Any]) -> None:
    """Maps merge to the bottom, all else is replaced; nothing that was given changes."""
    found = merged(profile, own)
    assert merged(found, own) == found
    assert merged({}, own) == own
    assert merged(profile, {}) == profile
    for name in {*profile, *own}:
        mine, base = own.get(name), profile.get(name)
        if name not in own:
            assert found[name] == base
        elif isinstance(mine, dict) and isinstance(base, dict):
            assert found[name] == merged(base, mine)
        else:
            assert found[name] == mine


def test_everything_called_secret_is_sealed() -> None:
    """Also numbers, and what lies below a name that says so."""
    body = sealed({"db_password": 1234, "secrets": {"a": ["x"]}, "credentials": {"password": "p"}, "user": "u"})
    assert masked(body) == {
        "db_password": MASK,
        "secrets": {"a": [MASK]},
        "credentials": {"password": MASK},
        "user": "u",
    }


def test_asterisks_stand_for_what_they_hid() -> None:
    """What was shown may be sent back; asterisks for nothing are refused."""
    before = sealed({"credentials": {"password": "p"}})
    again = sealed(masked(before))
    assert unmasked(again, before) == {"credentials": {"password": Secret("p")}}
    with pytest.raises(Invalid) as raised:
        unmasked(again, {})
    assert raised.value.field == "provisioning.credentials.password"
