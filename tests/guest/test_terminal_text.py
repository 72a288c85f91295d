"""Text out of a terminal's bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoneweaver.guest.terminal_text import TerminalText

PIECES = st.sampled_from(
    [
        "a",
        "é",
        "漢",
        "\r\n",
        "\r",
        "\n",
        "\b",
        "\t",
        "\x1b[31m",
        "\x1b[2J",
        "\x1b[01;01H",
        "\x1b]0;title\x07",
        "\x1b(B",
        "\x1b7",
        "\x07",
        "\0",
        "\x1b[?2004h",
        "\x1bPq\x1b\\",
        "login: ",
        "\x9b1m",
        "\x7f",
        "\x1b",
    ]
)


def text_of(*chunks: bytes) -> str:
    made = TerminalText()
    return "".join(made.feed(chunk) for chunk in chunks)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\x1b[31mred\x1b[0m plain", "red plain"),
        (b"a\r\nb\rc\n", "a\nb\rc\n"),
        (b"\r\r\n", "\n"),
        (b"\x1b]0;a title\x07$ ", "$ "),
        (b"\x1b]0;a title\x1b\\$ ", "$ "),
        (b"\x1b(B\x1b=\x1b>ok", "ok"),
        (b"ab\b \bc", "ab\b \bc"),
        (b"bell\x07 null\0", "bell null"),
        (b"\x1b[38;5;196mx\x1b[K\x1b[?25h", "x"),
        ("Grüße 漢字".encode(), "Grüße 漢字"),
        (b"\xff\xfeok", "\ufffd\ufffdok"),
        (b"\x1b[1\x18ok", "ok"),
    ],
)
def test_control_sequences_are_taken_out(data: bytes, text: str) -> None:
    """Colours, titles, cursors and bells go; letters, line ends and backspaces stay."""
    assert text_of(data) == text


@given(st.lists(PIECES, max_size=30), st.data())
def test_where_it_is_cut_does_not_matter(pieces: list[str], data: st.DataObject) -> None:
    """The same bytes give the same text, in one chunk, in any chunks, or one by one."""
    raw = "".join(pieces).encode()
    whole = text_of(raw)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=8)))
    chunks = [raw[start:end] for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
    assert text_of(*chunks) == whole
    assert text_of(*(raw[place : place + 1] for place in range(len(raw)))) == whole


def test_a_sequence_without_an_end_ends() -> None:
    """A title that never ends does not swallow the console for ever."""
    assert text_of(b"\x1b]0;" + b"x" * 10000 + b"login: ").endswith("login: ")
