"""The language of zonecfg."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labhost.zones.document import Config, Resource, _parse_any, parse, render
from labhost.zones.lexer import Reader, SyntaxProblem, statements

BARE = st.text(st.characters(exclude_characters=' \t\r\n";=[]()#', exclude_categories=("Cs", "Cc")), min_size=1)
QUOTED = st.text(st.characters(codec="utf-8", exclude_characters='"\n'))


def words(text: str) -> list[list[str]]:
    return [[token.text for token in statement.tokens] for statement in statements(text)]


def test_statements_end_at_semicolons_and_lines() -> None:
    """Statements are separated by `;` and line ends, their lines are counted, empty ones are nothing."""
    found = list(statements("add net;;set physical=web0\n\n end ; \n"))
    assert [(s.line, [t.text for t in s.tokens]) for s in found] == [
        (1, ["add", "net"]),
        (1, ["set", "physical", "=", "web0"]),
        (3, ["end"]),
    ]


def test_a_comment_begins_only_where_a_command_could() -> None:
    """`#` is a comment before a command, and an ordinary character within one."""
    assert words("# all; of this\nset value=a#b; # rest\nend\n") == [["set", "value", "=", "a#b"], ["end"]]


def test_quotes_know_no_escapes() -> None:
    """In double quotes everything is literal, backslashes and single quotes too; there is no way to quote a quote."""
    assert words("set value=\"a;b=c [d] \\n 'x'\"\n") == [["set", "value", "=", "a;b=c [d] \\n 'x'"]]
    assert words("set value='a b'\n") == [["set", "value", "=", "'a", "b'"]]


def test_a_comma_separates_only_inside_brackets() -> None:
    """A comma belongs to a plain word and separates in lists and complex values."""
    assert words("set value=a,b\n") == [["set", "value", "=", "a,b"]]
    reader = Reader(next(statements("[ro,nodevices]\n")))
    assert reader.value() == ["ro", "nodevices"]
    reader = Reader(next(statements('(name=netif,value="e1000")\n')))
    assert reader.value() == (("name", "netif"), ("value", "e1000"))


@pytest.mark.parametrize("text", ["(name=a", "[a,", "(name)", "=a", ""])
def test_a_value_of_no_form_is_a_syntax_error(text: str) -> None:
    """What is no value is refused where it ends."""
    statement = next(statements(text + "\n"), None)
    if statement is None:
        statement = next(statements("x\n"))
        statement.tokens.clear()
    with pytest.raises(SyntaxProblem):
        Reader(statement).value()


def test_an_unclosed_quote_breaks_its_statement_alone() -> None:
    """A quote that does not end in its line makes that statement unreadable, not the next."""
    first, second = statements('set value="abc\nend\n')
    assert first.broken == '"abc'
    assert [t.text for t in second.tokens] == ["end"]


@given(BARE)
def test_a_bare_word_is_itself(word: str) -> None:
    """Any word without the special characters is one token."""
    assert words(f"set value={word}\n") == [["set", "value", "=", word]]


@given(QUOTED)
def test_a_quoted_value_is_itself(value: str) -> None:
    """Any text without a quote and a line end comes through quotes unchanged."""
    assert words(f'set value="{value}"\n') == [["set", "value", "=", value]]


PRINTABLE = st.text(st.characters(min_codepoint=32, exclude_categories=("Cs", "Cn")), min_size=1)


@given(
    st.dictionaries(st.sampled_from(["zonepath", "bootargs", "pool"]), PRINTABLE),
    st.lists(st.tuples(PRINTABLE, PRINTABLE)),
    st.lists(st.tuples(PRINTABLE, st.lists(st.tuples(PRINTABLE, PRINTABLE)))),
)
def test_a_configuration_survives_its_document(
    root: dict[str, str], attrs: list[tuple[str, str]], nets: list[tuple[str, list[tuple[str, str]]]]
) -> None:
    """What is written as XML is read back the same, by the reader of our own form and by any XML reader."""
    config = Config(
        {"name": "web", "zonepath": "", "autoboot": "false", "brand": "bhyve", "ip-type": "exclusive"} | root
    )
    for name, value in attrs:
        config.resources.append(Resource("attr", {"name": name, "type": "string", "value": value}))
    for physical, items in nets:
        config.resources.append(Resource("net", {"physical": physical}, list(items)))
    config.resources.append(Resource("dedicated-cpu", {"ncpus": "1-2", "importance": "3"}))
    text = render(config)
    for found in (parse(text), _parse_any(text)):
        assert (found.root, found.resources) == (config.root, config.resources)


def test_a_document_of_another_writer_is_read() -> None:
    """Single quotes, other white space and unexpected comments are no obstacle."""
    config = parse(
        "<?xml version='1.0'?>\n<!DOCTYPE zone PUBLIC 'x' 'y'>\n<zone name='w' brand='bhyve'\n zonepath='/z'>"
        "<!-- <zone name='no'/> --><attr value='1&apos;&#10;' type='string' name='ram'></attr>"
        "<mcap physcap='1073741824'/></zone>"
    )
    assert config.get("name") == "w"
    assert config.attr("ram") == "1'\n"
    assert [(r.get("name"), r.items) for r in config.of("rctl")] == [
        ("zone.max-physical-memory", [("privileged", "1073741824", "deny")])
    ]
