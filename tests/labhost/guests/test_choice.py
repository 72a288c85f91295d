"""Which guests a machine can have: what was asked for, what is missing, and whether its processor runs machines."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from labhost.guests import choice, container, qemu, qemu_probe, qemu_words

Machine = Callable[..., None]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Return what says what this machine has: containers, machines, a processor that runs them, a template."""

    def has(*, containers: str = "", machines: str = "", fast: bool = False, template: str = "") -> None:
        monkeypatch.setattr(container, "why_not", lambda _folder="": containers)
        monkeypatch.setattr(qemu, "why_not", lambda: machines)
        monkeypatch.setattr(qemu_probe, "answer", lambda: (fast, "it was tried"))
        monkeypatch.setattr(choice, "_no_template", lambda: template)

    return has


@pytest.mark.parametrize(
    ("missing", "wanted", "kind", "words"),
    [
        ({"fast": True}, "", "qemu", "whole machines, it was tried; ZONEWEAVER_LAB_GUEST chooses"),
        ({}, "", "container", "no machines of their own, it was tried"),
        ({"machines": "no QEMU"}, "", "container", "no machines of their own, no QEMU"),
        ({"containers": "this is not root"}, "", "scripted", "cannot be had here, this is not root"),
        ({"template": "no template", "fast": True}, "", "scripted", "cannot be had here, no template"),
        ({"fast": True}, "container", "container", "a whole Debian"),
        ({"containers": "this is not root"}, "container", "scripted", "this is not root"),
        ({}, "qemu", "qemu", "slowly: it was tried"),
        ({"fast": True}, "qemu", "qemu", "whole machines, it was tried"),
        ({"machines": "no QEMU"}, "qemu", "scripted", "qemu guests cannot be had here, no QEMU"),
        ({"fast": True}, "scripted", "scripted", "scripted guest"),
        ({"fast": True}, "none", "none", "without a guest"),
    ],
)
def test_the_best_that_can_be_had_is_taken(
    machine: Machine, missing: dict[str, object], wanted: str, kind: str, words: str
) -> None:
    """A wish is fulfilled or replaced by scripted guests, no wish gets the best; the sentence says why."""
    machine(**missing)
    chosen, why = choice.choose(wanted)
    assert chosen == kind
    assert words in why
    assert "\n" not in why


def test_unknown_guests_are_refused() -> None:
    """A kind that nobody knows is named, with those there are."""
    with pytest.raises(choice.UnknownKind, match="not 'vmware'"):
        choice.choose("vmware")


@pytest.fixture
def probed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], tuple[bool, str]]:
    """Return what probes a machine whose QEMU is this script and whose kernel is there."""
    folder = tmp_path / "bin"
    folder.mkdir()
    kernel = tmp_path / "cache/mine/root/boot/vmlinuz-1"
    kernel.parent.mkdir(parents=True)
    kernel.touch()
    monkeypatch.setenv("ZONEWEAVER_LAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr(qemu_probe, "LIMIT", 0.5)
    monkeypatch.setattr(qemu_probe, "_may", lambda: True)

    def probe(script: str) -> tuple[bool, str]:
        program = folder / qemu_words.PROGRAM
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        return qemu_probe.answer()

    return probe


def test_a_kernel_that_starts_is_the_proof(probed: Callable[[str], tuple[bool, str]], tmp_path: Path) -> None:
    """What was found out holds until the machine is started anew, whatever is there by then."""
    yes, why = probed("echo 'Linux version 6.1'; exec sleep 1000")
    assert yes
    assert "a kernel started" in why
    assert probed("exit 1") == (yes, why)
    memory = tmp_path / "cache" / qemu_probe._MEMORY
    memory.write_text(memory.read_text().replace(qemu_probe._boot(), "another boot"))
    assert probed("exit 1")[0] is False


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo 'failed to set MSR' >&2; exit 134", "does not run machines: failed to set MSR"),
        ("exit 1", "does not run machines: no word"),
        ("exec sleep 1000", "no kernel started on it"),
        ("printf 'SeaBIOS\\nProbing EDD'; exec sleep 1000", "no kernel started on it"),
    ],
)
def test_a_device_that_is_only_there_is_no_proof(
    probed: Callable[[str], tuple[bool, str]], script: str, words: str
) -> None:
    """A machine that fails, crawls or hangs is given up after a while, and the sentence says what was seen."""
    yes, why = probed(script)
    assert not yes
    assert words in why
