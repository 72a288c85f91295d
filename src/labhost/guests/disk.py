"""The files of a scripted guest, kept in a folder of the lab: they outlive a boot and can be looked at."""

from __future__ import annotations

import os


def disk_folder(zone: str) -> str:
    """Return the folder, in the lab's `run`, that holds the files a scripted guest of a zone has written."""
    return f"{zone}.disk"


class Disk:
    """A small file system; paths are absolute and never leave the folder."""

    __slots__ = ("top",)

    def __init__(self, top: str) -> None:
        self.top = top
        os.makedirs(top, exist_ok=True)

    def place(self, path: str) -> str:
        """Return where a path of the guest lies on this machine."""
        return self.top + os.path.normpath("/" + path.lstrip("/"))

    def exists(self, path: str) -> bool:
        """Tell whether there is something of this name."""
        return os.path.exists(self.place(path))

    def is_folder(self, path: str) -> bool:
        """Tell whether it is a folder."""
        return os.path.isdir(self.place(path))

    def read(self, path: str) -> str:
        """Return a file's text; bytes that are no text survive."""
        with open(self.place(path), encoding="utf-8", errors="surrogateescape", newline="") as file:
            return file.read()

    def write(self, path: str, text: str, *, append: bool = False) -> None:
        """Write a file whose folder exists."""
        mode = "a" if append else "w"
        with open(self.place(path), mode, encoding="utf-8", errors="surrogateescape", newline="") as file:
            file.write(text)

    def seed(self, files: dict[str, str]) -> None:
        """Put files where nothing is yet."""
        for path, text in files.items():
            place = self.place(path)
            if not os.path.lexists(place):
                os.makedirs(os.path.dirname(place), exist_ok=True)
                self.write(path, text)

    def names(self, path: str) -> list[str]:
        """Return the sorted names in a folder."""
        return sorted(os.listdir(self.place(path)))

    def matches(self, pattern: str) -> list[str]:
        """Return the paths that match an absolute pattern, the pattern itself if none does."""
        from fnmatch import fnmatchcase

        found = ["/"]
        for part in pattern.strip("/").split("/"):
            step = []
            for folder in found:
                if any(mark in part for mark in "*?["):
                    if self.is_folder(folder):
                        inside = [
                            n for n in self.names(folder) if fnmatchcase(n, part) and (n[0] != "." or part[0] == ".")
                        ]
                        step += [os.path.join(folder, name) for name in inside]
                elif self.exists(os.path.join(folder, part)):
                    step.append(os.path.join(folder, part))
            found = step
        return found or [pattern]
