"""What a system says on its console of its own accord, in the middle of anything: kernel, boot and log messages."""

from __future__ import annotations

import re
from typing import Final

_KERNEL: Final = r"\[ {0,8}\d{1,8}\.\d{1,6}\][ :]"
_BOOT: Final = r"\[(?: {2}OK {2}| {1,2}INFO {1,2}| ?FAILED ?|DEPEND| WARN |[ *]{6})\] "
_MONTH: Final = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_SYSLOG: Final = _MONTH + r" [ \d]\d \d\d:\d\d:\d\d [\w.-]{1,64} [\w./-]{1,40}(?:\[\d+\])?: "

MESSAGE: Final = re.compile(rf"(?:{_KERNEL}|{_BOOT}|{_SYSLOG})[^\n]*\n")
"""A whole message, wherever it begins: the kernel does not care what else is on the line."""

DEEPEST: Final = 4
"""How often a message may be cut in two by another one."""


def without(text: str) -> str:
    """Return the text without the messages in it that are complete; what they cut in two is joined again."""
    if "\n" not in text:
        return text
    for _ in range(DEEPEST):
        text, count = MESSAGE.subn("", text)
        if not count:
            break
    return text


def of(text: str) -> list[str]:
    """Return the messages in a text."""
    return MESSAGE.findall(text)
