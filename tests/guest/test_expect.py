"""Expect: what is found does not depend on how the stream is cut, and nothing is waited for too long."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.guest import virtual

from zoneweaver.domain.errors import AgentError
from zoneweaver.domain.patterns import Pattern
from zoneweaver.guest.expect import LIMIT, Expect, LineEnded, Search, TimedOut
from zoneweaver.guest.transcript import Transcript


class Chunks:
    """A line that says these chunks, each a moment after the other, and is silent then, or ends."""

    def __init__(self, *chunks: bytes, ends: bool = False, pause: float = 0.01) -> None:
        self.chunks = list(chunks)
        self.ends = ends
        self.pause = pause

    async def receive(self) -> bytes:
        import anyio

        await anyio.sleep(self.pause)
        if self.chunks:
            return self.chunks.pop(0)
        if not self.ends:
            await anyio.sleep_forever()
        return b""

    async def send(self, data: bytes) -> None:
        raise AssertionError(data)


def pattern(text: str) -> Pattern:
    return Pattern.parse(text, field="pattern")


def on(line: Chunks) -> Expect:
    return Expect(line, Transcript(lambda text: None))


PATTERNS = [
    "login:",
    "# ",
    "ab",
    "b\na",
    "/a+b/",
    "/^ab/",
    "/b$/",
    "/a.*b/",
    "/(a|b)#/i",
    r"/\bab\b/",
    "/A/i",
    "/b(?!a)/",
    "/(?<=a)b/",
]
TEXT = st.text(alphabet="abAB#: \nlogin", max_size=80)


def slowly(text: str, wanted: list[Pattern]) -> tuple[int, int] | None:
    """Where, and by which pattern, a text is found that comes character by character: the plainest reading of it."""
    for end in range(1, len(text) + 1):
        line = text[text.rfind("\n", 0, end) + 1 : end]
        for index, one in enumerate(wanted):
            found = one.compiled.search(line) is not None if one.regex else one.text in text[:end]
            if found:
                return end, index
    return None


@given(TEXT, st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=3), st.data())
def test_where_the_input_is_cut_does_not_matter(text: str, wanted: list[str], data: st.DataObject) -> None:
    """A match is complete with the first character that completes it, however the text arrives."""
    patterns = [pattern(one) for one in wanted]
    expected = slowly(text, patterns)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    search = Search(patterns)
    found = None
    for end in [*cuts, len(text)]:
        found = search.look(text[:end])
        if found is not None:
            break
    assert (None if found is None else (found[1], found[2])) == expected


@given(
    st.lists(st.sampled_from([b"a", b"b", b"\r\n", b"\x1b[1m", b"login:", b" ", b"x" * 50]), max_size=40),
    st.integers(1, 7),
)
def test_all_matches_of_a_stream_are_the_same_in_any_chunks(pieces: list[bytes], size: int) -> None:
    """One expect after the other finds the same texts with the same text before each."""
    raw = b"".join(pieces)

    def found(*chunks: bytes) -> list[tuple[int, str, str]]:
        async def main() -> list[tuple[int, str, str]]:
            console = on(Chunks(*chunks, ends=True))
            seen: list[tuple[int, str, str]] = []
            while True:
                try:
                    one = await console.expect(pattern("login:"), pattern("/b+$/"), seconds=10)
                except LineEnded:
                    return seen
                seen.append((one.index, one.text, one.before))

        return virtual.run(main)

    assert found(raw) == found(*(raw[at : at + size] for at in range(0, len(raw), size)))


def test_what_is_found_is_taken() -> None:
    """The next wait begins after it: an old prompt is not found again."""

    async def main() -> None:
        console = on(Chunks(b"web login: Pass", b"word: \r\n$ "))
        found = await console.expect(pattern("login:"), seconds=1)
        assert (found.before, found.text) == ("web ", "login:")
        found = await console.expect(pattern("nothing"), pattern("/(pass)word/i"), seconds=1)
        assert (found.index, found.groups) == (1, ("Pass",))
        with pytest.raises(TimedOut):
            await console.expect(pattern("login:"), seconds=1)
        assert console.pending == ": \n$ "

    virtual.run(main)


def test_a_deadline_says_what_was_awaited_and_what_came() -> None:
    """With the last lines that were seen, secrets masked."""

    async def main() -> AgentError:
        line = Chunks(b"starting\r\npassword hunter2 is wrong\r\ngrub> ")
        console = Expect(line, Transcript(lambda text: None, secrets=["hunter2"]))
        with pytest.raises(TimedOut) as caught:
            await console.expect(pattern("login:"), seconds=30)
        return caught.value

    error = virtual.run(main)
    assert (
        error.message
        == "login: was awaited for 30 s; the last that was seen: starting | password ******** is wrong | grub>"
    )
    assert error.details["last_lines"] == ["starting", "password ******** is wrong", "grub>"]


def test_the_innermost_deadline_that_passes_is_told() -> None:
    """A step's own deadline is not mistaken for that of the whole."""

    async def main() -> str:
        console = on(Chunks())
        with pytest.raises(TimedOut) as caught, console.within(5, "the whole"):
            await console.expect(pattern("x"), seconds=60)
        return caught.value.awaited

    assert virtual.run(main) == "the whole"


def test_a_stream_that_ends_is_told() -> None:
    """At once, and again whenever something is awaited."""

    async def main() -> None:
        console = on(Chunks(b"bye\r\n", ends=True))
        for _ in range(2):
            with pytest.raises(LineEnded, match="bye"):
                await console.expect(pattern("login:"), seconds=30)

    virtual.run(main)


def test_a_flood_is_heard_without_being_kept() -> None:
    """Old text is forgotten, and what comes after ten megabytes is found."""
    noise = b"no work and all play\r\n" * 3000

    async def main() -> None:
        console = on(Chunks(*[noise] * 150, b"web login: ", pause=0))
        found = await console.expect(pattern("login:"), pattern("/never [0-9]+$/"), seconds=60)
        assert found.text == "login:"
        assert len(found.before) <= 3 * LIMIT

    virtual.run(main)


def test_a_console_that_never_stops_talking_does_not_stop_the_clock() -> None:
    """Bytes that are there at once are no reason to miss a deadline."""

    class Talker(Chunks):
        async def receive(self) -> bytes:
            import anyio

            self.pause += 1
            if self.pause % 100 == 0:
                await anyio.sleep(0.5)
            return b"blah"

    async def main() -> None:
        with pytest.raises(TimedOut):
            await on(Talker(pause=0)).expect(pattern("login:"), seconds=5)

    virtual.run(main)


def test_silence_is_noticed() -> None:
    """settled tells a console that waits from one that goes on."""

    async def main() -> None:
        assert await on(Chunks(b"a", b"b")).settled(0.5, seconds=10)
        assert not await on(Chunks(*[b"a"] * 1000, pause=0.1)).settled(0.5, seconds=10)

    virtual.run(main)


@pytest.mark.parametrize("text", ["/a+b/", "/x(?=y)/", "/^a/"])
def test_a_regular_expression_is_looked_for_within_a_line(text: str) -> None:
    """Lines that were looked through are not looked through again."""
    search = Search([pattern(text)])
    assert search.look("b\n" * 1000) is None
    assert search.scanned(2000) > 1900


def test_search_agrees_with_re() -> None:
    """Groups are those of the shortest match."""
    search = Search([pattern(r"/link=(\w+)\s/")])
    found = search.look("x\nlink=enp0s6 link=b \n")
    assert found is not None
    assert found[3] == ("enp0s6",)
    assert re.search(r"link=(\w+)\s", "link=enp0s6 ") is not None
