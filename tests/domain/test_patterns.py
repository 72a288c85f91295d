"""Patterns as people write them."""

from __future__ import annotations

import pytest

from zoneweaver.domain.errors import Invalid
from zoneweaver.domain.patterns import Pattern, repeats_repeats


@pytest.mark.parametrize(
    ("value", "regex", "matches", "misses"),
    [
        ("login:", False, "web login: ", "web Login: "),
        (":~$", False, "me@web:~$ ", "me@web:~# "),
        ("C:\\", False, "C:\\>", "C:>"),
        ("a.b", False, "a.b", "axb"),
        ("/a.b/", False, "axb", "ab"),
        ("/cloud-init.*finished/i", False, "Cloud-init v. 22 FINISHED at", "finished cloud-init"),
        ("a.b", True, "axb", "ab"),
        ("/", False, "a/b", "ab"),
        ("/etc/passwd", False, "cat /etc/passwd", "etc"),
        ("//", False, "http://", "http:/"),
    ],
)
def test_a_pattern_is_literal_unless_it_says_otherwise(value: str, regex: bool, matches: str, misses: str) -> None:
    """Slashes around it, or the flag, make it a regular expression."""
    pattern = Pattern.parse(value, field="pattern", regex=regex)
    assert pattern.compiled.search(matches)
    assert not pattern.compiled.search(misses)


@pytest.mark.parametrize(
    "value",
    [
        "",
        None,
        7,
        "x" * 201,
        "/(/",
        "/[/",
        "/a**/",
        "/x*/",
        "/a|/",
        "/(a+)+b/",
        "/((ab)*c)*x/",
        "/([a-z]+\\s)*x/",
        "/(a{2,})+x/",
    ],
)
def test_what_cannot_be_waited_for_is_refused(value: object) -> None:
    """Nothing at all, what is no expression, what matches nothing, what may take for ever."""
    with pytest.raises(Invalid, match="pattern"):
        Pattern.parse(value, field="pattern")


@pytest.mark.parametrize(
    ("source", "bad"),
    [
        ("a+b+", False),
        ("(ab)+", False),
        ("(a+)b", False),
        (r"(\+a)+", False),
        ("([+*])+", False),
        ("(a+)+", True),
        ("(?:(x*)y)*", True),
        ("(a?){2,}", False),
        ("[]+](a)+", False),
    ],
)
def test_repeated_repetitions_are_seen(source: str, bad: bool) -> None:
    """Escapes and classes are no repetitions."""
    assert repeats_repeats(source) is bad


def test_a_prompt_stands_at_the_end() -> None:
    """Blanks after it do not count, text does."""
    literal, regex = Pattern.parse("login:", field="x"), Pattern.parse("/log[io]n:/", field="x")
    for pattern in (literal, regex):
        assert pattern.at_end("web login: ")
        assert not pattern.at_end("Last login: Tuesday")
        assert not pattern.at_end("")
