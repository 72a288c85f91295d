"""Secrets are where they are needed and nowhere else: planted, used in every way, and looked for everywhere."""

from __future__ import annotations

import http.client
import json
import os
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.lab.agents import TERMINAL, Lab, wait_for
from tests.lab.judging import journal

from labhost import faults

pytestmark = pytest.mark.slow

CLOUD = "cloud-5ecret-Pa55"
CLOUD_2 = "cloud-an0ther-Pa55"
SCREEN = "scr33n-Pa55"
GUEST = "gu3st-Pa55"
FAILED = "f4iled-Pa55"
PLANNED = "pl4nned-Pa55"
REFUSED = "r3fused-Pa55"
SECRETS = (CLOUD, CLOUD_2, SCREEN, GUEST, FAILED, PLANNED, REFUSED)


def zone(name: str, password: str = CLOUD, **more: Any) -> dict[str, Any]:
    """A zone with every kind of secret in it."""
    return {
        "name": name,
        "brand": "bhyve",
        "vnc": f"unix=/tmp/vm.vnc,password={SCREEN}",
        "boot_volume": {"size": "1G"},
        "cloud_init": {"enabled": "on", "password": password},
        "provisioning": {"mode": "shell", "credentials": {"username": "startcloud", "password": GUEST}},
        **more,
    }


@contextmanager
def listening(lab: Lab) -> Iterator[list[bytes]]:
    """Hear every event while the block lasts; the list is what was heard, whole."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    line = http.client.HTTPSConnection("127.0.0.1", lab.agent.port, context=context, timeout=30)
    line.request("GET", "/events", headers={"X-API-Key": lab.key})
    answer = line.getresponse()
    heard: list[bytes] = []

    def hear() -> None:
        while piece := answer.read1(65536):
            heard.append(piece)

    listener = threading.Thread(target=hear, daemon=True)
    listener.start()
    try:
        yield heard
    finally:
        lab.stop()
        listener.join(20)
        line.close()


@contextmanager
def watching_processes(lab: Lab) -> Iterator[set[bytes]]:
    """Read the argument lists of all processes of the host while the block lasts."""
    seen: set[bytes] = set()
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.002):
            for entry in os.listdir("/proc"):
                if entry.isdigit():
                    try:
                        words = Path(f"/proc/{entry}/cmdline").read_bytes()
                    except OSError:
                        continue
                    if lab.world.path.encode() in words:
                        seen.add(words)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join(10)


def everything(lab: Lab) -> dict[str, str]:
    """What each GET answers to an admin."""
    pages = ["/zones", "/tasks?limit=100", "/audit", "/api-keys", "/stats", "/metrics", "/openapi.json", "/status"]
    for row in lab.get("/zones")["zones"]:
        pages += [f"/zones/{row['name']}{tail}" for tail in ("", "/config", "/pending")]
    for row in lab.get("/tasks?limit=100")["tasks"]:
        pages += [f"/tasks/{row['id']}{tail}" for tail in ("", "/output", "/steps")]
    found = {}
    for page in pages:
        answer = lab.ask("GET", page)
        assert answer.status == 200, (page, answer)
        found[page] = answer.body.decode() if isinstance(answer.body, bytes) else json.dumps(answer.body)
    return found


def files(folder: Path) -> dict[str, bytes]:
    """Every file of the agent's state folder, its log among them."""
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def mentions(text: str | bytes, secrets: tuple[str, ...] = SECRETS) -> list[str]:
    """The secrets that a text holds."""
    data = text.encode() if isinstance(text, str) else text
    return [secret for secret in secrets if secret.encode() in data]


def ended(lab: Lab, path: str, method: str = "POST", body: Any = None, **more: Any) -> dict[str, Any]:
    """Ask for something, see that the answer keeps the secrets, and wait for whatever end."""
    answer = lab.ask(method, path, body, **more)
    assert not mentions(json.dumps(answer.body)), (path, answer)
    assert answer.status == 202, (path, answer)
    row: dict[str, Any] = wait_for(lambda: over(lab, answer.body["task_id"]), "an end", 20, lab.seen)
    return row


def over(lab: Lab, task_id: str) -> dict[str, Any] | None:
    """The row of a task that has ended."""
    row = lab.task(task_id)
    return row if row["status"] in TERMINAL else None


