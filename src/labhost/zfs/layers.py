"""What a container's guest has written: a layer beside its volume's file, over the root of a template.

`volumes/OBJSET.layer/` holds `base`, a file with the path of the root below, and `upper/`, the layer of overlayfs with
all its marks (whiteouts, owners, extended attributes). `work/` is overlayfs's own and belongs to no copy.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from labhost.world import World

KEPT = ("base", "upper")


class LayerError(Exception):
    """A program that carries layers about did not end well."""


def beside(volume: str) -> str:
    """Return where the layer of a volume's file is."""
    return f"{volume}.layer"


def begin(world: World, objset: int, root: str) -> None:
    """Let a volume's file system begin as an unpacked root, an absolute path of this machine."""
    from labhost.zfs.contents import place

    layer = beside(place(world, objset))
    os.makedirs(f"{layer}/upper", exist_ok=True)
    with open(f"{layer}/base.new", "w", encoding="utf-8") as file:
        file.write(root + "\n")
    os.rename(f"{layer}/base.new", f"{layer}/base")


def base(layer: str) -> str:
    """Return the root below a layer; empty when there is none."""
    try:
        with open(f"{layer}/base", encoding="utf-8") as file:
            return file.read().strip()
    except (FileNotFoundError, NotADirectoryError):
        return ""


def copy(volume: str, target: str) -> None:
    """Give another volume's file the same layer, or none when there is none. Raises LayerError."""
    source, goal = beside(volume), beside(target)
    remove(target)
    if not os.path.isdir(source):
        return
    passing = f"{goal}.{os.getpid()}"
    os.mkdir(passing)
    kept = [f"{source}/{name}" for name in KEPT if os.path.exists(f"{source}/{name}")]
    try:
        _run("cp", "-a", "--sparse=auto", "--reflink=auto", *kept, passing + "/")
        os.rename(passing, goal)
    except BaseException:
        _clear(passing)
        raise


def move(volume: str, target: str) -> None:
    """Let a layer follow its volume's file to another name."""
    if os.path.isdir(beside(volume)):
        remove(target)
        os.rename(beside(volume), beside(target))


def remove(volume: str) -> None:
    """Remove the layer of a volume's file, if there is one."""
    layer = beside(volume)
    if os.path.isdir(layer):
        _clear(layer)


def _clear(folder: str) -> None:
    from shutil import rmtree

    rmtree(folder)


def mark(volume: str) -> str:
    """Return a short text that changes when anything in the layer does; empty without a layer."""
    layer = beside(volume)
    if not os.path.isdir(layer):
        return ""
    from labhost.zfs.contents import folder_mark

    return folder_mark(layer, {f"{layer}/work"})


def pack(volume: str, archive: str) -> bool:
    """Write a layer into an archive; False when there is none. Raises LayerError."""
    layer = beside(volume)
    if not os.path.isdir(layer):
        return False
    kept = [name for name in KEPT if os.path.exists(f"{layer}/{name}")]
    _run("tar", "--create", "--file", archive, "--directory", layer, *_ATTRIBUTES, "--sparse", *kept)
    return True


def unpack(archive: str, volume: str) -> None:
    """Make the layer of a volume's file from an archive. Raises LayerError."""
    remove(volume)
    os.mkdir(beside(volume))
    _run("tar", "--extract", "--file", archive, "--directory", beside(volume), *_ATTRIBUTES, "--same-owner", "-p")


_ATTRIBUTES = ("--xattrs", "--xattrs-include=*", "--numeric-owner")


def _run(*argv: str) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    from labhost import machine

    program = machine.find(argv[0])
    if program is None:
        raise LayerError(f"there is no program {argv[0]}")
    pid = os.posix_spawn(program, argv, os.environ)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code != 0:
        raise LayerError(f"{argv[0]} ended with {code}")
