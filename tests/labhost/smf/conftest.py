"""The same lab host as the network tests use."""

from __future__ import annotations

from tests.labhost.net.conftest import host

__all__ = ["host"]