def test_secrets_are_nowhere_but_in_the_zones(lab_of: Callable[..., Lab]) -> None:
    """Made, planned, refused, failed, retried, changed, exported and deleted: no secret is seen outside its zone."""
    lab = lab_of("empty", **{"logging.level": "debug"})
    with listening(lab) as heard:
        with watching_processes(lab) as commands:
            plan = lab.post("/zones?dry_run=true", zone("web", PLANNED))
            assert plan.status == 200
            assert not mentions(json.dumps(plan.body))
            refused = lab.post("/zones", zone("web", REFUSED, vcpus="many"))
            assert refused.status == 400
            assert not mentions(json.dumps(refused.body))
            odd = lab.post("/zones", zone("web", f"{REFUSED}\n"))
            assert odd.status == 400
            assert not mentions(json.dumps(odd.body))

            faults.order(
                lab.world, command="zonecfg", words=("-f",), act="fail", message=f"On line 3: bad value {FAILED}"
            )
            failed = ended(lab, "/zones", body=zone("web", FAILED), headers={"Idempotency-Key": "one"})
            assert failed["status"] == "failed"
            assert "On line 3" in failed["error_message"], failed
            again = ended(lab, f"/tasks/{failed['id']}/retry")
            assert again["status"] == "completed", again
            document = Path(lab.world.host("/etc/zones/web.xml")).read_text(encoding="utf-8")
            assert mentions(document) == [SCREEN, FAILED]  # where they belong, so the search can find something

            changed = ended(lab, "/zones/web", "PUT", {"cloud_init": {"password": CLOUD}, "ram": "2G"})
            assert changed["status"] == "completed", changed
            started = ended(lab, "/zones/web/start")
            assert started["status"] == "completed", started
            pending = ended(lab, "/zones/web", "PUT", {"cloud_init": {"password": CLOUD_2}})
            assert pending["status"] == "completed", pending
            told = everything(lab)
            assert ended(lab, "/zones/web?cleanup_datasets=true", "DELETE")["status"] == "completed"
            told |= {f"{page} at the end": text for page, text in everything(lab).items()}
        assert len(commands) > 5
    assert {page: mentions(text) for page, text in told.items() if mentions(text)} == {}
    assert b"".join(heard).count(b"event:") > 10
    assert mentions(b"".join(heard)) == []
    assert [words for words in commands if mentions(words)] == []
    assert [entry["argv"] for entry in journal(lab.world) if mentions(json.dumps(entry["argv"]))] == []
    assert b"zonecfg" in files(lab.home)[str(lab.home / "agent.log")]
    assert {path: mentions(data) for path, data in files(lab.home).items() if mentions(data)} == {}


def test_keys_are_kept_as_digests(lab: Lab) -> None:
    """An API key is in no file, log, row or answer but the one that gave it out; the setup token goes with its use."""
    made = lab.post("/api-keys/generate", {"name": "second", "scope": "operate"})
    assert made.status in {200, 201}, made
    keys = (lab.key, made.body["api_key"])
    told = everything(lab)
    lab.post("/zones", {"name": "x", "brand": "lx"}, headers={"X-API-Key": keys[1]})
    lab.post("/zones", {"name": "x", "brand": "lx"}, headers={"X-API-Key": f"{keys[1]}wrong"})
    assert {page: text for page, text in told.items() if mentions(text, keys)} == {}
    assert {path for path, data in files(lab.home).items() if mentions(data, keys)} == set()
    assert not (lab.home / "setup.token").exists()


def test_a_script_with_a_secret_is_private_and_gone_with_the_command(lab_of: Callable[..., Lab]) -> None:
    """What zonecfg reads is for the agent's eyes alone while it is there, also when the agent dies over it."""
    lab = lab_of("empty")
    order = faults.order(lab.world, command="zonecfg", words=("-f",), act="slow", seconds=0.5)
    answer = lab.post("/zones", zone("web"))
    argv = wait_for(lambda: faults.fired(lab.world, order) or None, "zonecfg", 10, lab.seen)[0]
    script = Path(argv[argv.index("-f") + 1])
    assert script.stat().st_mode & 0o077 == 0
    assert script.parent.stat().st_mode & 0o077 == 0
    lab.kill()
    lab.start()
    assert lab.wait(answer.body["task_id"])["status"] in TERMINAL
    assert not script.exists()
    lab.settled()
    assert {path for path, data in files(lab.home).items() if mentions(data)} == set()
