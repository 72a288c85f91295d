"""The provisioning configuration of a zone: kept at once, shown masked, and what it names is there."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from typing import Any

import pytest
from tests.lab.agents import Lab

pytestmark = pytest.mark.slow

PASSWORD = "STARTcloud24@!"
MASK = "*" * 8


def archive(**files: bytes) -> bytes:
    """Pack files into a tar."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def uploaded(lab: Lab, content: bytes, filename: str = "site.tar") -> str:
    """Upload an artifact and return its id."""
    prepared = lab.post("/artifacts/upload/prepare", {"filename": filename, "size": len(content)}).body
    answer = lab.ask("POST", prepared["upload_url"], raw=content, headers={"Content-Type": "application/octet-stream"})
    assert answer.status == 200, answer
    return str(prepared["artifact_id"])


def put(lab: Lab, configuration: Any, **more: Any) -> Any:
    """Set the configuration of `web`."""
    return lab.ask("PUT", "/zones/web", {"provisioning": configuration, **more})


def kept(lab: Lab) -> Any:
    """The configuration of `web` as it is shown."""
    return lab.get("/zones/web")["zone_info"]["provisioning"]


def test_a_configuration_is_kept_and_what_it_names_stays(lab: Lab) -> None:
    """At once and without a task; its artifact is not deleted, and asterisks stand for the password."""
    lab.do("POST", "/zones", {"name": "web", "brand": "bhyve"})
    artifact = uploaded(lab, archive(a=b"x"))
    profile = lab.post("/provisioning/profiles", {"name": "base", "default_variables": {"dns": "1.1.1.1"}}).body
    configuration = {
        "recipe_id": "debian-netplan",
        "artifact_id": artifact,
        "profile_id": profile["profile"]["id"],
        "credentials": {"username": "u", "password": PASSWORD},
        "provisioners": [{"type": "shell", "scripts": ["/a"], "env": {"API_TOKEN": PASSWORD}}],
    }
    tasks = lab.get("/tasks")["total"]
    answer = put(lab, configuration)
    assert (answer.status, answer.body["status"], answer.body["requires_restart"]) == (200, "completed", False)
    assert lab.get("/tasks")["total"] == tasks
    shown = kept(lab)
    assert shown["credentials"] == {"username": "u", "password": MASK}
    assert shown["provisioners"][0]["env"] == {"API_TOKEN": MASK}
    shown["ip"] = "10.0.0.5"
    assert put(lab, shown).status == 200
    assert kept(lab) == shown
    refused = lab.ask("DELETE", f"/artifacts/{artifact}")
    assert (refused.status, refused.body["details"]["zones"]) == (409, ["web"])
    assert lab.ask("DELETE", "/provisioning/profiles/base").status == 409
    row = lab.do("PUT", "/zones/web", {"ram": "2G", "provisioning": {**shown, "mode": "shell"}})
    assert row["operation"] == "zone_modify"
    assert kept(lab) == {**shown, "mode": "shell"}
    assert put(lab, {}).status == 200
    assert lab.ask("DELETE", f"/artifacts/{artifact}").status == 200


@pytest.mark.parametrize(
    ("configuration", "field"),
    [
        ({"recipe_id": "nonesuch"}, "recipe_id"),
        ({"artifact_id": "nonesuch"}, "artifact_id"),
        ({"profile_id": "nonesuch"}, "profile_id"),
        ({"credentials": {"username": "u", "password": MASK}}, "credentials.password"),
        ({"playbook": "x"}, "playbook"),
    ],
)
def test_what_is_wrong_is_refused_wherever_it_comes(lab: Lab, configuration: Any, field: str) -> None:
    """Alone, with another change, and with a creation: 400 naming the field, nothing kept, nothing queued."""
    lab.do("POST", "/zones", {"name": "web", "brand": "bhyve"})
    tasks = lab.get("/tasks")["total"]
    for answer in (
        put(lab, configuration),
        put(lab, configuration, ram="2G"),
        lab.post("/zones", {"name": "other", "brand": "bhyve", "provisioning": configuration}),
    ):
        assert (answer.status, answer.body["details"]["field"]) == (400, f"provisioning.{field}"), answer
    assert kept(lab) is None
    assert lab.get("/tasks")["total"] == tasks


def test_cloud_init_is_told_the_agents_key(lab_of: Callable[..., Lab]) -> None:
    """Unless the zone has a key of its own, other user data, or somebody does not want it."""
    lab = lab_of("empty")
    own = lab.get("/provisioning/ssh-key")["public_key"]
    for number, (cloud_init, key) in enumerate(
        [
            ({"enabled": "on"}, own),
            ({"password": "p"}, own),
            ({"sshkey": "ssh-rsa AAAA me"}, "ssh-rsa AAAA me"),
            ({"enabled": "off"}, None),
            ({"enabled": "/iso/user-data"}, None),
            ({"password": "p", "provision_key": False}, None),
        ]
    ):
        name = f"web{number}"
        lab.do("POST", "/zones", {"name": name, "brand": "bhyve", "cloud_init": cloud_init})
        assert lab.get(f"/zones/{name}/config")["configuration"]["attrs"].get("sshkey") == key, cloud_init
