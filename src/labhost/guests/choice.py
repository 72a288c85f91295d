"""Which guests the zones of a new world get, and why: what was asked for, else the best that this machine can have."""

from __future__ import annotations

import os

from labhost.guests import container, qemu, qemu_probe
from labhost.templates import recipe
from labhost.templates.cache import Template, TemplateError
from labhost.templates.work import need

KINDS = {
    "none": "zones run without a guest: everything but consoles and provisioning can be tried",
    "scripted": "zones run a scripted guest on their console, the quickest kind",
    "container": "zones run a whole Debian in a container",
    "qemu": "zones run whole machines",
}
VARIABLE = "ZONEWEAVER_LAB_GUEST"


class UnknownKind(ValueError):
    """There are no such guests."""


def choose(wanted: str, folder: str = "") -> tuple[str, str]:
    """Return the kind of guests for a lab in this folder and a sentence without its stop; no wish means the best.

    Raises UnknownKind.
    """
    if wanted and wanted not in KINDS:
        raise UnknownKind(f"{VARIABLE} is one of {', '.join(KINDS)}, not {wanted!r}")
    if wanted in ("none", "scripted"):
        return wanted, KINDS[wanted]
    if wanted:
        missing = container.why_not(folder) if wanted == "container" else qemu.why_not()
        if missing:
            return "scripted", f"{wanted} guests cannot be had here, {missing}; {KINDS['scripted']}"
        if wanted == "container":
            return wanted, KINDS[wanted]
        fast, why = qemu_probe.answer()
        return wanted, f"{KINDS[wanted]}, " + (why if fast else f"slowly: {why}")
    kind, why = _best(folder)
    return kind, f"{why}; {VARIABLE} chooses another"


def _best(folder: str) -> tuple[str, str]:
    missing = container.why_not(folder) or _no_template()
    if missing:
        return "scripted", f"{KINDS['scripted']}; real ones cannot be had here, {missing}"
    no_machine = qemu.why_not()
    if not no_machine:
        fast, no_machine = qemu_probe.answer()
        if fast:
            return "qemu", f"{KINDS['qemu']}, {no_machine}"
    return "container", f"{KINDS['container']}; no machines of their own, {no_machine}"


def _no_template() -> str:
    """Return why there is no system to run, and none can be made; empty when there is or can be."""
    if Template(recipe.NAME).has_root:
        return ""
    if os.uname().machine != "x86_64":
        return f"there is no template for {os.uname().machine}"
    try:
        need("mmdebstrap", "setpriv", "unshare")
    except TemplateError as problem:
        return str(problem)
    return ""
