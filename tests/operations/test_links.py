"""Which links a change of a running zone leaves to be settled: worked out, without a host."""

from __future__ import annotations

from zoneweaver.domain.requests import Nic
from zoneweaver.domain.zone import ZoneConfig
from zoneweaver.operations.links import compare, links_of


def zone(*nics: Nic) -> ZoneConfig:
    return ZoneConfig(resources=tuple(nic.resource() for nic in nics))


ON_DEMAND = Nic(physical="web0", global_nic="igb0")
MADE_BEFORE = Nic(physical="web0")


def test_a_link_that_was_taken_away_is_left_behind() -> None:
    """The brand deletes what is configured at halt, which this is no more."""
    assert compare(zone(ON_DEMAND), zone()) == ({"web0": "igb0"}, [])


def test_a_link_that_the_zone_shall_keep_is_not_deleted_after_it() -> None:
    """A card that is no longer made on demand needs the link that is there."""
    assert compare(zone(ON_DEMAND), zone(MADE_BEFORE)) == ({}, [])


def test_a_link_made_before_is_endangered_once_it_is_on_demand() -> None:
    """The brand would delete it at halt, though it did not make it."""
    assert compare(zone(MADE_BEFORE), zone(ON_DEMAND)) == ({}, ["web0"])


def test_the_links_of_other_zones_are_theirs() -> None:
    """A link that another zone was given meanwhile is told with that zone."""
    assert links_of({"web": zone(ON_DEMAND), "other": zone(Nic(physical="o1"))}, but="web") == {"o1": "other"}
