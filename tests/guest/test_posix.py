"""Texts for a POSIX shell, tried with the shells and tools of this machine."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoneweaver.guest import posix

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=200)


def sh(script: str, shell: str = "sh") -> bytes:
    return subprocess.run([shell, "-c", script], capture_output=True, check=True, timeout=30).stdout


@given(TEXT)
@settings(max_examples=25)
def test_any_text_is_printed_back(text: str) -> None:
    """Whatever is in it: quotes, per cent, backslashes, control characters, other scripts."""
    pieces = list(posix.pieces(posix.printable(text), 60))
    assert all(piece.isascii() and "'" not in piece and (piece.isprintable() or not piece) for piece in pieces)
    lines = [f"zw={'' if not place else '$zw'}'{piece}'" for place, piece in enumerate(pieces)]
    for shell in ("sh", "bash"):
        assert sh("\n".join([*lines, 'printf "$zw"']), shell) == text.encode()


@pytest.mark.parametrize(
    "text", ["", "-", "---\na: 100%\n", "%s%d\\n\\", "a'b\"c$d`e!f", "\x01\x7f\t", "é漢\U0001f600", "-n x", "a\\055b"]
)
def test_texts_that_are_traps_are_printed_back(text: str) -> None:
    """A dash that is no option, a per cent that is no format, a backslash that is none."""
    assert sh(f"zw='{posix.printable(text)}'; printf \"$zw\"") == text.encode()


@given(st.binary(max_size=300))
@settings(max_examples=15)
def test_cksum_is_that_of_the_command(data: bytes) -> None:
    """Checksum and size."""
    told = subprocess.run(["cksum"], input=data, capture_output=True, check=True).stdout.decode().split()
    assert posix.cksum(data).split() == told[:2]
