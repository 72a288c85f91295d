"""ip(8), the program that changes Linux's networks."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class NetworkError(OSError):
    """What a program said when it could not do it."""


def ip(*words: str, said: str = "") -> str:
    """Run ip and return what it printed. Raises NetworkError with its complaint."""
    return run("ip", *words, said=said)


def ip_try(*words: str) -> bool:
    """Run ip where it does not matter whether there is anything to do; tell whether it did it."""
    try:
        run("ip", *words)
    except NetworkError:
        return False
    return True


def run(*argv: str, said: str = "") -> str:
    """Run a program with this on its standard input and return what it printed. Raises NetworkError."""
    import subprocess

    from labhost import machine

    try:
        done = subprocess.run(
            argv, input=said.encode(), capture_output=True, timeout=30, check=False, env=machine.environment()
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise NetworkError(f"{argv[0]}: {problem}") from None
    if done.returncode != 0:
        complaint = done.stderr.decode(errors="replace").strip().replace("\n", "; ")
        raise NetworkError(f"{' '.join(argv)}: {complaint or f'exit {done.returncode}'}")
    return done.stdout.decode(errors="replace")


def look(namespace: str) -> dict[str, dict[str, Any]]:
    """Return the devices of a namespace by name, with their addresses, without the loopback."""
    from json import loads

    found = loads(ip("-n", namespace, "-d", "-j", "address", "show") or "[]")
    return {each["ifname"]: each for each in found if each.get("ifname") not in (None, "lo")}
