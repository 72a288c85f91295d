"""The picture of a network, whatever hangs together."""

from __future__ import annotations

import itertools
import re
import string
from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from zoneweaver.cli.network_drawing import NARROWEST, PLAIN, Node, draw, natural

TITLE = re.compile(r"^(?:[━┄]{2}|[ │]+[├└][─═┄]) (\S+)")
"""A line that begins with strokes which lead to a name."""

NAMES = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=31)
WORDS = st.text(string.ascii_uppercase, min_size=1, max_size=16)


@st.composite
def networks(draw_: st.DrawFn) -> list[Node]:
    """Nodes with names of their own, over and within each other as it comes, circles and missing links too."""
    names = draw_(st.lists(NAMES, unique=True, max_size=16))
    others = st.lists(st.sampled_from([*names, "missing0"]), unique=True, max_size=3).map(tuple)
    chained = draw_(st.booleans())
    return [
        Node(
            name=name,
            kind=draw_(st.sampled_from(["", "physical", "aggregation", "VLAN 7"])),
            rank=draw_(st.integers(0, 3)),
            over=(names[number - 1],) if chained and number else draw_(others),
            holds=draw_(st.one_of(st.just(()), others)),
            owner=draw_(st.one_of(st.just(""), st.integers(1, 63).map(lambda length: f"zone {'%' * length}"))),
            traits=draw_(st.sampled_from([(), ("up",), ("up", "1 Gb/s")])),
            facts=tuple(draw_(st.lists(WORDS, max_size=4))),
            there=draw_(st.booleans()),
        )
        for number, name in enumerate(names)
    ]


@given(nodes=networks(), width=st.integers(NARROWEST, 130))
def test_every_link_is_drawn_once_and_no_line_is_too_wide(nodes: list[Node], width: int):
    """Each name stands once at the end of its strokes, nothing that is said of it is lost, and all lines fit."""
    lines = draw(nodes, width=width)
    titles = [found.group(1) for line in lines if (found := TITLE.match(line))]
    assert sorted(titles) == sorted(node.name for node in nodes), "\n".join(lines)
    assert max((len(line) for line in lines), default=0) <= width, "\n".join(lines)
    said = Counter(word for line in lines for word in re.split(r"[ ·│├└─═━┄]+", line))
    wanted = Counter(fact for node in nodes for fact in node.facts)
    assert not wanted - said, "\n".join(lines)
    for part in ("zone", "%", "aggregation"):
        told = sum(f"{node.kind} {node.owner}".count(part) for node in nodes)
        assert "\n".join(lines).count(part) == told, "\n".join(lines)


@given(nodes=networks(), width=st.integers(NARROWEST, 130), order=st.randoms(use_true_random=False))
def test_the_order_of_what_is_told_does_not_matter(nodes: list[Node], width: int, order):
    """The picture is the same for the same network."""
    shuffled = list(nodes)
    order.shuffle(shuffled)
    assert draw(shuffled, width=width) == draw(nodes, width=width)


@given(nodes=networks())
def test_a_picture_can_be_drawn_with_what_every_terminal_has(nodes: list[Node]):
    """All strokes have a plain stand-in."""
    for line in draw(nodes, width=80):
        assert line.translate(PLAIN).isascii()


def test_a_bridge_holds_its_links_and_a_vlan_hangs_below_its_own():
    """What a switch is made of has double strokes; who is over a link hangs below it; the rest is said in words."""
    network = [
        Node(name="igb0", kind="physical", traits=("up", "1 Gb/s"), facts=("192.0.2.10/24",)),
        Node(name="igb1", kind="physical", traits=("up",)),
        Node(name="igb2", kind="physical", traits=("down",)),
        Node(name="aggr0", kind="aggregation", rank=1, holds=("igb1", "igb2"), traits=("up",)),
        Node(name="lan0", kind="bridge", rank=2, holds=("aggr0",), traits=("up",)),
        Node(name="aggr7000", kind="VLAN 7", rank=3, over=("aggr0",)),
        Node(name="db10", rank=6, over=("aggr7000",), owner="zone db", facts=("10.0.7.10/24",)),
        Node(name="db9", rank=6, over=("aggr7000",), owner="zone db"),
        Node(name="web0", rank=6, over=("igb0",), owner="zone web", traits=("installed",), there=False),
        Node(name="lost0", rank=6, over=("igb9",), owner="unused"),
    ]
    assert draw(network, width=64) == [
        "━━ igb0 ━━ physical · up · 1 Gb/s ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━",
        " │  192.0.2.10/24",
        " └┄ web0         zone web     installed",
        "",
        "━━ lan0 ━━ bridge · up ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━",
        " └═ aggr0        aggregation  up",
        "    ├═ igb1      physical     up",
        "    ├═ igb2      physical     down",
        "    └─ aggr7000  VLAN 7",
        "       ├─ db9    zone db",
        "       └─ db10   zone db      10.0.7.10/24",
        "",
        "━━ lost0 ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━",
        "    unused · over igb9",
    ]


def test_what_is_too_long_goes_on_below():
    """Facts are not cut: they go on in their column, and the strokes beside them go on, too."""
    network = [
        Node(name="stub0", kind="etherstub"),
        Node(name="a0", over=("stub0",), owner="host", facts=("10.0.0.1/24", "fe80::8:20ff:fe00:1/10", "forwards")),
        Node(name="b0", over=("stub0",), owner="zone b"),
    ]
    assert draw(network, width=44) == [
        "━━ stub0 ━━ etherstub ━━━━━━━━━━━━━━━━━━━━━━",
        " ├─ a0  host    10.0.0.1/24",
        " │              fe80::8:20ff:fe00:1/10",
        " │              forwards",
        " └─ b0  zone b",
    ]


def test_a_circle_has_a_beginning():
    """Links that are over each other, which no host has, are drawn all the same."""
    assert draw([Node(name="a0", over=("b0",)), Node(name="b0", over=("a0",))], width=40) == [
        "━━ a0 ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━",
        " │  over b0",
        " └─ b0",
    ]


def test_what_hangs_too_deep_begins_anew():
    """A chain that leaves no room for words goes on as another picture, and says what it is over."""
    names = [f"a{number}" for number in range(9)]
    chain = [Node(name="a0"), *(Node(name=name, over=(below,)) for below, name in itertools.pairwise(names))]
    chain = [replace(node, facts=(f"10.0.0.{number}/24",)) for number, node in enumerate(chain)]
    assert draw(chain, width=40)[6:] == [
        "             └─ a5    10.0.0.5/24",
        "                └─ a6",
        "                      10.0.0.6/24",
        "",
        "━━ a7 ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━",
        " │  over a6 · 10.0.0.7/24",
        " └─ a8                10.0.0.8/24",
    ]


def test_nothing_is_drawn_of_nothing():
    """Without links there are no lines."""
    assert draw([], width=80) == []


def test_numbers_in_names_are_numbers():
    """The tenth card comes after the second."""
    assert sorted(["igb10", "igb2", "e1000g0", "igb"], key=natural) == ["e1000g0", "igb", "igb2", "igb10"]
