"""svcadm(8): change states of service instances."""

from __future__ import annotations

import sys
import time

from labhost.net.options import OptionError, parse
from labhost.smf import methods, services

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from labhost.world import World

    Instance = dict[str, Any]

LETTERS = {"enable": "rstT", "disable": "cstT", "restart": "sTd", "refresh": "sT", "clear": "sT", "mark": "IstT"}
USAGE = """Usage: svcadm [-S <state>] [-v] [-Z | -z zone] [cmd [args ... ]]

\tsvcadm enable [-rst] [<service>] ...\t- enable and online service(s)
\tsvcadm disable [-c comment] [-st] <service> ...\t- disable and offline service(s)
\tsvcadm restart [-d] <service> ...\t- restart specified service(s)
\tsvcadm refresh <service> ...\t\t- re-read service configuration
\tsvcadm mark [-It] <state> <service> ...\t- set maintenance state
\tsvcadm clear <service> ...\t\t- clear maintenance state
\tsvcadm milestone [-d] <milestone>\t- advance to a service milestone

\tServices can be specified using an FMRI, abbreviation, or fnmatch(5)
\tpattern, as shown in these examples for svc:/network/smtp:sendmail"""


def main(world: World, argv: list[str]) -> int:
    """Run one subcommand on every instance its operands name."""
    words = [word for word in argv if word != "-v"] if argv[:1] == ["-v"] else argv
    word = words[0] if words else ""
    if word not in LETTERS:
        print(USAGE, file=sys.stderr)
        return 2
    try:
        options, operands = parse(words[1:], LETTERS[word].replace("c", "c:").replace("T", ""))
    except OptionError:
        print(USAGE, file=sys.stderr)
        return 2
    letters = {letter for letter, _ in options}
    marked = operands.pop(0) if word == "mark" and operands else ""
    if not operands or (word == "mark" and marked not in {"maintenance", "degraded"}):
        print(USAGE, file=sys.stderr)
        return 2
    code = 0
    waited: list[str] = []
    if world.setting("euid", 0) != 0:
        print(f"svcadm: {operands[0]}: Permission denied.", file=sys.stderr)
        return 1
    with world.lock("smf"):
        state = services.load(world)
        known = state["services"]
        for pattern in operands:
            names = _resolve(known, pattern)
            if not names:
                code = 1
            for fmri in names:
                complaint = _change(world, word, fmri, known[fmri], transient="t" in letters, marked=marked)
                if complaint:
                    print(f"svcadm: {complaint}", file=sys.stderr)
                    code = 1
            waited += names
        world.write("smf", state)
    if "s" in letters and not code:
        code = _wait(world, waited)
    return code


def _resolve(known: dict[str, Instance], pattern: str) -> list[str]:
    names = services.matching(known, pattern)
    if not names:
        print(f"svcadm: Pattern '{pattern}' doesn't match any instances", file=sys.stderr)
    elif len(names) > 1 and not any(c in pattern for c in "*?["):
        listed = "".join(f"\n\t{fmri}" for fmri in names)
        print(f"svcadm: Pattern '{pattern}' matches multiple instances:{listed}", file=sys.stderr)
        return []
    return names


def _change(world: World, word: str, fmri: str, instance: Instance, *, transient: bool, marked: str) -> str:
    """Do it; answers the complaint."""
    state = instance["state"]
    if word in {"enable", "disable"}:
        on = word == "enable"
        if transient:
            instance["transient"] = True
        else:
            instance["enabled"] = on
            instance.pop("transient", None)
        if on and state == "disabled":
            _start(world, fmri, instance)
        elif not on and state != "disabled":
            methods.stop(world, fmri)
            services.settle(world, fmri, instance, "disabled")
    elif word == "restart" and state in {"online", "degraded"}:
        methods.stop(world, fmri)
        _start(world, fmri, instance)
    elif word == "refresh":
        instance["running"] = dict(instance.get("props", {}))
        if state in {"online", "degraded"}:
            methods.refresh(world, fmri)
    elif word == "clear":
        if state not in {"maintenance", "degraded"}:
            return f'Instance "{fmri}" is not in a maintenance or degraded state.'
        _start(world, fmri, instance)
    elif word == "mark":
        services.settle(world, fmri, instance, marked, "Maintenance requested by an administrator.")
    return ""


def _start(world: World, fmri: str, instance: Instance) -> None:
    instance["running"] = dict(instance.get("props", {}))
    reason = methods.start(world, fmri, instance)
    services.settle(world, fmri, instance, "maintenance" if reason else "online", reason)


def _wait(world: World, names: list[str]) -> int:
    """Wait until the changes are done; 3 when one ended in maintenance."""
    code = 0
    for fmri in names:
        instance = services.load(world)["services"].get(fmri, {})
        rest = instance.get("changed", {}).get("until", 0) - time.time()
        if rest > 0:
            time.sleep(rest)
        if instance.get("state") == "maintenance":
            print(f'svcadm: Instance "{fmri}" is in maintenance state.', file=sys.stderr)
            code = 3
    return code
