"""Ansible's words and its recap."""

from __future__ import annotations

import json

import pytest

from zoneweaver.domain import ansible
from zoneweaver.domain.ansible import Recap
from zoneweaver.domain.secret import Secret

SAID = """
TASK [copy] ********
changed: [localhost]

PLAY RECAP *********************************************************************
localhost                  : ok=5    changed=2    unreachable=0    failed=0    skipped=1    rescued=0    ignored=0
db.example.com             : ok=1    changed=0    unreachable=1    failed=0    skipped=0    rescued=0    ignored=0
"""


def test_recaps() -> None:
    """Each host's numbers are read from the end of the output."""
    assert ansible.recaps(SAID) == {
        "localhost": Recap(ok=5, changed=2, skipped=1),
        "db.example.com": Recap(ok=1, unreachable=1),
    }


@pytest.mark.parametrize("text", ["", "PLAY RECAP", "localhost : ok=1 changed=0", SAID.replace("ok=", "okay=")])
def test_no_recap(text: str) -> None:
    """Output without a recap has none, whatever else looks like one."""
    assert ansible.recaps(text) == {}


def test_a_playbook_that_looks_like_an_option() -> None:
    """It stays a playbook; variables come from a file."""
    words = ansible.playbook("-x.yml", inventory="localhost,", variables="/tmp/v", local=True, config_file="/a b.cfg")
    assert words[-2:] == ("--", "-x.yml")
    assert "@/tmp/v" in words
    assert "ANSIBLE_CONFIG=/a b.cfg" in words
    assert words[0] == "env"
    assert words[words.index("--connection") + 1] == "local"


def test_variables_are_secret_as_a_whole() -> None:
    """They cannot be printed, and hold what was given, secrets too."""
    content = ansible.variables({"a": [Secret("s3"), {"b": Secret("t")}], "c": 1, "é": True})
    assert json.loads(content.reveal()) == {"a": ["s3", {"b": "t"}], "c": 1, "é": True}
    assert "s3" not in f"{content}{content!r}"
