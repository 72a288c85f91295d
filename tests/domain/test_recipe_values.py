"""Variables of a recipe: precedence, what follows from what, and texts filled with them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from zoneweaver.domain.errors import Invalid
from zoneweaver.domain.recipe_values import MissingVariables, Origin, check_patterns, gather, missing, resolved
from zoneweaver.domain.recipes import Recipe
from zoneweaver.domain.secret import Secret


def plain(given: Mapping[str, str], **more: str) -> dict[str, str | None]:
    values = gather([(Origin.REQUEST, {**given, **more})])
    return {name: values.text(name) for name in values.values}


def test_later_levels_win() -> None:
    """recipe < agent < profile < zone < request; where each came from is known."""
    values = gather(
        [
            (Origin.RECIPE, {"a": "1", "b": "1", "c": "1", "d": "1", "e": "1"}),
            (Origin.AGENT, {"b": "2", "c": "2", "d": "2", "e": "2"}),
            (Origin.PROFILE, {"c": "3", "d": "3", "e": "3"}),
            (Origin.ZONE, {"d": "4", "e": "4"}),
            (Origin.REQUEST, {"e": "5"}),
        ]
    )
    assert values.fill("{{a}}{{b}}{{c}}{{d}}{{ e }}").text == "12345"
    assert list(values.origins.values()) == [Origin.RECIPE, Origin.AGENT, Origin.PROFILE, Origin.ZONE, Origin.REQUEST]


def test_the_names_of_the_document_are_those_of_the_first_card() -> None:
    """`ip` given by the zone wins over `nic_0_ip` of the agent, and the other way round."""
    values = gather(
        [(Origin.AGENT, {"nic_0_ip": "10.0.0.1", "nic_0_mac": "2:8:20:a:b:c"}), (Origin.ZONE, {"ip": "10.0.0.2"})]
    )
    assert (values.text("nic_0_ip"), values.text("ip"), values.text("mac")) == (
        "10.0.0.2",
        "10.0.0.2",
        "02:08:20:0a:0b:0c",
    )
    values = gather([(Origin.ZONE, {"ip": "10.0.0.1"}), (Origin.REQUEST, {"nic_0_ip": "10.0.0.2"})])
    assert (values.text("nic_0_ip"), values.text("ip")) == ("10.0.0.2", "10.0.0.2")


@pytest.mark.parametrize(
    ("given", "follows"),
    [
        ({"ip": "10.0.0.5/24"}, {"ip": "10.0.0.5", "prefix": "24", "netmask": "255.255.255.0"}),
        ({"ip": "10.0.0.5/24", "prefix": "16"}, {"prefix": "16", "netmask": "255.255.0.0"}),
        ({"netmask": "255.255.255.128"}, {"prefix": "25"}),
        ({"nic_1_prefix": "8"}, {"nic_1_netmask": "255.0.0.0"}),
        (
            {"dns": "8.8.8.8, 1.1.1.1"},
            {"dns": "8.8.8.8,1.1.1.1", "dns_first": "8.8.8.8", "nic_0_dns_spaced": "8.8.8.8 1.1.1.1"},
        ),
        ({"mac": "02:08:20:0A:0B:0C"}, {"mac_short": "2:8:20:a:b:c", "mac_dashed": "02-08-20-0A-0B-0C"}),
        ({"ip": "FD00::0001/64"}, {"ip": "fd00::1", "prefix": "64"}),
    ],
)
def test_what_follows_from_others_is_there(given: Mapping[str, str], follows: Mapping[str, str]) -> None:
    """Prefix and netmask, spellings of a MAC, the first of the name servers."""
    found = plain(given)
    assert {name: found.get(name) for name in follows} == follows


def test_a_prefix_of_a_stronger_level_takes_the_netmask_along() -> None:
    """The two never contradict each other."""
    values = gather([(Origin.RECIPE, {"netmask": "255.255.255.0"}), (Origin.REQUEST, {"prefix": "16"})])
    assert values.text("nic_0_netmask") == "255.255.0.0"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ip", "10.0.0"),
        ("gateway", "gw"),
        ("prefix", "129"),
        ("prefix", "x"),
        ("netmask", "255.0.255.0"),
        ("dns", "8.8.8.8,x"),
        ("mac", "no"),
        ("vnic_name", "eth0; reboot"),
        ("ip", "$(reboot)"),
    ],
)
def test_a_fact_of_a_card_must_be_one(name: str, value: str) -> None:
    """What goes into commands of the built-in recipes cannot be anything else."""
    with pytest.raises(Invalid, match=f"variables.nic_0_{name}"):
        gather([(Origin.REQUEST, {name: value})])


RECIPE = Recipe.from_json(
    {
        "name": "x",
        "os_family": "linux",
        "steps": [
            {"type": "command", "value": "find {{mac}}", "store": "link"},
            {"type": "command", "value": "up {{link}} {{ip}} {{db_password}}", "match": "/{{ip}}/"},
        ],
    }
)


def test_unknown_names_are_told_all_at_once() -> None:
    """The name of the user too, since the recipe logs in; what the guest will tell is none."""
    assert missing(RECIPE, gather([])) == ("mac", "ip", "db_password", "username")
    with pytest.raises(MissingVariables, match="Nobody gave a value for a, b") as caught:
        gather([]).fill("{{a}} {{b}} {{a}}")
    assert caught.value.details["variables"] == ["a", "b"]


def test_a_dry_run_shows_what_would_be_done() -> None:
    """Secrets as asterisks, what only the guest can tell as it is."""
    values = gather(
        [(Origin.REQUEST, {"mac": "02:08:20:0a:0b:0c", "ip": "10.0.0.1", "db_password": Secret("hunter2")})]
    )
    shown = resolved(RECIPE, values)
    assert shown[0]["value"] == "find 02:08:20:0a:0b:0c"
    assert shown[1]["value"] == "up {{link}} 10.0.0.1 ********"
    assert "hunter2" not in repr(shown)


def test_a_filled_text_knows_whether_it_is_secret() -> None:
    """One for the guest, one for people."""
    filled = gather([(Origin.REQUEST, {"password": Secret("hunter2")})]).fill("login {{password}}")
    assert (filled.text, filled.shown, filled.secret) == ("login hunter2", "login ********", True)


def test_values_in_an_expression_stand_for_themselves() -> None:
    """A dot in an address is a dot."""
    values = gather([(Origin.REQUEST, {"ip": "10.0.0.1"})])
    pattern = values.pattern("/inet {{ip}} /", field="match")
    assert pattern.compiled.search("inet 10.0.0.1 ")
    assert not pattern.compiled.search("inet 10x0.0.1 ")
    assert values.pattern("inet {{ip}}", field="match").text == "inet 10.0.0.1"
    check_patterns(RECIPE, gather([(Origin.REQUEST, {"ip": "10.0.0.1"})]))


def test_what_the_guest_tells_is_a_variable() -> None:
    """For the steps after it."""
    values = gather([(Origin.RECIPE, {"link": "eth0"})]).storing("link", "enp0s6")
    assert values.fill("{{link}}").text == "enp0s6"
    assert values.origins["link"] is Origin.GUEST
