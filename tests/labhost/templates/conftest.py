"""A cache of one's own, and stand-ins for the programs that take their time."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from labhost.templates import recipe
from labhost.templates.cache import Template

Program = Callable[..., Path]

QUICK = """
root=
for word in "$@"; do case "$word" in */root) root=$word;; esac; done
mkdir -p "$root/etc" "$root/boot" "$root/usr"
echo kernel >"$root/boot/vmlinuz-6.1.0-9-amd64"; echo old >"$root/boot/vmlinuz-6.1.0-10-amd64"
echo initial >"$root/boot/initrd.img-6.1.0-10-amd64"
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a cache that holds nothing."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("ZONEWEAVER_LAB_CACHE", str(folder))
    return folder


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Return what puts a shell script in the place of a program."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def make(name: str, script: str) -> Path:
        place = folder / name
        place.write_text(f"#!/bin/sh\nset -eu\n{script}")
        place.chmod(0o755)
        return place

    return make


@pytest.fixture
def template(cache: Path) -> Template:
    """Return the entry of Debian's template, not made yet."""
    return Template(recipe.NAME)
