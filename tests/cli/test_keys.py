"""`zoneweaver keys …`, through the agent and straight in its database."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.cli.agents import Command, Stub


def test_a_new_key_is_alone_on_stdout(zw: Command, agent: Stub):
    """What is printed can be put into a variable; the remark is on stderr."""
    agent.on("POST", "/api-keys/generate", (200, {"api_key": "hw_x", "entity_id": "1", "name": "ci"}))
    ran = zw("keys", "create", "ci", "--scope", "operate", "--description", "for CI")
    assert (ran.status, ran.out) == (0, "hw_x\n")
    assert agent.requests[0].body == {"name": "ci", "description": "for CI", "scope": "operate"}


def test_a_new_key_can_go_to_a_file_of_its_own(zw: Command, agent: Stub, tmp_path: Path):
    """The file is closed to others, stdout stays empty, and an existing file is not overwritten."""
    agent.on("POST", "/api-keys/generate", (200, {"api_key": "hw_x"}))
    place = tmp_path / "ci.key"
    ran = zw("keys", "create", "ci", "--to", str(place))
    assert (ran.status, ran.out) == (0, "")
    assert place.read_text() == "hw_x\n"
    assert place.stat().st_mode & 0o777 == 0o600
    assert zw("keys", "create", "ci", "--to", str(place)).status == 2
    assert len(agent.requests) == 1


def test_keys_are_made_listed_and_revoked_without_an_agent(
    zw: Command, agent: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """With --local the database of the state folder is used, its files are closed to others, and the trail tells."""
    monkeypatch.chdir(tmp_path)
    made = zw("keys", "create", "first", "--local", "--scope", "admin")
    assert made.status == 0, made.err
    assert made.out.startswith("hw_")
    listed = json.loads(zw("keys", "list", "--local", "--json").out)
    assert [(key["name"], key["scope"], key["is_active"]) for key in listed["entities"]] == [("first", "admin", True)]
    assert zw("keys", "revoke", listed["entities"][0]["id"], "--local").out == "Key first is revoked.\n"
    assert " no " in zw("keys", "list", "--local").out
    again = zw("keys", "revoke", "nonsense", "--local")
    assert (again.status, "not found" in again.err) == (1, True)
    assert agent.requests == []
    database = tmp_path / "home" / "zoneweaver.db"
    assert database.stat().st_mode & 0o077 == 0
    assert made.out.strip().encode() not in database.read_bytes()
    with closing(sqlite3.connect(database)) as opened:
        told = opened.execute("SELECT action, method, target FROM audit ORDER BY seq").fetchall()
    key_id = listed["entities"][0]["id"]
    assert told == [("key.create", "LOCAL", key_id), ("key.revoke", "LOCAL", key_id)]


def test_listing_revoking_and_deleting_through_the_agent(zw: Command, agent: Stub):
    """The agent's sentences are passed on."""
    agent.on("GET", "/api-keys", (200, {"entities": [{"id": "k/1", "name": "ci", "scope": "read"}], "total": 1}))
    agent.on("PUT", "/api-keys/k%2F1/revoke", (200, {"message": "API key revoked successfully"}))
    agent.on("DELETE", "/api-keys/k%2F1", (200, {"message": "API key deleted successfully"}))
    assert "k/1  ci    read" in zw("keys", "list").out
    assert zw("keys", "revoke", "k/1").out == "API key revoked successfully\n"
    assert zw("keys", "delete", "k/1").out == "API key deleted successfully\n"
