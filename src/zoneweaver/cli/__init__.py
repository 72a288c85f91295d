"""The command `zoneweaver`: people talk to the agent through its HTTP API alone, and start it."""

from __future__ import annotations

from zoneweaver.cli.entry import main

__all__ = ["main"]
