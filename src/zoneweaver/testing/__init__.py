"""For tests of ours and of others: an intent log in memory, hosts that answer by script, the checks of every saga."""

from zoneweaver.testing.hosts import ScriptedHost
from zoneweaver.testing.logs import Killed, MemoryLog
from zoneweaver.testing.sagas import (
    Trial,
    check_cancelling,
    check_death,
    check_deaths,
    check_saga,
    check_twice,
    check_unwinding,
)
from zoneweaver.testing.waiting import ended, until

__all__ = [
    "Killed",
    "MemoryLog",
    "ScriptedHost",
    "Trial",
    "check_cancelling",
    "check_death",
    "check_deaths",
    "check_saga",
    "check_twice",
    "check_unwinding",
    "ended",
    "until",
]
