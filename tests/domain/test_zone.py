"""Configurations of zones, as values."""

from __future__ import annotations

import json

from zoneweaver.domain.zone import Resource, ResourceKind, ZoneConfig


def test_what_is_shown_comes_back_from_json_as_it_was() -> None:
    """A record that was read again equals a fresh look at the host, or every look would find a change."""
    limit = Resource(
        kind=ResourceKind.RCTL,
        props=(("name", "zone.cpu-shares"),),
        lists=(("value", "(priv=privileged,limit=10,action=none)"),),
    )
    shown = ZoneConfig(globals=(("brand", "bhyve"), ("zonepath", "/zones/web")), resources=(limit,)).as_json()
    assert json.loads(json.dumps(shown)) == shown
