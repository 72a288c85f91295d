"""Blocks of ours in texts of others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoneweaver.host import blocks
from zoneweaver.host.zonexml import BrokenFile

chars = st.sampled_from("ab #\\{};\"'\t\r\x0b\u2028é\udc80\n")
texts = st.none() | st.text(chars, max_size=40)
lines = st.lists(st.text(chars, max_size=12).map(lambda text: text.replace("\n", "")), min_size=1, max_size=4)
names = st.sampled_from(["network", "provisioning", "a-1"])


@given(texts, st.dictionaries(names, lines, min_size=1))
def test_blocks_are_read_as_they_were_put(text: str | None, wanted: dict[str, list[str]]) -> None:
    """Any lines in any blocks of any text are there again, and what others wrote is as it was."""
    after = text
    for name, content in wanted.items():
        after = blocks.put(after, name, content)
    assert {name: list(blocks.read(after, name) or ()) for name in blocks.names(after)} == wanted
    rest = blocks.foreign(after)
    assert rest == (text or "") or rest == f"{text}\n"


@given(texts, st.dictionaries(names, lines, min_size=1), st.randoms(use_true_random=False))
def test_blocks_leave_no_trace(text: str | None, wanted: dict[str, list[str]], random: object) -> None:
    """In whatever order they go, the text is byte by byte what it was, and a file made for them is gone."""
    after = text
    for name, content in wanted.items():
        after = blocks.put(after, name, content)
    order = list(wanted)
    random.shuffle(order)  # type: ignore[attr-defined]
    for name in order:
        others = {other: blocks.read(after, other) for other in blocks.names(after) if other != name}
        after = blocks.put(after, name, None)
        assert {other: blocks.read(after, other) for other in blocks.names(after)} == others
    assert after == text


@given(texts, lines, lines, st.text(chars, min_size=1, max_size=20))
def test_a_block_keeps_its_place(text: str | None, first: list[str], second: list[str], later: str) -> None:
    """New lines come where the old ones were; what others add behind the block outlives it."""
    there = f"{blocks.put(text, 'network', first)}{later}"
    changed = blocks.put(there, "network", second)
    assert changed is not None
    assert changed.endswith(f"# zoneweaver end network\n{later}")
    assert blocks.read(changed, "network") == tuple(second)
    gone = blocks.put(changed, "network", None)
    assert gone is not None
    assert gone in {f"{text or ''}{later}", f"{text}\n{later}"}


def test_a_block_looks_as_people_can_see() -> None:
    """The marks say whose the lines are; what is made with the block is noted."""
    assert blocks.put("x", "network", ["a"]) == (
        "x\n# zoneweaver begin network +newline\na\n# zoneweaver end network\n"
    )
    assert blocks.put(None, "network", ["a"]) == "# zoneweaver begin network +file\na\n# zoneweaver end network\n"
    assert blocks.put(None, "network", []) is None
    assert blocks.put("x", "network", ()) == "x"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("# zoneweaver begin a\nx\n", "does not end"),
        ("# zoneweaver end a\n", "line 1"),
        ("# zoneweaver begin a\n# zoneweaver begin b\n", "line 2"),
        ("# zoneweaver begin a\n# zoneweaver end b\n", "line 2"),
        ("# zoneweaver begin a\n# zoneweaver end a\n# zoneweaver begin a\n# zoneweaver end a\n", "line 3"),
    ],
)
def test_marks_out_of_order_are_noticed(text: str, why: str) -> None:
    """A file in which the marks do not fit is left alone and named."""
    for asked in (lambda: blocks.read(text, "a", path="/etc/x"), lambda: blocks.put(text, "a", ["y"], path="/etc/x")):
        with pytest.raises(BrokenFile, match=why) as caught:
            asked()
        assert caught.value.path == "/etc/x"


@pytest.mark.parametrize("line", ["a\nb", "# zoneweaver end network", "# zoneweaver begin x +file"])
def test_lines_that_would_break_a_block_are_refused(line: str) -> None:
    """Nothing can be put into a block that would end it."""
    with pytest.raises(ValueError, match=r"."):
        blocks.put("", "network", [line])
    with pytest.raises(ValueError, match="Network"):
        blocks.put("", "Network", ["x"])
