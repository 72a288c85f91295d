"""Colons and backslashes in the parsable output of dladm(8)."""

from hypothesis import given
from hypothesis import strategies as st

from zoneweaver.host.command import Completed
from zoneweaver.host.parsable import fields_of, rows

fields = st.lists(st.text(alphabet=st.sampled_from("ab:\\ -,"), max_size=6), min_size=2, max_size=5)


def said(values: list[str]) -> str:
    return ":".join(value.replace("\\", "\\\\").replace(":", "\\:") for value in values)


@given(fields)
def test_fields_come_back_as_they_were(values: list[str]) -> None:
    """Whatever stands in the fields of a line, it is told apart again."""
    assert fields_of(said(values)) == values


@given(st.text(alphabet=st.sampled_from("ab:\\ "), min_size=1, max_size=8).filter(lambda text: text.strip()))
def test_a_single_field_is_the_line(value: str) -> None:
    """With one field nothing is escaped, and nothing is unescaped."""
    completed = Completed(argv=("dladm",), exit_status=0, stdout=f"{value}\n", stderr="", seconds=0.0)
    assert rows(completed, ["LINK"]) == [{"LINK": value}]


def test_a_backslash_that_means_nothing_is_noticed() -> None:
    """A line that the command would not write is told apart from one that it would."""
    assert fields_of("a:b\\c") is None
    assert fields_of("a:b\\") is None
