"""What datasets hold: volumes as sparse files with device nodes, filesystems as folders, and copies of both."""

from __future__ import annotations

import errno
import os
import stat

from labhost.zfs import layers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from labhost.world import World

_SECTOR = 512


def place(world: World, objset: int) -> str:
    """Return the file (volumes) or folder (snapshots of filesystems) that holds an object set's content."""
    return f"{world.path}/volumes/{objset}"


def allocated(world: World, objset: int) -> int:
    """Return how many bytes of a volume are really stored."""
    try:
        return os.stat(f"{world.path}/volumes/{objset}").st_blocks * _SECTOR
    except FileNotFoundError:
        return 0


def volume_mark(world: World, objset: int) -> str:
    """Return a short text that changes when a volume is written, or its content replaced."""
    try:
        facts = os.stat(f"{world.path}/volumes/{objset}")
    except FileNotFoundError:
        return "-"
    # Clocks are coarse: two contents of one moment are told apart by their file.
    return f"{facts.st_ino}:{facts.st_mtime_ns}{layers.mark(place(world, objset))}"


def make_volume(world: World, objset: int, size: int) -> None:
    """Make a volume's content, all zero; OSError, and none is there, when this machine has no files of that size."""
    where = place(world, objset)
    number = os.open(where, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.ftruncate(number, size)
    except OSError:
        os.unlink(where)
        raise
    finally:
        os.close(number)


def resize_volume(world: World, objset: int, size: int) -> None:
    """Give a volume another size; what lies beyond a smaller one is lost. OSError as for a new one."""
    os.truncate(place(world, objset), size)


def copy_volume(source: str, target: str, size: int | None = None) -> None:
    """Copy a volume's content, holes as holes, into a new file of `size` bytes (as the source unless told)."""
    passing = f"{target}.{os.getpid()}"
    reader = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    writer = os.open(passing, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        end = os.fstat(reader).st_size
        os.ftruncate(writer, end)
        at = 0
        while at < end:
            try:
                start = os.lseek(reader, at, os.SEEK_DATA)
            except OSError as error:
                if error.errno == errno.ENXIO:
                    break
                raise
            at = os.lseek(reader, start, os.SEEK_HOLE)
            _copy_range(reader, writer, start, at)
        if size is not None:
            os.ftruncate(writer, size)
    except BaseException:
        os.unlink(passing)
        raise
    finally:
        os.close(reader)
        os.close(writer)
    os.rename(passing, target)


def _copy_range(reader: int, writer: int, start: int, end: int) -> None:
    while start < end:
        try:
            done = os.copy_file_range(reader, writer, end - start, start, start)
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
                raise
            done = os.pwrite(writer, os.pread(reader, min(end - start, 1 << 20), start), start)
        if done == 0:
            return
        start += done


def is_hollow(path: str) -> bool:
    """Tell whether a volume's file holds nothing at all."""
    try:
        return os.stat(path).st_blocks == 0
    except FileNotFoundError:
        return True


def forget(world: World, objset: int) -> None:
    """Remove an object set's content, if it has any."""
    where = place(world, objset)
    layers.remove(where)
    try:
        os.unlink(where)
    except FileNotFoundError:
        return
    except (IsADirectoryError, PermissionError):
        empty_folder(where, ())
        os.rmdir(where)


def add_nodes(world: World, name: str, objset: int) -> None:
    """Make the device nodes of a volume, block and raw."""
    for kind in ("dsk", "rdsk"):
        node = f"{world.root}/dev/zvol/{kind}/{name}"
        os.makedirs(os.path.dirname(node), exist_ok=True)
        try:
            os.symlink(place(world, objset), node)
        except FileExistsError:
            os.unlink(node)
            os.symlink(place(world, objset), node)


def remove_nodes(world: World, name: str) -> None:
    """Remove the device nodes of a volume and the folders that were there for them alone."""
    for kind in ("dsk", "rdsk"):
        base = f"{world.root}/dev/zvol/{kind}"
        node = f"{base}/{name}"
        try:
            os.unlink(node)
        except FileNotFoundError:
            continue
        above = os.path.dirname(node)
        while above != base:
            try:
                os.rmdir(above)
            except OSError:
                break
            above = os.path.dirname(above)


def empty_folder(folder: str, spared: Collection[str]) -> None:
    """Remove all that is in a folder, except the folders in `spared` and the way to them."""
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return
    for entry in entries:
        if entry.path in spared:
            continue
        if entry.is_dir(follow_symlinks=False):
            empty_folder(entry.path, spared)
            try:
                os.rmdir(entry.path)
            except OSError as error:
                if error.errno != errno.ENOTEMPTY:
                    raise
        else:
            os.unlink(entry.path)


def copy_folder(source: str, target: str, spared: Collection[str] = ()) -> None:
    """Copy files, folders and links of a folder (other kinds are not kept), without the folders in `spared`."""
    for entry in os.scandir(source):
        if entry.path in spared:
            continue
        goal = f"{target}/{entry.name}"
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), goal)
            continue
        facts = entry.stat(follow_symlinks=False)
        if stat.S_ISDIR(facts.st_mode):
            os.makedirs(goal, exist_ok=True)
            copy_folder(entry.path, goal, spared)
        elif stat.S_ISREG(facts.st_mode):
            copy_volume(entry.path, goal)
        else:
            continue
        os.chmod(goal, stat.S_IMODE(facts.st_mode))
        os.utime(goal, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def folder_is_empty(folder: str) -> bool:
    """Tell whether a folder is absent or has nothing in it."""
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is None
    except FileNotFoundError:
        return True


def folder_mark(folder: str, spared: Collection[str] = ()) -> str:
    """Return a short text over names, sizes, times and modes in a folder that changes when any of them does."""
    from hashlib import blake2b

    digest = blake2b(digest_size=12)
    _digest_folder(folder, "", spared, digest.update)
    return digest.hexdigest()


def _digest_folder(folder: str, inside: str, spared: Collection[str], update: Callable[[bytes], None]) -> None:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    for entry in entries:
        if entry.path in spared:
            continue
        facts = entry.stat(follow_symlinks=False)
        here = f"{inside}/{entry.name}"
        if stat.S_ISDIR(facts.st_mode):
            update(f"{here}/ {facts.st_mode}\n".encode(errors="surrogateescape"))
            _digest_folder(entry.path, here, spared, update)
        elif stat.S_ISREG(facts.st_mode) or stat.S_ISLNK(facts.st_mode):
            line = f"{here} {facts.st_mode} {facts.st_size} {facts.st_mtime_ns}\n"
            update(line.encode(errors="surrogateescape"))
