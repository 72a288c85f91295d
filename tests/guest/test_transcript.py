"""The transcript: readable lines, and never a secret."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoneweaver.guest.transcript import LONGEST_LINE, Transcript

SECRET = "STARTcloud24@!"


def told(*chunks: str, secrets: tuple[str, ...] = (SECRET,), flush: bool = True) -> str:
    said: list[str] = []
    made = Transcript(said.append, secrets=secrets)
    for chunk in chunks:
        made.hear(chunk)
    if flush:
        made.flush()
    return "".join(said)


@given(st.lists(st.sampled_from([SECRET, SECRET[:5], "a", "\n", " ", "x" * 1000, "S" * 30]), max_size=40), st.data())
def test_a_secret_is_never_told(pieces: list[str], data: st.DataObject) -> None:
    """However it is cut, beside whatever, on lines of any length."""
    text = "".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=10)))
    chunks = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert SECRET not in told(*chunks)


def test_a_secret_is_masked_where_it_stands() -> None:
    """The rest of the line stays."""
    assert told(f"echo {SECRET}!\nok\n") == "echo ********!\nok\n"


def test_the_beginning_of_a_secret_is_masked_at_the_end() -> None:
    """A line that stops in the middle of one does not tell the half."""
    assert told(f"password: {SECRET[:8]}") == "password: ********\n"


def test_secrets_in_each_other_are_masked_by_the_longest() -> None:
    """None is left in part."""
    assert told("x secretsecret y\n", secrets=("secret", "secretsecret")) == "x ******** y\n"


def test_lines_are_told_when_they_end() -> None:
    """Or when somebody types."""
    said: list[str] = []
    made = Transcript(said.append)
    made.hear("one\ntwo")
    assert said == ["one\n"]
    assert made.tail() == ["one", "two"]
    with made.typing("ls", secret=False) as echo:
        made.hear("l")
        made.hear("s\nfile\n")
        echo.entered, echo.rest = True, "file\n"
    assert said == ["one\n", "twols\n", "file\n"]


def test_what_is_typed_is_told_in_place_of_its_echo() -> None:
    """Repeated characters and rubbings-out are nobody's business; messages of the system in between are told."""
    said: list[str] = []
    made = Transcript(said.append, secrets=[SECRET])
    made.hear("$ ")
    with made.typing("login ********", secret=True) as echo:
        made.hear("login START[   12.345678] eth0: up\ncl\b\b\bcloud24@!\n")
        echo.entered = True
    assert said == ["$ login ********\n", "[   12.345678] eth0: up\n"]


def test_a_secret_that_could_not_be_typed_is_not_told_either() -> None:
    """Half a secret in an echo is a half too much."""
    said: list[str] = []
    made = Transcript(said.append, secrets=[SECRET])
    with pytest.raises(RuntimeError), made.typing("********", secret=True):
        made.hear(SECRET[:9])
        raise RuntimeError
    assert said == ["******** (not typed to its end)\n"]


def test_what_could_not_be_typed_is_told_with_what_came_back() -> None:
    """So that one sees what is wrong with the line."""
    said: list[str] = []
    made = Transcript(said.append)
    with pytest.raises(RuntimeError), made.typing("echo hello", secret=False):
        made.hear("ech hllo")
        raise RuntimeError
    assert said == ["ech hllo\n"]


def test_our_own_prompts_are_shown_as_prompts() -> None:
    """And questions that only serve the automation not at all."""
    said: list[str] = []
    made = Transcript(said.append)
    made.rename(re.compile(r"zw1:\d+> "), "$ ")
    made.rename(re.compile(r"zw1\.\d+="), "")
    made.hear("zw1:0> ls\nzw1.4=0\nfile\n")
    assert "".join(said) == "$ ls\nfile\n"


def test_overwritten_text_is_told_as_it_looks() -> None:
    """Backspaces and lone carriage returns have done their work."""
    assert told("abc\b\bX\n 10 %\r 99 %\n") == "aXc\n 99 %\n"


def test_a_line_without_an_end_is_told_in_parts() -> None:
    """Memory has bounds."""
    text = told("y" * 100_000)
    assert text.count("y") == 100_000
    assert max(map(len, text.split("\n"))) <= LONGEST_LINE
