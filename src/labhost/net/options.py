"""Options as getopt_long(3C) reads them: short ones may be joined, long ones cut, operands stand anywhere."""

from __future__ import annotations


class OptionError(Exception):
    """An option that is unknown or lacks its value, worded as dladm(8) and ipadm(8) do."""

    def __init__(self, letter: str, *, missing: bool) -> None:
        text = f"option '-{letter}' requires a value" if missing else f"unrecognized option '-{letter}'"
        super().__init__(text)
        self.text = text


def parse(argv: list[str], short: str, long: dict[str, str] | None = None) -> tuple[list[tuple[str, str]], list[str]]:
    """Split argv into (letter, value) pairs and operands; `short` is a getopt string, `long` maps names to letters."""
    takes = {c: short[i + 1 : i + 2] == ":" for i, c in enumerate(short) if c != ":"}
    found: list[tuple[str, str]] = []
    operands: list[str] = []
    words = list(argv)
    while words:
        word = words.pop(0)
        if word == "--":
            operands += words
            break
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            letters = {c for n, c in (long or {}).items() if n == name} or {
                c for n, c in (long or {}).items() if n.startswith(name)
            }
            if len(letters) != 1:
                raise OptionError("?", missing=False)
            letter = letters.pop()
            if takes.get(letter) and not equals:
                if not words:
                    raise OptionError(letter, missing=True)
                value = words.pop(0)
            found.append((letter, value))
        elif len(word) > 1 and word[0] == "-":
            _letters(word[1:], takes, words, found)
        else:
            operands.append(word)
    return found, operands


def _letters(run: str, takes: dict[str, bool], words: list[str], found: list[tuple[str, str]]) -> None:
    while run:
        letter, run = run[0], run[1:]
        if letter not in takes:
            raise OptionError(letter, missing=False)
        if not takes[letter]:
            found.append((letter, ""))
            continue
        if not run and not words:
            raise OptionError(letter, missing=True)
        found.append((letter, run or words.pop(0)))
        return
