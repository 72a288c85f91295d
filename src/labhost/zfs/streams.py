"""The stream between `zfs send` and `zfs receive`: a header, then each snapshot with its content, then an end mark.

A line of JSON begins every part: `{"part": "begin"|"snapshot"|"data"|"layer"|"file"|"folder"|"link"|"end", …}`; `data`,
`layer` and `file` are followed by as many bytes as `length` says. Without the end mark a stream is not received at all.
"""

from __future__ import annotations

import errno
import os
import stat
import time

from labhost import jsontext
from labhost.zfs import contents, layers
from labhost.zfs.errors import ZfsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, BinaryIO

    from labhost.zfs.datasets import Datasets

    Part = dict[str, Any]

MAGIC = "labhost zfs stream 1"
_CHUNK = 1 << 18
_OVERHEAD = 12864


class Sender:
    """Writes a stream; `rate` bytes a second at most (0: as fast as it goes)."""

    __slots__ = ("begun", "out", "rate", "sent")

    def __init__(self, out: BinaryIO, rate: float) -> None:
        self.out = out
        self.rate = rate
        self.sent = 0
        self.begun = time.monotonic()

    def part(self, **facts: Any) -> None:
        """Write the line that begins a part."""
        self.out.write(jsontext.dumps(facts).encode() + b"\n")

    def data(self, piece: bytes) -> None:
        """Write content, no faster than the rate."""
        self.out.write(piece)
        self.sent += len(piece)
        if self.rate:
            ahead = self.sent / self.rate - (time.monotonic() - self.begun)
            if ahead > 0:
                self.out.flush()
                time.sleep(ahead)

    def volume(self, path: str) -> None:
        """Write what a volume's file holds, without its holes."""
        try:
            number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            at, end = 0, os.fstat(number).st_size
            while at < end:
                try:
                    at = os.lseek(number, at, os.SEEK_DATA)
                except OSError as error:
                    if error.errno == errno.ENXIO:
                        return
                    raise
                hole = os.lseek(number, at, os.SEEK_HOLE)
                while at < hole:
                    piece = os.pread(number, min(hole - at, _CHUNK), at)
                    self.part(part="data", at=at, length=len(piece))
                    self.data(piece)
                    at += len(piece)
        finally:
            os.close(number)

    def layer(self, path: str) -> None:
        """Write the layer of a volume's file, if it has one."""
        from tempfile import TemporaryDirectory

        if not os.path.isdir(layers.beside(path)):
            return
        with TemporaryDirectory() as folder:
            layers.pack(path, f"{folder}/layer.tar")
            with open(f"{folder}/layer.tar", "rb") as file:
                self.part(part="layer", length=os.fstat(file.fileno()).st_size)
                while piece := file.read(_CHUNK):
                    self.data(piece)

    def folder(self, path: str, inside: str = "") -> None:
        """Write what a folder holds."""
        if not os.path.isdir(path):
            return
        for entry in sorted(os.scandir(path), key=lambda entry: entry.name):
            facts = entry.stat(follow_symlinks=False)
            name = f"{inside}{entry.name}"
            about = {"name": name, "mode": stat.S_IMODE(facts.st_mode), "time": facts.st_mtime_ns}
            if stat.S_ISDIR(facts.st_mode):
                self.part(part="folder", **about)
                self.folder(entry.path, name + "/")
            elif stat.S_ISLNK(facts.st_mode):
                self.part(part="link", name=name, to=os.readlink(entry.path))
            elif stat.S_ISREG(facts.st_mode):
                with open(entry.path, "rb") as file:
                    self.part(part="file", length=facts.st_size, **about)
                    while piece := file.read(_CHUNK):
                        self.data(piece)


def size_of(datasets: Datasets, full: str) -> int:
    """Return about how many bytes the stream of a snapshot has."""
    facts = datasets.open(full)
    place = contents.place(datasets.world, facts["objset"])
    if datasets.all[full.partition("@")[0]]["type"] == "volume":
        return _OVERHEAD + contents.allocated(datasets.world, facts["objset"])
    whole = _OVERHEAD
    for folder, _, files in os.walk(place):
        whole += sum(os.lstat(os.path.join(folder, file)).st_size for file in files)
    return whole


def send(datasets: Datasets, steps: list[Part], out: BinaryIO, rate: float) -> None:
    """Write the snapshots of `steps` ({"snapshot", "from", "relative", "props", …}) as one stream."""
    sender = Sender(out, rate)
    sender.part(part="begin", magic=MAGIC)
    for step in steps:
        full = step["snapshot"]
        facts = datasets.open(full)
        kind = datasets.all[full.partition("@")[0]]["type"]
        sender.part(
            part="snapshot", type=kind, guid=facts["guid"], created=facts["created"], local=facts["local"],
            refer=facts["refer"], volsize=facts.get("volsize"), **step,
        )  # fmt: skip
        place = contents.place(datasets.world, facts["objset"])
        if kind == "volume":
            sender.volume(place)
            sender.layer(place)
        else:
            sender.folder(place)
    sender.part(part="end", snapshots=len(steps))
    out.flush()


class Receiver:
    """Reads a stream into passing files; nothing of it is to be seen before it ended well."""

    __slots__ = ("folder", "source", "steps")

    def __init__(self, source: BinaryIO, folder: str) -> None:
        self.source = source
        self.folder = folder
        self.steps: list[Part] = []

    def read(self) -> list[Part]:
        """Return the snapshots of the whole stream, each with the `place` of its content."""
        head = self._line()
        if head is None or head.get("magic") != MAGIC:
            raise ZfsError("cannot receive: invalid stream (bad magic number)")
        while True:
            part = self._line()
            if part is None:
                raise ZfsError("cannot receive: invalid stream (incomplete stream)")
            if part["part"] == "end":
                return self.steps
            self._take(part)

    def _line(self) -> Part | None:
        line = self.source.readline()
        if not line.endswith(b"\n"):
            return None
        try:
            return jsontext.loads(line.decode())  # type: ignore[no-any-return]
        except (ValueError, UnicodeDecodeError):
            return None

    def _take(self, part: Part) -> None:
        if part["part"] == "snapshot":
            place = f"{self.folder}/{len(self.steps)}"
            part["place"] = place
            if part["type"] == "volume":
                with open(place, "wb") as file:
                    file.truncate(part["volsize"])
            else:
                os.makedirs(place)
            self.steps.append(part)
            return
        place = self.steps[-1]["place"]
        if part["part"] == "data":
            piece = self._bytes(part["length"])
            with open(place, "r+b") as file:
                file.seek(part["at"])
                file.write(piece)
            return
        if part["part"] == "layer":
            self._file(f"{place}.tar", part["length"])
            layers.unpack(f"{place}.tar", place)
            os.unlink(f"{place}.tar")
            return
        goal = os.path.normpath(f"{place}/{part['name']}")
        if not goal.startswith(place + "/"):
            raise ZfsError("cannot receive: invalid stream (bad name)")
        if part["part"] == "link":
            os.symlink(part["to"], goal)
            return
        if part["part"] == "folder":
            os.makedirs(goal)
        else:
            self._file(goal, part["length"])
        os.chmod(goal, part["mode"])
        os.utime(goal, ns=(part["time"], part["time"]))

    def _file(self, path: str, length: int) -> None:
        with open(path, "wb") as file:
            while length:
                piece = self._bytes(min(length, _CHUNK))
                file.write(piece)
                length -= len(piece)

    def _bytes(self, length: int) -> bytes:
        piece = self.source.read(length)
        if len(piece) < length:
            raise ZfsError("cannot receive: failed to read from stream")
        return piece
