"""The bootable disk of a template from its root: one GPT disk that starts by a BIOS and by UEFI, made without a mount.

A partition for the firmware holds kernel and initial file system, syslinux for the BIOS and systemd-boot for UEFI; the
other one is the root, which grows with its disk.
"""

from __future__ import annotations

import os

from labhost.templates import recipe, work
from labhost.templates.cache import TemplateError, remove

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from labhost.templates.cache import Template

_MEBIBYTE = 1 << 20
_BOOT_AT, _BOOT_SIZE = 1 * _MEBIBYTE, 96 * _MEBIBYTE
_ROOT_AT = _BOOT_AT + _BOOT_SIZE
_TAIL = 1 * _MEBIBYTE  # for the second table of partitions
_SECTOR = 512
_MBR, _MBR_SIZE = "/usr/lib/syslinux/mbr/gptmbr.bin", 440
_LOADER = "/usr/lib/syslinux/modules/bios/ldlinux.c32"
_EFI = "/usr/lib/systemd/boot/efi/systemd-bootx64.efi"
_SYSLINUX = (
    "SERIAL 0 115200\nDEFAULT linux\nPROMPT 0\nLABEL linux\n LINUX /vmlinuz\n INITRD /initrd.img\n"
    f" APPEND {recipe.KERNEL_WORDS}\n"
)
_ENTRY = f"title Debian 12\nlinux /vmlinuz\ninitrd /initrd.img\noptions {recipe.KERNEL_WORDS}\n"


def build(template: Template, say: Callable[[str], None]) -> None:
    """Make the disk of a template's root and publish it. Raises TemplateError."""
    work.need("sfdisk", "mkfs.vfat", "mmd", "mcopy", "syslinux", "mke2fs")
    for file in (_MBR, _LOADER, _EFI):
        if not os.path.exists(file):
            raise TemplateError(f"there is no {file} on this machine: run tools/guests install")
    shop = template.workshop
    os.makedirs(shop, exist_ok=True)
    log, disk = f"{shop}/log", f"{shop}/disk.raw"
    remove(disk)
    say("making a disk of it")
    with open(disk, "wb") as whole:
        whole.truncate(recipe.SIZE)
    _partition(shop, disk, say)
    boot = _boot_files(template, say)
    root_size = (recipe.SIZE - _ROOT_AT - _TAIL) // 1024
    argv = ["mke2fs", "-q", "-F", "-t", "ext4", "-L", recipe.ROOT_LABEL, "-m", "1", "-d", template.root]
    argv += ["-E", f"offset={_ROOT_AT},lazy_itable_init=1,lazy_journal_init=1", disk, f"{root_size}k"]
    work.run(argv, say, log=log)
    with open(disk, "r+b") as whole, open(boot, "rb") as part, open(_MBR, "rb") as code:
        whole.seek(0)
        whole.write(code.read(_MBR_SIZE))
        at = _BOOT_AT
        while piece := part.read(_MEBIBYTE):
            if piece.strip(b"\0"):
                whole.seek(at)
                whole.write(piece)
            at += len(piece)
    template.publish(disk, template.disk)


def _partition(shop: str, disk: str, say: Callable[[str], None]) -> None:
    root_size = recipe.SIZE - _ROOT_AT - _TAIL
    table = (
        "label: gpt\n"
        f'start={_BOOT_AT // _SECTOR}, size={_BOOT_SIZE // _SECTOR}, type=U, name=boot, attrs="LegacyBIOSBootable"\n'
        f"start={_ROOT_AT // _SECTOR}, size={root_size // _SECTOR}, "
        f"type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, name={recipe.ROOT_LABEL}\n"
    )
    with open(f"{shop}/partitions", "w", encoding="ascii") as file:
        file.write(table)
    work.run(["sh", "-c", 'sfdisk --quiet "$1" <"$2"', "sh", disk, file.name], say, log=f"{shop}/log")


def _boot_files(template: Template, say: Callable[[str], None]) -> str:
    """Make the file system that the firmware reads; return its file."""
    shop, log = template.workshop, f"{template.workshop}/log"
    boot = f"{shop}/boot.vfat"
    remove(boot)
    with open(boot, "wb") as file:
        file.truncate(_BOOT_SIZE)
    texts = {"syslinux.cfg": _SYSLINUX, "lab.conf": _ENTRY, "loader.conf": "default lab\ntimeout 0\n"}
    for name, text in texts.items():
        with open(f"{shop}/{name}", "w", encoding="ascii") as file:
            file.write(text)
    folders = ("EFI", "EFI/BOOT", "loader", "loader/entries", "syslinux")
    copies = {
        _newest(template, "vmlinuz-"): "vmlinuz", _newest(template, "initrd.img-"): "initrd.img",
        _EFI: "EFI/BOOT/BOOTX64.EFI", f"{shop}/loader.conf": "loader/loader.conf",
        f"{shop}/lab.conf": "loader/entries/lab.conf", f"{shop}/syslinux.cfg": "syslinux/syslinux.cfg",
        _LOADER: "syslinux/ldlinux.c32",
    }  # fmt: skip
    work.run(["mkfs.vfat", "-F", "32", "-n", "BOOT", boot], say, log=log)
    work.run(["mmd", "-i", boot, *(f"::{folder}" for folder in folders)], say, log=log)
    for source, goal in copies.items():
        work.run(["mcopy", "-i", boot, source, f"::{goal}"], say, log=log)
    work.run(["syslinux", "-d", "syslinux", "-i", boot], say, log=log)
    return boot


def _newest(template: Template, stem: str) -> str:
    """Return the kernel's or the initial file system's file with the highest version."""
    found = [name for name in os.listdir(f"{template.root}/boot") if name.startswith(stem)]
    if not found:
        raise TemplateError(f"there is no {stem}… in {template.root}/boot")
    return f"{template.root}/boot/{max(found, key=_version)}"


def _version(name: str) -> list[int]:
    return [int(word) for word in name.replace("-", ".").split(".") if word.isdigit()]
