"""Where Debian's packages come from: the machine's own sources, as far as they are for the suite."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from labhost.templates import recipe
from labhost.templates.debian import list_lines, stanza_lines


def test_lines_of_other_suites_and_kinds_are_left_out() -> None:
    """Only packages of the suite and of its updates count, from the component that holds them all."""
    text = (
        "deb [arch=amd64 signed-by=/k.gpg] mirror://one bookworm main contrib # ours\n"
        "deb-src mirror://one bookworm main\n"
        "# deb mirror://two bookworm main\n"
        "deb mirror://one bookworm-updates main\n"
        "deb mirror://one bookworm-backports main\n"
        "deb mirror://one trixie main\n"
        "deb mirror://one bookworm contrib\n"
        "\n"
    )
    assert list_lines(text) == [
        "deb [arch=amd64 signed-by=/k.gpg] mirror://one bookworm main",
        "deb mirror://one bookworm-updates main",
    ]


def test_stanzas_are_read_as_lines() -> None:
    """Each address and each suite of a stanza is a source of its own; one that is not enabled is none."""
    text = (
        "Types: deb deb-src\n# a remark\nURIs: mirror://one mirror://two\nSuites: bookworm bookworm-updates trixie\n"
        "Components: main\nSigned-By: /k.gpg\n\n"
        "Types: deb\nURIs: mirror://three\nSuites: bookworm-security\nComponents: main\n\n"
        "Types: deb\nEnabled: no\nURIs: mirror://four\nSuites: bookworm\nComponents: main\n\n"
        "Types: deb-src\nURIs: mirror://five\nSuites: bookworm\nComponents: main\n"
    )
    assert stanza_lines(text) == [
        "deb [signed-by=/k.gpg] mirror://one bookworm main",
        "deb [signed-by=/k.gpg] mirror://one bookworm-updates main",
        "deb [signed-by=/k.gpg] mirror://two bookworm main",
        "deb [signed-by=/k.gpg] mirror://two bookworm-updates main",
        "deb mirror://three bookworm-security main",
    ]


@given(st.text(alphabet="deb-src[]=:# \n\tmain bookworm/", max_size=200))
def test_whatever_a_file_holds_lines_come_out_or_nothing(text: str) -> None:
    """A file that is none of ours does no harm, and what is taken is of the suite."""
    for line in [*list_lines(text), *stanza_lines(text)]:
        words = line.split()
        assert words[0] == "deb"
        assert words[-1] == recipe.COMPONENT
        assert words[-2].partition("-")[0] == recipe.SUITE


def test_the_digest_tells_recipes_apart(monkeypatch) -> None:
    """Another file in it is another template."""
    before = recipe.digest()
    monkeypatch.setitem(recipe.FILES, "/etc/motd", "hello\n")
    assert recipe.digest() != before
