"""An agent's lives: the first start of `zoneweaver serve`, and what is carried on after a death."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from tests.acceptance.agents import SECONDS, Agent, await_, running
from tests.lab import ports

pytestmark = pytest.mark.slow


def test_serve_reads_its_file_and_hands_out_the_first_key(bare: Agent, tmp_path: Path) -> None:
    """File, then environment, then flags; the setup token makes one admin key, once; SIGTERM ends it with 0."""
    port = ports.free()
    config = tmp_path / "config.yaml"
    config.write_text(
        f"home: {tmp_path / 'home'}\n"
        "server:\n  bind_address: 127.0.0.1\n  https_port: 1\n"
        f"host:\n  root: {bare.home / 'lab/root'}\n  command_path: ['{bare.home / 'lab/bin'}']\n"
    )
    environ = {name: value for name, value in bare.environment.items() if not name.startswith("ZONEWEAVER_")}
    log = tmp_path / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "zoneweaver", "serve", "--config", str(config), "--https-port", str(port)],
            env={**environ, "ZONEWEAVER_SERVER__HTTPS_PORT": "2"},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )
    try:
        with httpx2.Client(base_url=f"https://127.0.0.1:{port}", verify=bare.trust()) as client:

            def healthy() -> bool | None:
                assert process.poll() is None, log.read_text()
                try:
                    return True if client.get("/health").status_code == 200 else None
                except httpx2.TransportError:
                    return None

            await_(healthy, "an agent that answers", SECONDS, log.read_text)
            token = tmp_path / "home/setup.token"
            assert token.stat().st_mode & 0o777 == 0o600
            assert str(token) in log.read_text()
            assert client.get("/status").json()["bootstrapAvailable"] is True
            wish = {"name": "first", "description": "of this host"}
            assert client.post("/api-keys/bootstrap", json=wish).status_code == 403
            shown = {"X-Setup-Token": token.read_text().strip()}
            made = client.post("/api-keys/bootstrap", json=wish, headers=shown)
            assert made.status_code in {200, 201}, made.text
            assert client.post("/api-keys/bootstrap", json=wish, headers=shown).status_code == 403
            key = made.json()["api_key"]
            assert key.startswith("hw_")
            assert client.get("/api-keys", headers={"X-API-Key": key}).status_code == 200
            assert key not in log.read_text()
            assert client.get("/status").json()["bootstrapAvailable"] is False
        process.terminate()
        assert process.wait(SECONDS) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def test_a_task_outlives_the_agent(tmp_path: Path) -> None:
    """The agent is killed in the midst of a creation; started again it carries on, and what waited is done, too."""
    with running(tmp_path, ZONEWEAVER_LAB_GUEST="none") as agent:
        agent.fault("kill", "zoneadm", "install")
        body = {"name": "survivor", "brand": "bhyve", "boot_volume": {"size": "1G"}, "start_after_create": True}
        answer = agent.ask("POST", "/zones", body).json()
        assert agent.process.wait(SECONDS) != 0
    with running(tmp_path, ZONEWEAVER_LAB_GUEST="none") as agent:
        rows = [agent.ended(answer[key]) for key in ("task_id", "start_task_id")]
        assert [row["status"] for row in rows] == ["completed", "completed"], rows
        assert agent.zones_on_host() == {"survivor": "running"}
        assert agent.zone("survivor")["zone_info"]["created_by_task"] == answer["task_id"]
        agent.completed(agent.ask("DELETE", "/zones/survivor?cleanup_datasets=true"))
        assert agent.datasets() == ["rpool", "rpool/zones"]
