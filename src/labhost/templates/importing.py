"""Bringing somebody's own disk image into the cache as a template."""

from __future__ import annotations

import os

from labhost.templates import work
from labhost.templates.cache import Lock, Template, TemplateError, remove

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_QCOW2 = b"QFI\xfb"
_GRAIN = 1 << 20


def import_(name: str, file: str, say: Callable[[str], None]) -> Template:
    """Make a template of a raw or qcow2 disk image; the file stays as it is. Raises TemplateError."""
    template = Template(name)
    try:
        with open(file, "rb") as image:
            head = image.read(24)
    except OSError as problem:
        raise TemplateError(f"{file}: {problem.strerror}") from None
    kind = "qcow2" if head.startswith(_QCOW2) else "raw"
    if kind == "qcow2" and int.from_bytes(head[8:16], "big"):
        raise TemplateError(f"{file} is only what differs from another image: flatten it first (qemu-img convert)")
    if not head:
        raise TemplateError(f"{file} is empty")
    with Lock(template, say):
        if template.has_root or template.has_disk:
            raise TemplateError(f"there is a template {name} already: {template.top}")
        remove(template.workshop)
        os.makedirs(template.workshop)
        disk = f"{template.workshop}/disk.raw"
        try:
            if kind == "qcow2":
                work.need("qemu-img")
                work.run(["qemu-img", "convert", "-f", kind, "-O", "raw", file, disk], say)
            else:
                from labhost.zfs.contents import copy_volume

                copy_volume(file, disk)
            os.truncate(disk, -(-os.stat(disk).st_size // _GRAIN) * _GRAIN)
            template.publish(disk, template.disk)
        except OSError as problem:
            raise TemplateError(f"{file}: {problem.strerror}") from None
        finally:
            remove(template.workshop)
    say(f"{kind} image of {os.stat(template.disk).st_size >> 20} MiB: {template.disk}")
    return template
