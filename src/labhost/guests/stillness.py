"""Guests that stand still while their disks are copied, so that the copy is of one moment.

Another process holds them: it lets them go when it is told to, and when whoever wanted them still is gone.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import os
import time

from labhost import processes
from labhost.guests.kinds import REAL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from labhost.world import World

LIMIT = 2.0  # real seconds that a guest is waited for; then it is copied as it moves


class Stillness:
    """Hold the guests that have some of the volumes as disks; ends with its `with` block."""

    __slots__ = ("guests", "holder", "line", "world")

    def __init__(self, world: World, volumes: Collection[str]) -> None:
        zones: dict[str, dict[str, Any]] = world.read("zones").get("zones", {})
        self.world = world
        self.guests = {
            name: zone for name, zone in zones.items()
            if zone["state"] == "running" and zone.get("guest") in REAL and not set(zone["volumes"]).isdisjoint(volumes)
        }  # fmt: skip
        self.holder = 0
        self.line = -1

    def __enter__(self) -> None:
        if not self.guests:
            return
        hear, say = os.pipe()
        wait, self.line = os.pipe()
        self.holder = os.fork()
        if self.holder == 0:
            try:
                os.close(self.line)
                os.close(hear)
                os.setsid()
                self._hold(say, wait)
            finally:
                os._exit(0)
        os.close(say)
        os.close(wait)
        os.read(hear, 1)
        os.close(hear)

    def __exit__(self, *_: object) -> None:
        if self.holder:
            os.close(self.line)
            os.waitpid(self.holder, 0)

    def _hold(self, say: int, wait: int) -> None:
        from labhost.guests import aside, groups

        aside.apart()
        stopped = [pid for zone in self.guests.values() if zone["guest"] == "qemu" for pid in _machines(zone["pid"])]
        boxes = [name for name, zone in self.guests.items() if zone["guest"] == "container"]
        folders = groups.folders(self.world, boxes) if boxes else []
        try:
            _signal_all(stopped, _signal.SIGSTOP)
            for folder in folders:
                _write(f"{folder}/cgroup.freeze", "1")
            deadline = time.monotonic() + LIMIT
            while not all(_is_frozen(folder) for folder in folders) and time.monotonic() < deadline:
                time.sleep(0.001)
            os.write(say, b".")
            os.read(wait, 1)
        finally:
            for folder in folders:
                _write(f"{folder}/cgroup.freeze", "0")
            _signal_all(stopped, _signal.SIGCONT)


def _machines(guest: int) -> list[int]:
    """Return the virtual machine of a guest's process."""
    children = processes.text(guest, f"task/{guest}/children").split()
    return [int(pid) for pid in children if "qemu-system" in "".join(processes.argv(int(pid))[:1])]


def _signal_all(pids: list[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _write(place: str, text: str) -> None:
    try:
        with open(place, "w", encoding="ascii") as file:
            file.write(text)
    except OSError:
        return  # the guest is gone


def _is_frozen(folder: str) -> bool:
    try:
        with open(f"{folder}/cgroup.events", encoding="ascii") as file:
            return "frozen 1" in file.read()
    except OSError:
        return True
